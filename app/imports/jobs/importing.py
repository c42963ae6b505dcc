"""The job that imports what was checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import exists, select, text, update
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.importexport.diffing import ChunkDiff
from app.importexport.matching import Matcher
from app.importexport.report import ACCEPTED, Report
from app.importexport.rows import ImportRow
from app.importexport.writing import ChunkWriter
from app.imports.jobs.base import ITEM_OUTCOMES, ImportJob, get_run, item_rows, outcome_counts
from app.imports.models import ImportRun
from app.imports.rows import rejected_rows, write_issues, write_items
from app.imports.services import may_import
from app.imports.state import (
    ACCEPTED_LETTERS,
    forget_state,
    get_state,
    read_planned,
)
from app.jobs.kinds import ReportRow, Step
from app.jobs.models import Job
from app.operations.models import OperationItem
from app.security.actor import acting_as


class ImportRows(ImportJob):
    """Import what was checked."""

    name = "import_run"
    label = _l("Import")
    permissions = ("can_add", "can_edit")
    initial_chunk_sizes = (100, 1_000)

    def prepare(self, session: Session, job: Job, run: ImportRun) -> None:
        self.operation_id = job.payload["operation"]
        checked = Report.from_json(run.checked or {})
        self.last_id = checked.last_id
        self.state = get_state(session, run, job.id, job.cursor, self.actor, is_check=False)
        self.state.plan.set_last_id(self.last_id)
        if run.result is None:
            self.found = Report()
            self.found.begin_with_rejected(checked)
        else:
            self.found = Report.from_json(run.result)

        repairs = self.state.plan.repairs
        restores = repairs.restores_all or repairs.restored
        if restores and not may_import(self.actor, self.importer.model, "can_delete"):
            raise DomainError(_("The person who started this no longer has permission."))

    def step(self, session: Session, job: Job, size: int) -> Step:
        state, size = self.state, self.rows_of_chunk(session, size)
        state.cursor, cursor = -1, job.cursor
        read_planned(session, self.run_id, state, cursor, size)
        planned, state.planned = state.planned[:size], state.planned[size:]
        rows = list(islice(state.reader, len(planned)))
        accepted = [
            (row, row_id, version)
            for row, (letter, row_id, version) in zip(rows, planned, strict=True)
            if letter in ACCEPTED_LETTERS
        ]
        if accepted:
            with acting_as(self.actor):
                self._write(session, accepted)
        session.execute(
            update(ImportRun)
            .where(ImportRun.id == self.run_id)
            .values(result=self.found.to_json())
            .execution_options(synchronize_session=False)
        )
        state.cursor = cursor + len(rows)
        return Step(state.cursor, len(rows), is_last=len(rows) < size)

    def _write(self, session: Session, accepted: list[tuple[Any, int, int]]) -> None:
        """Write the accepted rows of a chunk, which are compared once they are locked."""
        model = self.importer.model
        if session.get_bind().dialect.name == "postgresql":
            # Of two imports that know the same new person, one sees the row of the other.
            key = f"import {model.__tablename__}"
            session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": key})
        diff = ChunkDiff(session, self.state.plan, self.actor, [row for row, _i, _v in accepted])
        writer = ChunkWriter(diff)
        row_ids = [row_id for _row, row_id, _version in accepted]
        writer.lock(row_ids)
        diff.check_again(row_ids)
        self._reject_newcomers(session, diff)
        writer.write()
        diff.add_to_report(self.found)
        self.found.errors.clear()
        self.found.changed_since += sum(
            row.outcome in ACCEPTED and row.was_version != version
            for row, (_source, row_id, version) in zip(diff.rows, accepted, strict=True)
            if row_id
        )
        write_issues(session, self.run_id, self.state.plan, diff.rows)
        write_items(session, self.operation_id, diff.rows)

    def _reject_newcomers(self, session: Session, diff: ChunkDiff) -> None:
        """Reject new rows for which somebody else has added a row since the check."""
        model = self.importer.model
        is_own = exists().where(
            OperationItem.operation_id == self.operation_id, OperationItem.row_id == model.id
        )
        only = (model.id > self.last_id) & ~is_own
        new = [row for row in diff.rows if row.outcome == "new"]
        probes = [ImportRow(row.source, values=row.values) for row in new]
        values = [diff.match_values(row) for row in new]
        Matcher(session, self.state.plan, self.actor, only).match(probes, values)
        for row, probe in zip(new, probes, strict=True):
            # Several of them, or one that contradicts, is no reason to add another one.
            if probe.row_id or probe.outcome:
                row.reject("conflict", "", _("Somebody else has added this since the check."))

    def end(self, session: Session, job: Job) -> None:
        forget_state(job.id)

    @classmethod
    def counts(cls, session: Session, job: Job) -> list[tuple[str, Any, int]]:
        run = get_run(session, job)
        return (
            []
            if run is None or run.result is None
            else outcome_counts(Report.from_json(run.result))
        )

    @classmethod
    def report(
        cls, session: Session, job: Job, outcome: str = "", after: int = 0, limit: int = 50
    ) -> list[ReportRow]:
        run = get_run(session, job)
        if run is None or run.operation is None:
            return []
        if outcome in ITEM_OUTCOMES:
            item = OperationItem
            query = select(item.row_id).where(
                item.operation_id == run.operation_id,
                item.outcome == ITEM_OUTCOMES[outcome],
                item.row_id > after,
            )
            ids = session.scalars(query.order_by(item.row_id).limit(limit))
            return item_rows(session, run, [(pk, outcome, "") for pk in ids])
        return cls.issues(session, run, outcome, after, limit)

    @classmethod
    def failures(cls, session: Session, job: Job) -> Iterator[Iterable[str]] | None:
        run = get_run(session, job)
        return None if run is None else rejected_rows(session, run)
