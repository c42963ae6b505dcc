"""Show on the log tab which import an entry was part of."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.crud.tabs import LogOrigins, Origin
from app.imports.services import ACTION
from app.log.models import LogEntry
from app.operations.models import Operation
from app.operations.tabs import visible_jobs


class ImportOrigins(LogOrigins):
    """Entries that an import, or its undoing, has written."""

    @classmethod
    def of(cls, session: Session, entries: Sequence[LogEntry]) -> dict[int, Origin]:
        numbers = {entry.operation_id for entry in entries if entry.operation_id is not None}
        if not numbers:
            return {}
        query = select(Operation).where(Operation.id.in_(numbers), Operation.action == ACTION)
        query = query.options(joinedload(Operation.job), joinedload(Operation.undo_job))
        known = {operation.id: operation for operation in session.scalars(query)}
        if not known:
            return {}
        seen = visible_jobs(session, list(known.values()))
        found = {}
        for entry in entries:
            operation = known.get(entry.operation_id or 0)
            if operation is None:
                continue
            undoing, name = operation.undo_job, str(operation.selection_text)
            if undoing is not None and entry.at >= undoing.created_at:
                text, job_id = _("By undoing the import of “%(name)s”", name=name), undoing.id
            else:
                text = _("By the import of “%(name)s”", name=name)
                job_id = operation.job_id or 0
            found[entry.id] = Origin(text, f"/jobs/{job_id}/" if job_id in seen else "")
        return found
