"""Keep replaced photos for a while, and delete those of purged rows, after the commit."""

from __future__ import annotations

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.storage.files import delete_photos, keep_photo
from app.storage.models import photo_fields
from app.storage.services import discard_photos


@event.listens_for(Session, "after_flush")
def _note_photos(session: Session, _context) -> None:
    """Note which photos the flush replaces or purges."""
    for row in session.dirty:
        for field in photo_fields(type(row)):
            replaced = {name for name in inspect(row).attrs[field].history.deleted if name}
            session.info.setdefault("photos_replaced", set()).update(replaced)
    for row in session.deleted:
        discard_photos(
            session, {name for f in photo_fields(type(row)) if (name := getattr(row, f))}
        )


@event.listens_for(Session, "after_commit")
def _apply_after_commit(session: Session) -> None:
    # The end of a savepoint is no commit.
    if session.in_nested_transaction():
        return
    for name in session.info.pop("photos_replaced", ()):
        keep_photo(name)
    if names := session.info.pop("photos_to_delete", ()):
        delete_photos(names)


@event.listens_for(Session, "after_soft_rollback")
def _forget_after_rollback(session: Session, _transaction) -> None:
    """Forget them, after that of a savepoint too: what is left over is collected later."""
    session.info.pop("photos_replaced", None)
    session.info.pop("photos_to_delete", None)
