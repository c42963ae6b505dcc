"""Store photos before the transaction that names them; collect those that no row names."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice
from typing import IO

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.database import reading
from app.errors import DomainError
from app.storage.files import delete_photos, expired_photos, is_expired, write_photo
from app.storage.pictures import to_jpeg
from app.storage.queries import named_photos

logger = logging.getLogger(__name__)

# Names compared with the rows in one statement.
CHUNK_SIZE = 500


def store_photo(stream: IO[bytes], field: str) -> str:
    """Store a picture as a small JPEG without metadata and return its file name.

    Call it outside of a transaction: decoding takes time. Raise DomainError for ``field`` if the
    file is not a picture or cannot be stored. A photo that no row names is deleted later.
    """
    contents = to_jpeg(stream, field)
    try:
        return write_photo(contents)
    except OSError as error:
        logger.error("A photo could not be stored: %s", error)
        raise DomainError(
            _("The photo could not be stored. Tell your administrator."), field=field
        ) from None


def discard_photos(session: Session, names: Iterable[str]) -> None:
    """Delete photos once the transaction that purges their rows is committed."""
    session.info.setdefault("photos_to_delete", set()).update(names)


def collect_unused_photos(session: Session) -> int:
    """Delete the photos that have expired and that no row names; return how many."""
    count = 0
    expired = expired_photos()
    while names := list(islice(expired, CHUNK_SIZE)):
        with reading():
            unused = set(names) - named_photos(session, names)
            session.rollback()
        # Somebody may be restoring one from the log at this moment, which renews it.
        unused = {name for name in unused if is_expired(name)}
        delete_photos(unused)
        count += len(unused)
    return count
