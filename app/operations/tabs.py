"""Show on the log tab which collective action an entry was part of."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.crud.tabs import LogOrigins, Origin
from app.jobs.models import Job
from app.jobs.queries import jobs_visible_to
from app.jobs.views import sees_all_jobs
from app.log.models import LogEntry
from app.operations.actionbase import find_operation_action
from app.operations.models import Operation
from app.security.actor import current_actor


class OperationOrigins(LogOrigins):
    """Entries that a collective action, or its undoing, has written."""

    @classmethod
    def of(cls, session: Session, entries: Sequence[LogEntry]) -> dict[int, Origin]:
        numbers = {entry.operation_id for entry in entries if entry.operation_id is not None}
        if not numbers:
            return {}
        # Imports have origins of their own.
        query = select(Operation).where(Operation.id.in_(numbers), Operation.action != "import")
        query = query.options(joinedload(Operation.job), joinedload(Operation.undo_job))
        known = {operation.id: operation for operation in session.scalars(query)}
        seen = visible_jobs(session, list(known.values()))
        found = {}
        for entry in entries:
            operation = known.get(entry.operation_id or 0)
            if operation is not None:
                found[entry.id] = _origin(entry, operation, seen)
        return found


def _origin(entry: LogEntry, operation: Operation, seen: set[int]) -> Origin:
    kind = find_operation_action(operation)
    name = kind.label if kind is not None else operation.action
    undoing = operation.undo_job
    if undoing is not None and entry.at >= undoing.created_at:
        text = _("By undoing the collective action “%(name)s”", name=name)
        job_id = operation.undo_job_id
    else:
        text = _("By the collective action “%(name)s”", name=name)
        job_id = operation.job_id
    return Origin(text, f"/jobs/{job_id}/" if job_id in seen else "")


def visible_jobs(session: Session, operations: list[Operation]) -> set[int]:
    """Return the jobs of operations whose page the reader may open."""
    numbers = [o.job_id for o in operations] + [o.undo_job_id for o in operations]
    sees_all = sees_all_jobs()
    query = select(Job.id).where(Job.id.in_(filter(None, numbers)))
    return set(session.scalars(query.where(jobs_visible_to(current_actor(), sees_all))))
