"""The jobs that run an operation and undo it, and what their pages show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, false, or_, select
from sqlalchemy.orm import Session

from app.crud.columns import name_parts
from app.crud.modelview import ModelView
from app.database import KEEPS_PLAN
from app.errors import DomainError
from app.jobs.kinds import JobKind, ReportRow, Step
from app.jobs.models import Job
from app.operations.actionbase import Action, find_operation_action
from app.operations.apply import ApplyRun
from app.operations.frozen import not_started_ids
from app.operations.models import NOT_STARTED, OUTCOMES, UNDO_OUTCOMES, Operation, OperationItem
from app.operations.permissions import may_act, may_list, may_undo
from app.operations.selection import Selection, find_screen, get_screen
from app.operations.undo import UndoRun
from app.operations.verbbase import verb_from_json
from app.security.actor import acting_as, current_actor
from app.security.scope import visible
from app.types import now

NOT_STARTED_LABEL = _l("Not started")


class _OperationJob(JobKind, abstract=True):
    """What running and undoing share: the operation, its action, and the permission check."""

    template = "operations/job.html"
    success_outcomes = frozenset({"changed", "already", "undone"})
    # The labels of the outcomes.
    outcomes: ClassVar[dict[str, Any]] = OUTCOMES

    def begin(self, session: Session, job: Job) -> None:
        operation = get_operation(session, job)
        kind = find_operation_action(operation) if operation is not None else None
        if operation is None or kind is None:
            raise DomainError(_("This collective action is no longer available."))
        get_screen(operation)
        # The name at the time of the request: it may contain the name of an API key.
        actor = replace(
            current_actor(), operation_id=operation.id, name=job.actor_name or current_actor().name
        )
        if not may_act(actor, operation):
            raise DomainError(_("The person who started this no longer has permission."))
        self.operation, self.kind, self.actor = operation, kind, actor
        self.run = self.prepare(session)

    def prepare(self, session: Session) -> ApplyRun | UndoRun:
        """Return the run that processes the chunks."""
        raise NotImplementedError

    def step(self, session: Session, job: Job, size: int) -> Step:
        # Entries that the session logs by itself belong to the operation, too.
        with acting_as(self.actor):
            return self.run.step(job.cursor, size)

    @classmethod
    def why_not_retryable(cls, session: Session, job: Job, *, is_retrying: bool) -> str:
        operation = get_operation(session, job)
        if operation is None or find_operation_action(operation) is None:
            return _("This collective action is no longer available.")
        if is_retrying:
            # Whoever undoes it at the same moment comes first, or finds that it goes on.
            session.refresh(operation, with_for_update=True)
        # After that the items are deleted, and with them the rows that were not processed.
        if operation.undo_until is None or operation.undo_until < now():
            return _("It is too late to continue this process.")
        if job.actor_id == current_actor().id and not may_act(current_actor(), operation):
            return _("You no longer have permission to do this.")
        return ""

    @classmethod
    def _items(
        cls, session: Session, operation: Operation, wanted: list[str], after: int, limit: int
    ) -> list[tuple[int, str | None, str | None]]:
        """Return (id, outcome, reason) of rows after an id that have one of the wanted outcomes."""
        raise NotImplementedError

    @classmethod
    def content(cls, session: Session, job: Job) -> dict[str, Any]:
        operation = get_operation(session, job)
        if operation is None:
            return {"operation": None}
        may_list_rows = may_list(current_actor(), operation)
        screen = find_screen(operation)
        return {
            "counted": ModelView.counted if screen is None else screen.counted,
            "operation": operation,
            "action": find_operation_action(operation),
            "list_url": Selection.from_operation(operation).list_url if may_list_rows else "",
            "may_list": may_list_rows,
            "may_undo": may_undo(current_actor(), operation),
        }

    @classmethod
    def counts(cls, session: Session, job: Job) -> list[tuple[str, Any, int]]:
        operation = get_operation(session, job)
        if operation is None:
            return []
        kind = find_operation_action(operation)
        counts = [
            (code, cls.outcome_text(code, kind), getattr(operation, code)) for code in cls.outcomes
        ]
        left = (job.total or 0) - sum(count for _code, _label, count in counts)
        if job.is_live or left <= 0:
            return counts
        return [*counts, (NOT_STARTED, NOT_STARTED_LABEL, left)]

    @classmethod
    def numbers(cls, session: Session, job: Job) -> dict[str, int]:
        columns: Any = [getattr(Operation, code) for code in cls.outcomes]
        query = select(*columns).where(Operation.id == job.payload.get("operation"))
        row = session.connection().execute(query.execution_options(**KEEPS_PLAN)).one_or_none()
        if row is None:
            return {}
        numbers = dict(zip(cls.outcomes, row, strict=True))
        left = (job.total or 0) - sum(numbers.values())
        return numbers if job.is_live or left <= 0 else numbers | {NOT_STARTED: left}

    @classmethod
    def outcome_text(cls, outcome: str | None, kind: type[Action] | None) -> str:
        """Return the label of an outcome; ``kind`` is None if the action no longer exists."""
        return str(cls.outcomes.get(outcome or "", NOT_STARTED_LABEL))

    @classmethod
    def report_title(cls, session: Session, job: Job) -> str:
        operation = get_operation(session, job)
        view = None if operation is None else find_screen(operation)
        if view is None or not view.singular:
            return super().report_title(session, job)
        return _("Results by %(thing)s", thing=str(view.singular).lower())

    @classmethod
    def report(
        cls, session: Session, job: Job, outcome: str = "", after: int = 0, limit: int = 50
    ) -> list[ReportRow]:
        operation = get_operation(session, job)
        # Most rows of a running job are not processed: a list of them would be outdated at once.
        if operation is None or (job.is_live and not outcome):
            return []
        return cls.item_rows(session, operation, outcome, after, limit)

    @classmethod
    def item_rows(
        cls, session: Session, operation: Operation, outcome: str, after: int, limit: int
    ) -> list[ReportRow]:
        """Return the items of an operation, of one outcome or of all."""
        kind = find_operation_action(operation)
        if kind is None:
            return []
        wanted = [outcome] if outcome else [*cls.outcomes, NOT_STARTED]
        return cls._rows(session, operation, kind, wanted, after, limit)

    @classmethod
    def failures(cls, session: Session, job: Job) -> Iterator[Iterable[str]] | None:
        operation = get_operation(session, job)
        kind = None if operation is None else find_operation_action(operation)
        if operation is None or kind is None:
            return None
        return cls._failures(session, operation, kind)

    @classmethod
    def _failures(
        cls, session: Session, operation: Operation, kind: type[Action]
    ) -> Iterator[Iterable[str]]:
        yield [_("Number"), _("Name"), _("Result"), _("Reason")]
        wanted = [
            code for code in (*cls.outcomes, NOT_STARTED) if code not in cls.success_outcomes
        ]
        after = 0
        while rows := cls._rows(session, operation, kind, wanted, after, 1_000):
            for row in rows:
                yield [str(row.id), row.name, row.outcome_text, row.reason]
            after = rows[-1].id

    @classmethod
    def _rows(
        cls,
        session: Session,
        operation: Operation,
        kind: type[Action],
        wanted: list[str],
        after: int,
        limit: int,
    ) -> list[ReportRow]:
        """Return items with the names of their rows, as far as the reader may see them."""
        items = cls._items(session, operation, wanted, after, limit)
        view = find_screen(operation)
        base = "" if view is None else view.route_base
        may_see = may_list(current_actor(), operation)
        names = load_names(session, kind.model, [item[0] for item in items]) if may_see else {}
        return [
            ReportRow(
                pk,
                names[pk][0] if pk in names else _("Hidden (no access)"),
                f"{base}/show/{pk}" if pk in names and not names[pk][1] else "",
                outcome or NOT_STARTED,
                cls.outcome_text(outcome, kind),
                kind.reason_text(why),
            )
            for pk, outcome, why in items
        ]


class OperationRun(_OperationJob):
    """Run a collective action."""

    name = "operation"
    label = _l("Collective action")

    @classmethod
    def _items(
        cls, session: Session, operation: Operation, wanted: list[str], after: int, limit: int
    ) -> list[tuple[int, str | None, str | None]]:
        item = OperationItem
        query = select(item.row_id, item.outcome, item.reason).where(item.outcome.in_(wanted))
        found = _page(session, query, operation, after, limit)
        if NOT_STARTED in wanted and len(found) < limit:
            left = not_started_ids(session, operation, after, limit - len(found))
            found += [(number, None, None) for number in left]
        return found

    @classmethod
    def outcome_text(cls, outcome: str | None, kind: type[Action] | None) -> str:
        if outcome in cls.outcomes and kind is not None:
            return kind.outcome_text(outcome)
        return super().outcome_text(outcome, kind)

    @classmethod
    def why_not_retryable(cls, session: Session, job: Job, *, is_retrying: bool) -> str:
        why = super().why_not_retryable(session, job, is_retrying=is_retrying)
        operation = get_operation(session, job)
        if not why and operation is not None and operation.undo_job_id is not None:
            return _("This has been undone, so it won’t continue.")
        return why

    def prepare(self, session: Session) -> ApplyRun:
        form = self.kind.build_form(self.operation.answers)
        if not form.validate():
            raise DomainError(_("The chosen value no longer exists."))
        action = self.kind(form, self.actor)
        action.check()
        batch = action.batch()
        plan = self.operation.plan or []
        batch.verbs = [
            verb.with_plan(stored) for verb, stored in zip(batch.verbs, plan, strict=True)
        ]
        if batch.is_one_by_one:
            self.initial_chunk_sizes = (20, 50)
            self.max_chunk_size = 200
        return ApplyRun(session, self.operation, batch, self.actor)


class OperationUndo(_OperationJob):
    """Undo a collective action."""

    name = "operation_undo"
    label = _l("Undo")
    outcomes = UNDO_OUTCOMES

    @classmethod
    def _items(
        cls, session: Session, operation: Operation, wanted: list[str], after: int, limit: int
    ) -> list[tuple[int, str | None, str | None]]:
        item = OperationItem
        query = select(item.row_id, item.undone, item.undone_reason).where(
            item.outcome == "changed",
            or_(
                item.undone.in_(wanted),
                item.undone.is_(None) if NOT_STARTED in wanted else false(),
            ),
        )
        return _page(session, query, operation, after, limit)

    def prepare(self, session: Session) -> UndoRun:
        model = self.kind.model
        verbs = [verb_from_json(model, plan) for plan in self.operation.plan or ()]
        if any(verb.name == "each" for verb in verbs):
            self.initial_chunk_sizes = (20, 50)
            self.max_chunk_size = 200
        action = self.kind(None, self.actor)
        return UndoRun(session, self.operation, verbs, action.undo_row, model, self.actor)


def _page(
    session: Session, query: Select, operation: Operation, after: int, limit: int
) -> list[tuple[int, str | None, str | None]]:
    """Return the first rows of a query over items that come after an id."""
    item = OperationItem
    query = query.where(item.operation_id == operation.id, item.row_id > after)
    return [tuple(row) for row in session.execute(query.order_by(item.row_id).limit(limit))]


def get_operation(session: Session, job: Job) -> Operation | None:
    """Return the operation that a job runs or undoes."""
    return session.get(Operation, job.payload.get("operation"))


def load_names(session: Session, model: Any, ids: list[int]) -> dict[int, tuple[str, bool]]:
    """Return the names of visible rows and whether they are in the trash, by id."""
    if not ids:
        return {}
    query = visible(model, current_actor()).where(model.id.in_(ids))
    parts = [getattr(model, part) for part in name_parts(model)]
    trashed = getattr(model, "trashed_at", model.id)
    query = query.with_only_columns(model.id, trashed, *parts)
    rows = session.execute(query.execution_options(with_trash=True))
    is_trash = hasattr(model, "trashed_at")
    return {
        row[0]: (" ".join(str(p) for p in row[2:] if p), is_trash and row[1] is not None)
        for row in rows
    }
