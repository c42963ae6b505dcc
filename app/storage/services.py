"""Store files before the transaction that names them; delete those that no row names."""

from __future__ import annotations

import io
import logging
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import IO, Any

from flask_babel import gettext as _
from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from app.database import reading
from app.errors import DomainError
from app.storage.files import delete_from_disk, find_file, old_files, write_file
from app.storage.kinds import HEAD_SIZE, PHOTOS, FileRules
from app.storage.models import StoredFile
from app.storage.pictures import to_jpeg
from app.storage.queries import find_stored, is_expired, is_lost, is_named, stored_keys
from app.text import clean
from app.types import now

logger = logging.getLogger(__name__)

# How long a replaced file can be restored from the log.
RETENTION = timedelta(days=30)
# Files compared with the rows in one statement.
CHUNK_SIZE = 500
BLOCK_SIZE = 1 << 16
# Keys to be deleted from disk after the commit, in ``session.info``.
TO_DELETE = "files_to_delete"


def store_file(
    stream: IO[bytes], name: str, rules: FileRules, field: str, *, has_suffix: bool = True
) -> StoredFile:
    """Write a file to disk and return its row, which the caller adds to the session.

    Call it outside of a transaction. Raise DomainError for ``field`` if the file is too large, not
    of a type that is taken, or cannot be written. A file whose row is not committed is deleted
    after a day. Without its suffix all keys are of the same length.
    """
    head = stream.read(HEAD_SIZE)
    kind = rules.type_of(name, head, field)
    suffix = kind.suffixes[0] if has_suffix else ""
    try:
        written = write_file(_limited(head, stream, rules, field), suffix)
    except OSError as error:
        logger.error("A file could not be stored: %s", error)
        raise DomainError(
            _("The file could not be stored. Tell your administrator."), field=field
        ) from None
    return StoredFile(
        key=written.key,
        name=clean(name)[-200:],
        type=kind.mime,
        size=written.size,
        digest=written.digest,
        created_at=now(),
    )


def _limited(head: bytes, stream: IO[bytes], rules: FileRules, field: str) -> Iterator[bytes]:
    """Yield the contents in blocks; raise DomainError once they are too large."""
    size, block = 0, head
    while block:
        size += len(block)
        if size > rules.max_bytes:
            raise rules.too_large(field)
        yield block
        block = stream.read(BLOCK_SIZE)


def store_photo(stream: IO[bytes], field: str) -> StoredFile:
    """Store a picture as a small JPEG without metadata; see ``store_file``."""
    return store_file(io.BytesIO(to_jpeg(stream, field)), f"{field}.jpg", PHOTOS, field)


def store_copy(session: Session, key: str) -> StoredFile | None:
    """Store a file a second time and return its row, as ``store_file`` does; None if it is gone."""
    path, source = find_file(key), find_stored(session, key)
    if path is None or source is None:
        return None
    with path.open("rb") as stream:
        written = write_file(iter(partial(stream.read, BLOCK_SIZE), b""), path.suffix)
    return StoredFile(
        key=written.key, name=source.name, type=source.type, size=written.size,
        digest=written.digest, created_at=now(),
    )  # fmt: skip


def open_file(key: str) -> IO[bytes]:
    """Open a stored file for reading; raise FileNotFoundError if it is gone."""
    path = find_file(key)
    if path is None:
        raise FileNotFoundError(key)
    return path.open("rb")


def lock_file(session: Session, key: str) -> bool:
    """Lock the row of a file until the commit; return False if the file is gone.

    Nobody deletes it then before the transaction names it again.
    """
    query = select(StoredFile.id).where(StoredFile.key == key).with_for_update()
    return session.scalar(query) is not None and find_file(key) is not None


def assign_files(session: Session, keys: Collection[str], owner_type: str, owner_id: int) -> None:
    """Make files belong to a row that names them; they no longer expire."""
    is_not_yet = or_(
        StoredFile.owner_id.is_distinct_from(owner_id),
        StoredFile.owner_type.is_distinct_from(owner_type),
        StoredFile.expires_at.is_not(None),
    )
    values = {"owner_type": owner_type, "owner_id": owner_id, "expires_at": None}
    _change(session, update(StoredFile).where(StoredFile.key.in_(keys), is_not_yet).values(values))


def release_files(session: Session, keys: Collection[str]) -> None:
    """Let files expire that a row no longer names; until then they can be restored."""
    query = update(StoredFile).where(StoredFile.key.in_(keys), StoredFile.expires_at.is_(None))
    _change(session, query.values(expires_at=now() + RETENTION))


def forget_files(session: Session, keys: Collection[str]) -> None:
    """Delete files, as soon as the transaction is committed."""
    _change(session, delete(StoredFile).where(StoredFile.key.in_(keys)))
    session.info.setdefault(TO_DELETE, set()).update(keys)


def forget_files_of(session: Session, owner_type: str, owner_ids: Collection[int]) -> None:
    """Delete the files of rows, those that were replaced as well; see ``forget_files``."""
    query = delete(StoredFile).where(
        StoredFile.owner_type == owner_type, StoredFile.owner_id.in_(owner_ids)
    )
    keys = _change(session, query.returning(StoredFile.key)).scalars().all()
    session.info.setdefault(TO_DELETE, set()).update(keys)


def _change(session: Session, statement: Any) -> Any:
    return session.execute(statement.execution_options(synchronize_session=False))


def collect_unused_files(session: Session) -> int:
    """Delete the files that expired and those no row names; return how many.

    Commit after every chunk. A file that was written less than a day ago is kept.
    """
    _expire_lost_files(session)
    return _delete_expired_files(session) + _delete_files_without_row(session)


def _chunks(session: Session, condition: Any) -> Iterator[list[int]]:
    """Yield the ids of the files that meet a condition, read without a lock."""
    last = 0
    query = select(StoredFile.id).where(condition).order_by(StoredFile.id).limit(CHUNK_SIZE)
    while True:
        with reading():
            ids = list(session.scalars(query.where(StoredFile.id > last)))
            session.rollback()
        if not ids:
            return
        yield ids
        last = ids[-1]


def _expire_lost_files(session: Session) -> None:
    """Let files expire that no row names, without anybody having released them."""
    for ids in _chunks(session, is_lost()):
        query = update(StoredFile).where(StoredFile.id.in_(ids), is_lost())
        _change(session, query.values(expires_at=now() + RETENTION))
        session.commit()


def _delete_expired_files(session: Session) -> int:
    count = 0
    condition = and_(is_expired(), ~is_named())
    for ids in _chunks(session, condition):
        query = delete(StoredFile).where(StoredFile.id.in_(ids), condition)
        keys = _change(session, query.returning(StoredFile.key)).scalars().all()
        session.commit()
        delete_from_disk(keys)
        count += len(keys)
    return count


def _delete_files_without_row(session: Session) -> int:
    """Delete what a crash left between the writing of a file and the commit, or after it."""
    count = 0
    for keys in _lists(old_files()):
        with reading():
            unused = set(keys) - stored_keys(session, keys)
            session.rollback()
        delete_from_disk(unused)
        count += len(unused)
    return count


def _lists(keys: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(keys)
    while chunk := list(islice(rest, CHUNK_SIZE)):
        yield chunk
