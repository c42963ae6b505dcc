"""Draft an operation, say what it would do, confirm it, undo it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, exists, func, select, tuple_, update
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n.localized import LocalizedText, localize
from app.jobs.models import LIVE_STATES, Job
from app.jobs.services import enqueue, resume
from app.log.services import record_security_event
from app.operations.engine import UNSYNCHRONISED, freeze
from app.operations.models import Operation
from app.operations.models import OperationItem as Item
from app.security.actor import Actor
from app.security.scope import not_trashed
from app.types import now

# Days in which an operation can be undone; what became of each row is kept as long.
UNDO_DAYS = 30
# Days after which a draft that nobody confirmed is forgotten.
DRAFT_DAYS = 1
# Seconds after which a worker takes up what should have been done at once.
AT_ONCE = 30.0
SAMPLES = 5


class SelectionChanged(DomainError):
    """Another number of rows matches than was shown."""


@dataclass
class Sample:
    """One row of a preview: (label, old, new) of everything that changes."""

    id: int
    name: str
    changes: list[tuple[Any, str, str]]


@dataclass
class Preview:
    """What an operation would do."""

    matched: int = 0
    will_change: int = 0
    already: int = 0
    # (reason, number) of what is left out.
    refused: list[tuple[str, int]] = field(default_factory=list)
    skipped: list[tuple[str, int]] = field(default_factory=list)
    sample: list[Sample] = field(default_factory=list)

    @property
    def not_permitted(self) -> int:
        """Return how many this actor may not do this to."""
        return sum(number for _reason, number in self.refused)

    @property
    def left_out(self) -> int:
        """Return how many are skipped."""
        return sum(number for _reason, number in self.skipped)


def draft(session: Session, action: str, selection: Any, actor: Actor) -> Operation:
    """Keep what somebody selected and wants to do, until they confirm it."""
    operation = Operation(
        action=action,
        subject_type=selection.model.__tablename__,
        selection=selection.as_json(),
        selection_text=localize(selection.in_words),
        actor_id=actor.id,
        actor_name=actor.name[:160],
        channel=actor.channel,
    )
    session.add(operation)
    session.flush()
    return operation


def note_refused(session: Session, action: str, selection: Any, actor: Actor) -> None:
    """Tell the security log that rows were named which are not within an actor's reach."""
    record_security_event(
        session, "out_of_reach", actor, name=_in_english(selection.view.label),
        action=action.replace("_", "-"), rows=len(selection.ids or ()),
    )  # fmt: skip


def _in_english(label: Any) -> str:
    """Return a label as the log keeps it, to be said in the language of whoever reads it."""
    return localize(lambda: str(label))["en"]


def draft_of(session: Session, number: int, actor: Actor) -> Operation | None:
    """Return an operation of the actor's own, by its number."""
    mine = Operation.actor_id == actor.id
    return session.scalar(select(Operation).where(Operation.id == number, mine))


def preview(session: Session, rows: Any, batch: Any, reason_text: Any) -> Preview:
    """Say what a batch would do to the rows of a selection, in two statements."""
    outcome, reason = batch.verdict()
    # As in the run, what an action asks about other rows is asked of those in the trash, too.
    options = {**rows.get_execution_options(), "with_trash": True}
    rows = rows.where(not_trashed(batch.model)).execution_options(**options)
    judged = rows.with_only_columns(
        outcome.label("outcome"),
        reason.label("reason"),
        # A verdict may name the rows in subqueries alone: they are meant nevertheless.
        maintain_column_froms=True,
    )
    found = judged.subquery()
    counted = select(found.c.outcome, found.c.reason, func.count()).group_by(
        found.c.outcome, found.c.reason
    )
    told = Preview()
    for what, why, number in session.execute(counted, execution_options=options):
        told.matched += number
        if what == "changed":
            told.will_change += number
        elif what == "already":
            told.already += number
        else:
            (told.refused if what == "refused" else told.skipped).append(
                (reason_text(why), number)
            )
    if told.will_change:
        some = rows.where(batch.to_change()).order_by(batch.model.id).limit(SAMPLES)
        told.sample = [
            Sample(row.id, str(row), [verb.sample(session, row) for verb in batch.verbs])
            for row in session.scalars(some).unique()
        ]
    return told


def confirm(
    session: Session,
    operation: Operation,
    rows: Any,
    batch: Any,
    actor: Actor,
    *,
    title: LocalizedText,
    answers: dict[str, Any] | None = None,
    answers_text: LocalizedText | None = None,
    expected: int | None = None,
    at_once: int,
) -> Job:
    """Freeze the selection and ask for the work; confirming twice is one operation.

    ``rows`` selects what is meant, within the actor's reach. ``expected`` is the number that was
    shown: if another matches by now, nothing happens (SelectionChanged). Up to ``at_once`` rows
    are left to the caller to run when it has committed.
    """
    moment = now()
    taken = session.execute(
        update(Operation)
        .where(Operation.id == operation.id, Operation.confirmed_at.is_(None))
        # Only whoever is first has a say in what is done.
        .values(
            confirmed_at=moment,
            undo_until=moment + timedelta(days=UNDO_DAYS),
            answers=answers or {},
            answers_text=answers_text or LocalizedText(),
        ),
        execution_options=UNSYNCHRONISED,
    )
    session.refresh(operation)
    if not taken.rowcount:  # type: ignore[attr-defined]
        if operation.job is None:
            raise DomainError(_("This was confirmed long ago."))
        return operation.job
    matched = freeze(session, operation, batch.model, rows)
    if expected is not None and matched != expected:
        raise SelectionChanged(_("Meanwhile another number of files matches. Look again."))
    operation.matched = matched
    operation.plan = [verb.plan() for verb in batch.verbs]
    job = enqueue(
        session,
        "operation",
        {"operation": operation.id},
        actor,
        title=title,
        total=matched,
        key=f"operation-{operation.id}",
        delay=AT_ONCE if matched <= at_once else 0,
    )
    operation.job_id = job.id
    session.flush()
    return job


def undo(
    session: Session,
    operation: Operation,
    actor: Actor,
    *,
    title: LocalizedText,
    at_once: int,
) -> Job:
    """Ask for an operation to be undone; asking twice is one undoing.

    One that was stopped half-way goes on.
    """
    session.refresh(operation, with_for_update=True)
    if operation.job is not None:
        # It failed, and may have been tried again a moment ago.
        session.refresh(operation.job)
    if operation.undo_job is not None:
        session.refresh(operation.undo_job)
        if operation.is_undone:
            return operation.undo_job
    why = why_not_undone(operation)
    if why:
        raise DomainError(why)
    delay = AT_ONCE if operation.changed <= at_once else 0
    if operation.undo_job is not None:
        resume(session, operation.undo_job, actor, delay=delay)
        return operation.undo_job
    job = enqueue(
        session,
        "operation_undo",
        {"operation": operation.id},
        actor,
        title=title,
        total=operation.changed,
        key=f"operation-undo-{operation.id}",
        delay=delay,
    )
    operation.undo_job_id = job.id
    session.flush()
    return job


def forget_drafts(session: Session) -> int:
    """Delete the drafts nobody confirmed in time; return how many."""
    old = Operation.created_at < now() - timedelta(days=DRAFT_DAYS)
    gone = session.execute(delete(Operation).where(Operation.confirmed_at.is_(None), old))
    return gone.rowcount  # type: ignore[attr-defined]


def forget_items(session: Session, size: int) -> int:
    """Delete some of the items of operations that can be undone no more; return how many.

    With them goes what the rows held before; the log keeps telling what was done.
    """
    works = exists().where(
        Job.id.in_((Operation.job_id, Operation.undo_job_id)), Job.state.in_(LIVE_STATES)
    )
    over = select(Operation.id).where(Operation.undo_until < now(), ~works)
    some = select(Item.operation_id, Item.row_id).where(Item.operation_id.in_(over)).limit(size)
    gone = session.execute(
        delete(Item).where(tuple_(Item.operation_id, Item.row_id).in_(some)),
        execution_options=UNSYNCHRONISED,
    )
    return gone.rowcount  # type: ignore[attr-defined]


def why_not_undone(operation: Operation) -> str:
    """Return why an operation cannot be undone, or nothing when it can."""
    if operation.is_draft:
        return _("This has not been done yet.")
    # Jobs are forgotten later still.
    if operation.undo_until is None or operation.undo_until < now() or operation.job is None:
        return _("This was done too long ago to be undone.")
    if operation.job.is_live:
        return _("This has not been done yet.")
    if operation.is_undone:
        return _("This was undone already.")
    if not operation.changed:
        return _("Nothing was changed, so there is nothing to undo.")
    return ""
