"""Draft, preview, confirm and undo operations. The caller commits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from flask_babel import gettext as _
from sqlalchemy import Select, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n.localized import LocalizedText, localize
from app.jobs.models import LIVE_STATES, Job
from app.jobs.services import enqueue, resume
from app.log.services import record_security_event
from app.operations.batch import Batch
from app.operations.engine import UNSYNCHRONISED
from app.operations.frozen import freeze_selection
from app.operations.models import FrozenRows, Operation, OperationReason
from app.operations.models import OperationItem as Item
from app.operations.permissions import may_request_undo, why_not_undone
from app.operations.selection import Selection, get_screen
from app.security.actor import Actor
from app.security.scope import not_trashed
from app.types import now

# Days in which an operation can be undone; its items are kept as long.
UNDO_DAYS = 30
# Days after which a draft that was not confirmed is deleted.
DRAFT_DAYS = 1
# A small job is run by its own request. If that fails to, a worker takes it after so long.
FALLBACK_SECONDS = 30.0
SAMPLE_SIZE = 5


class SelectionChanged(DomainError):
    """The number of matching rows is not the one that the preview showed."""


class AnsweredAction(Protocol):
    """An action with its answers, as ``preview`` and ``confirm`` take it."""

    def check(self) -> None:
        """Raise a DomainError for answers that the actor may not give."""

    def batch(self) -> Batch:
        """Return what the action does to rows."""

    def reason_text(self, reason: str | None) -> str:
        """Return the sentence of a reason for leaving a row out."""

    def title(self, rows: str) -> str:
        """Return the title of the job."""

    def answers_to_json(self) -> dict[str, list[str]]:
        """Return the answers as an operation stores them."""

    def describe_answers(self) -> str:
        """Return the answers for people."""


@dataclass
class Sample:
    """One row of a preview, with (label, old, new) of each change."""

    id: int
    name: str
    changes: list[tuple[Any, str, str]]


@dataclass
class Preview:
    """What an operation would do."""

    matched: int = 0
    will_change: int = 0
    already: int = 0
    # (reason, number) of the rows that are left out.
    refused: list[tuple[str, int]] = field(default_factory=list)
    skipped: list[tuple[str, int]] = field(default_factory=list)
    sample: list[Sample] = field(default_factory=list)

    @property
    def not_permitted(self) -> int:
        """Return how many rows the actor may not change."""
        return sum(count for _reason, count in self.refused)

    @property
    def left_out(self) -> int:
        """Return how many rows are skipped."""
        return sum(count for _reason, count in self.skipped)


def create_draft(session: Session, action: str, selection: Selection, actor: Actor) -> Operation:
    """Store a selection and the action chosen for it, until it is confirmed."""
    operation = Operation(
        action=action,
        subject_type=selection.model.__tablename__,
        selection=selection.to_json(),
        selection_text=localize(selection.describe),
        actor_id=actor.id,
        actor_name=actor.name[:160],
        channel=actor.channel,
    )
    session.add(operation)
    session.flush()
    return operation


def record_out_of_scope(session: Session, action: str, selection: Selection, actor: Actor) -> None:
    """Record in the security log that an actor sent ids of rows they may not see."""
    record_security_event(
        session, "out_of_reach", actor, name=_in_english(selection.screen.label),
        action=action.replace("_", "-"), rows=len(selection.ids or ()),
    )  # fmt: skip


def _in_english(label: Any) -> str:
    """Return a label in English, as the log stores it; its reader sees it translated."""
    return localize(lambda: str(label))["en"]


def find_draft(session: Session, number: int, actor: Actor) -> Operation | None:
    """Return an operation of the actor's own by its id, confirmed or not."""
    own = Operation.actor_id == actor.id
    return session.scalar(select(Operation).where(Operation.id == number, own))


def preview(session: Session, action: AnsweredAction, rows: Select) -> Preview:
    """Count what an action would do to rows, in two statements, with some rows as a sample.

    The answers of the action are valid.
    """
    action.check()
    batch = action.batch()
    outcome, reason = batch.outcome_case()
    # As in the run, subqueries of the action see other rows in the trash, too.
    options = {**rows.get_execution_options(), "with_trash": True}
    rows = rows.where(not_trashed(batch.model)).execution_options(**options)
    cases = rows.with_only_columns(
        outcome.label("outcome"),
        reason.label("reason"),
        # Conditions may name the model in subqueries alone; its table stays in FROM.
        maintain_column_froms=True,
    ).subquery()
    counts = select(cases.c.outcome, cases.c.reason, func.count()).group_by(
        cases.c.outcome, cases.c.reason
    )
    result = Preview()
    for code, why, count in session.execute(counts, execution_options=options):
        result.matched += count
        if code == "changed":
            result.will_change += count
        elif code == "already":
            result.already += count
        else:
            left_out = result.refused if code == "refused" else result.skipped
            left_out.append((action.reason_text(why), count))
    if result.will_change:
        some = rows.where(batch.will_change()).order_by(batch.model.id).limit(SAMPLE_SIZE)
        result.sample = [
            Sample(row.id, str(row), [verb.sample(session, row) for verb in batch.verbs])
            for row in session.scalars(some).unique()
        ]
    return result


def confirm(
    session: Session,
    operation: Operation,
    rows: Select,
    action: AnsweredAction,
    actor: Actor,
    *,
    expected: int | None = None,
    at_once: int,
) -> Job:
    """Freeze the selection and enqueue the job; a second call returns the job of the first.

    ``rows`` selects the rows that the actor may see. ``expected`` is the number that the preview
    showed: SelectionChanged if another number matches by now. The caller runs a job of at most
    ``at_once`` rows itself, after the commit. On a DomainError the caller rolls back.
    """
    action.check()
    batch = action.batch()
    screen = get_screen(operation)
    moment = now()
    confirmed = session.execute(
        update(Operation)
        .where(Operation.id == operation.id, Operation.confirmed_at.is_(None))
        # Of several requests the first decides on the answers.
        .values(
            confirmed_at=moment,
            undo_until=moment + timedelta(days=UNDO_DAYS),
            answers=action.answers_to_json(),
            answers_text=localize(action.describe_answers),
        ),
        execution_options=UNSYNCHRONISED,
    )
    session.refresh(operation)
    if not confirmed.rowcount:  # type: ignore[attr-defined]
        if operation.job is None:
            raise DomainError(_("This has already been confirmed."))
        return operation.job
    matched = freeze_selection(session, operation, batch.model, rows)
    if expected is not None and matched != expected:
        raise SelectionChanged(_("The number of results has changed. Check the selection again."))
    operation.matched = matched
    operation.plan = [verb.to_json() for verb in batch.verbs]
    job = enqueue(
        session,
        "operation",
        {"operation": operation.id},
        actor,
        title=localize(lambda: action.title(screen.counted(matched))),
        total=matched,
        key=f"operation-{operation.id}",
        delay=FALLBACK_SECONDS if matched <= at_once else 0,
    )
    operation.job_id = job.id
    session.flush()
    return job


def undo(session: Session, operation: Operation, actor: Actor, *, at_once: int) -> Job:
    """Enqueue the undoing of an operation; a second call returns the job of the first.

    An undoing that was stopped before its end goes on. As with ``confirm``, the caller runs a
    job of at most ``at_once`` rows itself.
    """
    if not may_request_undo(actor, operation):
        raise DomainError(_("Only the person who ran this, or an administrator, can undo it."))
    payload = {"operation": operation.id}
    return enqueue_undo(session, operation, "operation_undo", payload, actor, at_once=at_once)


def enqueue_undo(
    session: Session,
    operation: Operation,
    kind: str,
    payload: dict[str, Any],
    actor: Actor,
    *,
    at_once: int,
) -> Job:
    """Enqueue the job that undoes an operation, or return it; DomainError if it cannot be undone.

    An undoing that was stopped before its end goes on.
    """
    session.refresh(operation, with_for_update=True)
    if operation.job is not None:
        # It may have failed, and have been retried a moment ago.
        session.refresh(operation.job)
    if operation.undo_job is not None:
        session.refresh(operation.undo_job)
        if operation.is_undone:
            return operation.undo_job
    if why := why_not_undone(operation):
        raise DomainError(why)
    delay = FALLBACK_SECONDS if operation.changed <= at_once else 0
    if operation.undo_job is not None:
        resume(session, operation.undo_job, actor, delay=delay)
        return operation.undo_job
    # What the answers name may be gone by now: the title repeats the stored one.
    done = LocalizedText() if operation.job is None else operation.job.localized_title
    job = enqueue(
        session,
        kind,
        payload,
        actor,
        title=localize(lambda: _("Undo: %(title)s", title=done)),
        total=operation.changed,
        key=f"operation-undo-{operation.id}",
        delay=delay,
    )
    operation.undo_job_id = job.id
    session.flush()
    return job


def delete_old_drafts(session: Session) -> int:
    """Delete the drafts that were not confirmed in time; return how many."""
    old = Operation.created_at < now() - timedelta(days=DRAFT_DAYS)
    result = session.execute(delete(Operation).where(Operation.confirmed_at.is_(None), old))
    return result.rowcount  # type: ignore[attr-defined]


def delete_expired_items(session: Session, size: int) -> int:
    """Delete at most ``size`` items of an operation that can no longer be undone.

    Return how many, or how many lists of frozen rows if it has no items; 0 when all are deleted.

    The values of before go with them; the log still has every change. Whoever retries the
    operation locks it too: so it is either skipped here, or found to be too late there.
    """
    is_running = exists().where(
        Job.id.in_((Operation.job_id, Operation.undo_job_id)), Job.state.in_(LIVE_STATES)
    )
    expired = (Operation.undo_until < now(), ~is_running)
    has_rows = or_(
        exists().where(Item.operation_id == Operation.id),
        exists().where(FrozenRows.operation_id == Operation.id),
    )
    operation_id = session.scalar(
        select(Operation.id)
        .where(*expired, has_rows)
        .order_by(Operation.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if operation_id is None:
        return 0
    # A statement after the lock sees whether a job was queued again before it.
    still_expired = exists().where(Operation.id == operation_id, *expired)
    # The lists come first: a frozen row without an item would be one that is not processed.
    lists = delete(FrozenRows).where(FrozenRows.operation_id == operation_id, still_expired)
    reasons = delete(OperationReason).where(
        OperationReason.operation_id == operation_id, still_expired
    )
    some = select(Item.row_id).where(Item.operation_id == operation_id).limit(size)
    items = delete(Item).where(
        Item.operation_id == operation_id, Item.row_id.in_(some), still_expired
    )
    deleted = [
        session.execute(statement, execution_options=UNSYNCHRONISED).rowcount  # type: ignore[attr-defined]
        for statement in (lists, reasons, items)
    ]
    return deleted[-1] or deleted[0]
