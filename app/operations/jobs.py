"""The jobs that do an operation and undo it, and what their page tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import false, or_, select
from sqlalchemy.orm import Session

from app.crud.columns import name_parts
from app.errors import DomainError
from app.extensions import db
from app.jobs.kinds import JobKind, ReportRow, Step
from app.jobs.models import Job
from app.operations.actions import Action, action_of
from app.operations.apply import Run
from app.operations.models import LEFT, OUTCOMES, UNDONE, Operation, OperationItem
from app.operations.selection import Selection, view_called
from app.operations.services import why_not_undone
from app.operations.undo import Undo
from app.operations.verbs import verb_of
from app.security.actor import Actor, acting_as, current_actor
from app.security.rights import actor_has_permission
from app.security.scope import visible
from app.types import now

NOT_BEGUN = _l("not begun")


class _OperationJob(JobKind, abstract=True):
    """What doing and undoing share: the operation, its action, whether it may still be done."""

    template = "operations/job.html"
    success_outcomes = frozenset({"changed", "already", "undone"})
    # The column of an item that tells what became of it, the one that tells why, and the words.
    outcome: ClassVar[str] = "outcome"
    reason: ClassVar[str] = "reason"
    words: ClassVar[dict[str, Any]] = OUTCOMES

    def begin(self, session: Session, job: Job) -> None:
        operation = operation_of(session, job)
        kind = action_of(operation) if operation is not None else None
        if operation is None or kind is None:
            raise DomainError(_("The program no longer knows this collective action."))
        # As they were called when they asked: the name of a key is part of it.
        actor = replace(
            current_actor(), operation_id=operation.id, name=job.actor_name or current_actor().name
        )
        if not may_act(actor, operation):
            raise DomainError(_("Whoever asked for this no longer has the right to do it."))
        self.operation, self.kind, self.actor = operation, kind, actor
        self.work = self.prepare(session)

    def prepare(self, session: Session) -> Run | Undo:
        """Return what works through the chunks."""
        raise NotImplementedError

    def step(self, session: Session, job: Job, size: int) -> Step:
        # What the session notes by itself is part of the operation, too.
        with acting_as(self.actor):
            return self.work.step(job.cursor, size)

    @classmethod
    def why_not_retryable(cls, session: Session, job: Job, *, is_retrying: bool) -> str:
        operation = operation_of(session, job)
        if operation is None or action_of(operation) is None:
            return _("The program no longer knows this collective action.")
        if is_retrying:
            # Who undoes it meanwhile is first, or finds that it goes on.
            session.refresh(operation, with_for_update=True)
        # What became of each row, and the rows not begun, are known no longer than that.
        if operation.undo_until is None or operation.undo_until < now():
            return _("This was asked for too long ago to go on.")
        if job.actor_id == current_actor().id and not may_act(current_actor(), operation):
            return _("You no longer have the right to do this.")
        return ""

    @classmethod
    def among(cls) -> tuple[Any, ...]:
        """Return conditions of the items the job is about."""
        return ()

    @classmethod
    def content(cls, session: Session, job: Job) -> dict[str, Any]:
        operation = operation_of(session, job)
        if operation is None:
            return {"operation": None}
        return {
            "operation": operation,
            "action": action_of(operation),
            "back": Selection.of(operation).back,
            "may_look": may_look(current_actor(), operation),
            "may_undo": may_undo(current_actor(), operation),
        }

    @classmethod
    def counts(cls, session: Session, job: Job) -> list[tuple[str, Any, int]]:
        operation = operation_of(session, job)
        if operation is None:
            return []
        found = [(code, word, getattr(operation, code)) for code, word in cls.words.items()]
        left = (job.total or 0) - sum(number for _code, _word, number in found)
        return found if job.is_live or left <= 0 else [*found, (LEFT, NOT_BEGUN, left)]

    @classmethod
    def report(
        cls, session: Session, job: Job, outcome: str = "", after: int = 0, limit: int = 50
    ) -> list[ReportRow]:
        operation = operation_of(session, job)
        # Of a job that goes on, most rows are not begun: a list of them would be old at once.
        if operation is None or (job.is_live and not outcome):
            return []
        return cls.rows_of(session, operation, outcome, after, limit)

    @classmethod
    def rows_of(
        cls, session: Session, operation: Operation, outcome: str, after: int, limit: int
    ) -> list[ReportRow]:
        """Return what became of rows of an operation: of one outcome, or of all."""
        kind = action_of(operation)
        if kind is None:
            return []
        wanted = [outcome] if outcome else [*cls.words, LEFT]
        return cls._rows(session, operation, kind, wanted, after, limit)

    @classmethod
    def failures(cls, session: Session, job: Job) -> Iterator[Iterable[str]] | None:
        operation = operation_of(session, job)
        kind = None if operation is None else action_of(operation)
        if operation is None or kind is None:
            return None
        return cls._failures(session, operation, kind)

    @classmethod
    def _failures(
        cls, session: Session, operation: Operation, kind: type[Action]
    ) -> Iterator[Iterable[str]]:
        yield [_("Number"), _("Name"), _("Outcome"), _("Reason")]
        wanted = [code for code in (*cls.words, LEFT) if code not in cls.success_outcomes]
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
        """Return items with what their rows are called, as far as the reader may see them."""
        outcome = getattr(OperationItem, cls.outcome)
        items = session.execute(
            select(OperationItem.row_id, outcome, getattr(OperationItem, cls.reason))
            .where(
                OperationItem.operation_id == operation.id,
                OperationItem.row_id > after,
                *cls.among(),
                or_(outcome.in_(wanted), outcome.is_(None) if LEFT in wanted else false()),
            )
            .order_by(OperationItem.row_id)
            .limit(limit)
        ).all()
        view = view_called(operation.selection["view"])
        is_seen = may_look(current_actor(), operation)
        names = names_of(session, kind.model, [item[0] for item in items]) if is_seen else {}
        return [
            ReportRow(
                pk,
                names[pk][0] if pk in names else _("somebody or something you may not see"),
                f"{view.route_base}/show/{pk}" if pk in names and not names[pk][1] else "",
                what or LEFT,
                str(cls.words.get(what, NOT_BEGUN)),
                kind.reason_text(why),
            )
            for pk, what, why in items
        ]


class OperationRun(_OperationJob):
    """Do a collective action."""

    name = "operation"
    label = _l("Collective action")

    @classmethod
    def why_not_retryable(cls, session: Session, job: Job, *, is_retrying: bool) -> str:
        why = super().why_not_retryable(session, job, is_retrying=is_retrying)
        operation = operation_of(session, job)
        if not why and operation is not None and operation.undo_job_id is not None:
            return _("This was undone, so it does not go on.")
        return why

    def prepare(self, session: Session) -> Run:
        form = self.kind.form_of(self.operation.answers)
        if not form.validate():
            raise DomainError(_("What was chosen is no longer there."))
        action = self.kind(form, self.actor)
        action.check()
        batch = action.batch()
        # What was confirmed is what runs: a moment or a number made anew would be another.
        plan = self.operation.plan or []
        batch.verbs = [
            verb if verb.name == "each" else verb_of(batch.model, kept)
            for verb, kept in zip(batch.verbs, plan, strict=True)
        ]
        if batch.is_one_by_one:
            self.initial_chunk_sizes = (20, 50)
            self.max_chunk_size = 200
        return Run(session, self.operation, batch, self.actor)


class OperationUndo(_OperationJob):
    """Undo a collective action."""

    name = "operation_undo"
    label = _l("Undoing")
    outcome, reason, words = "undone", "undone_reason", UNDONE

    @classmethod
    def among(cls) -> tuple[Any, ...]:
        return (OperationItem.outcome == "changed",)

    def prepare(self, session: Session) -> Undo:
        model = self.kind.model
        verbs = [verb_of(model, plan) for plan in self.operation.plan or ()]
        if any(verb.name == "each" for verb in verbs):
            self.initial_chunk_sizes = (20, 50)
            self.max_chunk_size = 200
        action = self.kind(None, self.actor)
        return Undo(session, self.operation, verbs, action.put_back, model, self.actor)


def operation_of(session: Session, job: Job) -> Operation | None:
    """Return the operation a job is about."""
    return session.get(Operation, job.payload.get("operation"))


def may_act(actor: Actor, operation: Operation) -> bool:
    """Say whether an actor holds the rights that an operation takes."""
    resource = view_called(operation.selection["view"]).class_permission_name
    return actor_has_permission(actor, operation.action, resource) and may_look(actor, operation)


def may_look(actor: Actor, operation: Operation) -> bool:
    """Say whether an actor may see lists of such rows as an operation is about."""
    resource = view_called(operation.selection["view"]).class_permission_name
    return actor_has_permission(actor, "can_list", resource)


def may_undo(actor: Actor, operation: Operation) -> bool:
    """Say whether an actor may undo an operation now: whoever asked for it, or an administrator."""
    return may_ask_back(actor, operation) and not why_not_undone(operation)


def may_ask_back(actor: Actor, operation: Operation) -> bool:
    """Say whether undoing an operation, if that is still possible, is for an actor to ask for."""
    return is_theirs_to_undo(actor, operation) and may_act(actor, operation)


def is_theirs_to_undo(actor: Actor, operation: Operation) -> bool:
    """Say whether an operation is an actor's own, or that of somebody they administer."""
    if operation.actor_id == actor.id or actor.is_system:
        return True
    if not actor.is_administrator or actor.entity_ids is None:
        return actor.is_administrator
    theirs = select(Job.id).where(Job.id == operation.job_id, Job.colleagues_scope(actor))
    return db.session.scalar(theirs) is not None


def names_of(session: Session, model: Any, ids: list[int]) -> dict[int, tuple[str, bool]]:
    """Return what visible rows are called and whether they are in the trash, by number."""
    if not ids:
        return {}
    query = visible(model, current_actor()).where(model.id.in_(ids))
    parts = [getattr(model, part) for part in name_parts(model)]
    trashed = getattr(model, "trashed_at", model.id)
    query = query.with_only_columns(model.id, trashed, *parts)
    found = session.execute(query.execution_options(with_trash=True))
    is_trash = hasattr(model, "trashed_at")
    return {
        row[0]: (" ".join(str(p) for p in row[2:] if p), is_trash and row[1] is not None)
        for row in found
    }
