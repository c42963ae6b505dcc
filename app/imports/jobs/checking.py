"""The job that checks a file."""

from __future__ import annotations

from itertools import islice
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.importexport.diffing import ChunkDiff
from app.importexport.repeats import reject_repeated
from app.importexport.report import ACCEPTED, Report
from app.importexport.rows import ImportRow
from app.imports.jobs.base import ImportJob, get_run, outcome_counts
from app.imports.models import ImportChunk, ImportRun
from app.imports.rows import write_issues
from app.imports.state import (
    LETTERS,
    forget_state,
    get_state,
    pack_keys,
)
from app.jobs.kinds import ReportRow, Step
from app.jobs.models import Job
from app.security.actor import acting_as


class ImportCheck(ImportJob):
    """Say what the rows of a file would do; only the report is written."""

    name = "import_check"
    label = _l("Check of a file")
    initial_chunk_sizes = (100, 1_000)

    def prepare(self, session: Session, job: Job, run: ImportRun) -> None:
        self._check_is_current(run, job)
        self.state = get_state(session, run, job.id, job.cursor, self.actor, is_check=True)
        if run.checked is None:
            last_id = session.scalar(select(func.max(self.importer.model.id))) or 0
            self.found = Report(last_id=last_id)
        else:
            self.found = Report.from_json(run.checked)
        self.state.plan.set_last_id(self.found.last_id)

    def _check_is_current(self, run: ImportRun, job: Job) -> None:
        if run.check_job_id != job.id:
            raise DomainError(_("The file is checked again, with other choices."))

    def step(self, session: Session, job: Job, size: int) -> Step:
        run = session.get_one(ImportRun, self.run_id, with_for_update=True, populate_existing=True)
        self._check_is_current(run, job)
        state, size = self.state, self.rows_of_chunk(session, size)
        state.cursor = -1
        start = state.reader.position
        rows = list(islice(state.reader, size))
        cursor = job.cursor + len(rows)
        assert state.first_rows is not None
        if rows:
            with acting_as(self.actor):
                diff = ChunkDiff(session, state.plan, self.actor, rows)
                diff.check()
                keys = reject_repeated(diff, state.first_rows)
                diff.add_to_report(self.found)
            state.first_rows.add(keys)
            self.found.errors.clear()
            session.add(self._chunk(job.cursor, list(start), diff.rows, pack_keys(keys)))
            session.flush()
            write_issues(session, run.id, state.plan, diff.rows)
        session.execute(
            update(ImportRun)
            .where(ImportRun.id == run.id)
            .values(checked=self.found.to_json())
            .execution_options(synchronize_session=False)
        )
        state.cursor = cursor
        return Step(cursor, len(rows), is_last=len(rows) < size)

    def _chunk(
        self, first: int, start: list[Any], rows: list[ImportRow], keys: bytes
    ) -> ImportChunk:
        accepted = [row.outcome in ACCEPTED for row in rows]
        pairs = list(zip(rows, accepted, strict=True))
        return ImportChunk(
            run_id=self.run_id,
            first=first,
            rows=len(rows),
            start=start,
            outcomes="".join(LETTERS[row.outcome] for row in rows),
            ids=[row.row_id if is_accepted else 0 for row, is_accepted in pairs],
            versions=[(row.stored or {}).get("version", 0) for row in rows],
            keys=keys,
        )

    def end(self, session: Session, job: Job) -> None:
        forget_state(job.id)
        run_id = job.payload.get("import")
        session.execute(
            update(ImportChunk)
            .where(ImportChunk.run_id == run_id)
            .values(keys=None)
            .execution_options(synchronize_session=False)
        )
        # The total was that of the line ends.
        session.execute(
            update(Job)
            .where(Job.id == job.id)
            .values(total=Job.done)
            .execution_options(synchronize_session=False)
        )
        session.refresh(job)

    @classmethod
    def counts(cls, session: Session, job: Job) -> list[tuple[str, Any, int]]:
        run = get_run(session, job)
        if run is None or run.checked is None or run.check_job_id != job.id:
            return []
        return outcome_counts(Report.from_json(run.checked))

    @classmethod
    def report(
        cls, session: Session, job: Job, outcome: str = "", after: int = 0, limit: int = 50
    ) -> list[ReportRow]:
        run = get_run(session, job)
        if run is None or run.check_job_id != job.id:
            return []
        return cls.issues(session, run, outcome, after, limit)
