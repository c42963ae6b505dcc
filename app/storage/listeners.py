"""Follow the rows that name files: what they name stays, what they no longer name expires."""

from __future__ import annotations

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.changed import is_changed
from app.storage.files import delete_from_disk
from app.storage.models import file_fields, key_of, may_have_files
from app.storage.services import TO_DELETE, assign_files, forget_files_of, release_files


@event.listens_for(Session, "after_flush")
def _follow_rows(session: Session, _context) -> None:
    """Note which files the flush names, replaces or purges."""
    named: dict[tuple[str, int], set[str]] = {}
    released: set[str] = set()
    for row in (*session.new, *session.dirty):
        for field in file_fields(type(row)):
            if not is_changed(row, (field,)):
                continue
            history = inspect(row).attrs[field].history
            released.update(key_of(value) for value in history.deleted if value)
            if keys := {key_of(value) for value in history.added if value}:
                named.setdefault((row.__tablename__, row.id), set()).update(keys)
    if released:
        release_files(session, released)
    for (table, row_id), keys in named.items():
        assign_files(session, keys, table, row_id)
    for row in session.deleted:
        if may_have_files(type(row)):
            forget_files_of(session, row.__tablename__, [row.id])


@event.listens_for(Session, "after_commit")
def _delete_after_commit(session: Session) -> None:
    # The end of a savepoint is no commit.
    if not session.in_nested_transaction() and (keys := session.info.pop(TO_DELETE, ())):
        delete_from_disk(keys)


@event.listens_for(Session, "after_soft_rollback")
def _forget_after_rollback(session: Session, _transaction) -> None:
    """Forget them, after that of a savepoint too: a file without a row is collected later."""
    session.info.pop(TO_DELETE, None)
