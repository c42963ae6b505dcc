"""The job that undoes an import."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.imports.jobs.base import ITEM_OUTCOMES, ImportJob, get_run, item_rows
from app.imports.models import ImportRun
from app.imports.plans import load_plan
from app.imports.undoing import undo_chunk
from app.jobs.kinds import ReportRow, Step
from app.jobs.models import Job
from app.operations.models import UNDO_OUTCOMES, Operation, OperationItem
from app.security.actor import acting_as


class ImportUndo(ImportJob):
    """Undo an import: created rows go to the trash, changed ones get their values back."""

    name = "import_undo"
    label = _l("Undo")
    permissions = ("can_edit", "can_delete")
    success_outcomes = frozenset({"undone"})
    initial_chunk_sizes = (100, 1_000)

    def prepare(self, session: Session, job: Job, run: ImportRun) -> None:
        self.operation_id = job.payload["operation"]
        self.plan = load_plan(session, run, self.actor)

    def step(self, session: Session, job: Job, size: int) -> Step:
        item, size = OperationItem, self.rows_of_chunk(session, size)
        items = session.execute(
            select(item.row_id, item.outcome, item.before)
            .where(
                item.operation_id == self.operation_id,
                item.row_id > job.cursor,
                item.outcome.in_(ITEM_OUTCOMES.values()),
            )
            .order_by(item.row_id)
            .limit(size)
        ).all()
        if not items:
            return Step(job.cursor, 0, is_last=True)
        with acting_as(self.actor):
            undo_chunk(session, self.plan, self.actor, self.operation_id, items)
        return Step(items[-1].row_id, len(items), is_last=len(items) < size)

    @classmethod
    def counts(cls, session: Session, job: Job) -> list[tuple[str, Any, int]]:
        operation = session.get(Operation, job.payload.get("operation"))
        if operation is None:
            return []
        return [(code, label, getattr(operation, code)) for code, label in UNDO_OUTCOMES.items()]

    @classmethod
    def report(
        cls, session: Session, job: Job, outcome: str = "", after: int = 0, limit: int = 50
    ) -> list[ReportRow]:
        run = get_run(session, job)
        if run is None or job.is_live:
            return []
        item = OperationItem
        query = select(item.row_id, item.undone, item.undone_reason).where(
            item.operation_id == run.operation_id,
            item.undone.in_([outcome] if outcome else list(UNDO_OUTCOMES)),
            item.row_id > after,
        )
        found = session.execute(query.order_by(item.row_id).limit(limit))
        return item_rows(session, run, [(pk, done or "", why or "") for pk, done, why in found])

    @classmethod
    def report_title(cls, session: Session, job: Job) -> str:
        return _("Results")
