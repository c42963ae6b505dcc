"""Know whether the current request has committed changes, for what its error page says."""

from __future__ import annotations

import re

from flask import g, has_request_context
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

_WRITE = re.compile(
    r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|MERGE|TRUNCATE|COPY|CREATE|ALTER|DROP"
    r"|WITH\b.*\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\b)",
    re.IGNORECASE | re.DOTALL,
)


def may_have_changed_data() -> bool:
    """Return True if the request has committed changes, or nobody can tell whether it has."""
    return bool(g.get("commit_count") or g.get("is_commit_unanswered"))


@event.listens_for(Engine, "before_cursor_execute")
def _note_write(_connection, _cursor, statement, _parameters, _context, _many) -> None:
    if has_request_context() and _WRITE.match(statement):
        g.has_uncommitted_changes = True


@event.listens_for(Engine, "commit")
def _note_commit_sent(_connection) -> None:
    """If the connection breaks now, the server may have committed or not."""
    if has_request_context() and g.get("has_uncommitted_changes"):
        g.is_commit_unanswered = True


@event.listens_for(Engine, "handle_error")
def _note_refused_commit(context) -> None:
    if has_request_context() and not context.is_disconnect:
        g.pop("is_commit_unanswered", None)


@event.listens_for(Session, "after_commit")
def _note_commit(session: Session) -> None:
    # The end of a savepoint is no commit.
    if not has_request_context() or session.in_nested_transaction():
        return
    g.pop("is_commit_unanswered", None)
    if g.pop("has_uncommitted_changes", False):
        g.commit_count = g.get("commit_count", 0) + 1


@event.listens_for(Session, "after_soft_rollback")
def _note_rollback(_session: Session, transaction) -> None:
    if has_request_context() and not transaction.nested:
        g.pop("has_uncommitted_changes", None)
