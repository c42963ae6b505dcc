"""What the jobs of an import share: its permissions, and what their pages show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.crud.modelview import ModelView
from app.crud.screens import find_screen
from app.errors import DomainError
from app.importexport.importer import Importer
from app.importexport.report import ACCEPTED, OUTCOMES, Report
from app.imports.models import ImportIssue, ImportRun
from app.imports.plans import get_importer
from app.imports.services import may_import, may_undo_import, why_not_undone_import
from app.jobs.kinds import JobKind, ReportRow
from app.jobs.models import Job
from app.operations.jobs import load_names
from app.operations.models import UNDO_OUTCOMES
from app.operations.permissions import may_list
from app.security.actor import Actor, acting_as, current_actor

OUTCOME_LABELS = {
    "new": _l("New"),
    "updated": _l("Changed"),
    "unchanged": _l("Unchanged"),
    "skipped": _l("Skipped"),
    "conflict": _l("To be decided"),
    "invalid": _l("With errors"),
}
# The outcomes of the items of an operation that created and changed rows.
ITEM_OUTCOMES = {"new": "created", "updated": "changed"}
_REASONS = {"since": _l("It has changed since."), "gone": _l("It has been deleted."),
            "vanished": _l("The previous value no longer exists."),
            "no_trash": _l("There is no trash for it.")}  # fmt: skip


class ImportJob(JobKind, abstract=True):
    """What checking, importing and undoing share: the import, its importer, the permissions."""

    template = "importexport/job.html"
    success_outcomes = frozenset(ACCEPTED)
    # What the actor must be allowed to do, besides importing.
    permissions: ClassVar[tuple[str, ...]] = ()
    # On PostgreSQL, which locks rows alone: however busy the machine is, a chunk has so many.
    min_chunk_size: ClassVar[int] = 500

    def begin(self, session: Session, job: Job) -> None:
        run = get_run(session, job)
        if run is None:
            raise DomainError(_("This import is no longer available."))
        self.importer = get_importer(run.importer)
        if not may_import(current_actor(), self.importer.model, *self.permissions):
            raise DomainError(_("The person who started this no longer has permission."))
        self.run_id = run.id
        self.actor = self.acting(job, run)
        with acting_as(self.actor):
            self.prepare(session, job, run)

    def rows_of_chunk(self, session: Session, size: int) -> int:
        """Return how many rows to do, of which others would like to see ``size``."""
        if session.get_bind().dialect.name == "sqlite":
            return size
        return max(size, min(self.min_chunk_size, self.max_chunk_size))

    def acting(self, job: Job, run: ImportRun) -> Actor:
        """Return the actor of the changes."""
        name = job.actor_name or current_actor().name
        return replace(current_actor(), channel="import", name=name, operation_id=run.operation_id)

    def prepare(self, session: Session, job: Job, run: ImportRun) -> None:
        """Prepare to go on behind the rows that are done."""
        raise NotImplementedError

    @classmethod
    def content(cls, session: Session, job: Job) -> dict[str, Any]:
        run = get_run(session, job)
        if run is None:
            return {"run": None}
        importer = get_importer(run.importer)
        screen = find_screen(importer.model)
        actor = current_actor()
        return {
            "run": run,
            "operation": run.operation,
            "importer": importer,
            "base": "" if screen is None else screen.route_base,
            "counted": ModelView.counted if screen is None else screen.counted,
            "is_own": run.actor_id == actor.id,
            "may_undo": may_undo_import(actor, run, importer.model)
            and not why_not_undone_import(run),
            "result": None if run.result is None else Report.from_json(run.result),
        }

    @classmethod
    def report_title(cls, session: Session, job: Job) -> str:
        return _("Results by row")

    @classmethod
    def issues(
        cls, session: Session, run: ImportRun, outcome: str, after: int, limit: int
    ) -> list[ReportRow]:
        """Return what is wrong with rows of the file."""
        labels = {field.name: str(field.label) for field in get_importer(run.importer).fields()}
        issue = ImportIssue
        query = select(issue).where(issue.run_id == run.id, issue.id > after)
        if outcome:
            query = query.where(issue.outcome == outcome)
        return [
            ReportRow(
                one.id,
                " · ".join(filter(None, (_("Row %(row)d", row=one.row), labels.get(one.field)))),
                "",
                one.outcome,
                str(OUTCOME_LABELS[one.outcome]),
                one.reason,
            )
            for one in session.scalars(query.order_by(issue.id).limit(limit))
        ]


def get_run(session: Session, job: Job) -> ImportRun | None:
    """Return the import that a job checks, runs or undoes."""
    return session.get(ImportRun, job.payload.get("import"))


def outcome_counts(report: Report) -> list[tuple[str, Any, int]]:
    return [(code, OUTCOME_LABELS[code], getattr(report, code)) for code in OUTCOMES]


def item_rows(
    session: Session, run: ImportRun, items: list[tuple[int, str, str]]
) -> list[ReportRow]:
    """Return rows of an import with their names, as far as the reader may see them."""
    importer: Importer = get_importer(run.importer)
    screen = find_screen(importer.model)
    base = "" if screen is None else screen.route_base
    may_see = run.operation is not None and may_list(current_actor(), run.operation)
    names = load_names(session, importer.model, [pk for pk, *_rest in items]) if may_see else {}
    labels = {**OUTCOME_LABELS, **UNDO_OUTCOMES}
    return [
        ReportRow(
            pk,
            names[pk][0] if pk in names else _("Hidden (no access)"),
            f"{base}/show/{pk}" if pk in names and not names[pk][1] else "",
            outcome,
            str(labels[outcome]),
            str(_REASONS.get(why, why)),
        )
        for pk, outcome, why in items
    ]
