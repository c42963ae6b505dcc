"""The contract of every collective action: preview, log, running once, undo."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.errors import DomainError
from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_job
from app.log.models import LogEntry
from app.operations.actionbase import Action
from app.operations.models import Operation
from app.operations.verbs import MoveToTrash, Set, Unlink
from app.repositories.models import Repository
from app.types import now
from tests.contracts.action_cases import (
    a_row_for,
    answers_for,
    change_by_hand,
    every_action,
    user_who_may,
)
from tests.contracts.database_contents import compare_contents, read_contents
from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.factories import a_row, a_value, the_entity
from tests.operations.run_actions import (
    action_with,
    confirm,
    create_draft_for,
    do,
    items_of,
    job_of,
    preview,
    undo,
    verbs_of,
)
from tests.people import ALICIA

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def a_mixture_of_rows(kind: type[Action], answers: dict[str, Any]) -> list[Any]:
    """Insert rows that the action changes, one that is changed already, and a plain one."""
    rows = [a_row_for(kind, answers), a_row_for(kind, answers, "Bilbao"), a_row(kind.model)]
    done = a_row_for(kind, answers)
    do(kind, ALICIA.as_actor(), [done], **answers)
    if not getattr(done, "is_trashed", False):
        rows.append(done)
    return rows


def log_entries(kind: type[Action], operation: Operation) -> list[LogEntry]:
    """Return the log entries of an operation's rows."""
    query = select(LogEntry).where(
        LogEntry.operation_id == operation.id, LogEntry.subject_type == kind.model.__tablename__
    )
    return list(db.session.scalars(query.order_by(LogEntry.id)))


def versions(rows: list[Any]) -> dict[int, int]:
    db.session.expire_all()
    return {row.id: row.version for row in rows}


# Preview


@every_action
def test_a_preview_equals_the_result_and_changes_nothing(kind, connection):
    answers = answers_for(kind)
    rows, actor = a_mixture_of_rows(kind, answers), user_who_may(kind).as_actor()
    before = fingerprint(connection)

    told = preview(kind, actor, rows, **answers)

    assert changed_tables(before, fingerprint(connection)) == []
    assert told.will_change >= 2
    operation = do(kind, actor, rows, **answers)
    assert (told.matched, told.will_change, told.already, told.not_permitted, told.left_out) == (
        operation.matched,
        operation.changed,
        operation.already,
        operation.refused,
        operation.skipped,
    )
    changed = {number for number, item in items_of(operation).items() if item.outcome == "changed"}
    assert {sample.id for sample in told.sample} == changed
    for sample in told.sample:
        assert sample.name
        shown = [old != new for _label, old, new in sample.changes]
        assert any(shown) or isinstance(verbs_of(kind, operation)[0], MoveToTrash)


@every_action
def test_a_preview_of_a_whole_list_equals_the_result(kind):
    """Rows in the trash are in neither."""
    answers = answers_for(kind)
    a_mixture_of_rows(kind, answers)
    away = [a_row_for(kind, answers), a_row_for(kind, answers)]
    users = [row.user for row in (*away, a_row_for(kind, answers)) if getattr(row, "user", None)]
    for row in (*users, *(away if hasattr(kind.model, "trashed_at") else ())):
        row.trashed_at = now()
        db.session.commit()
    actor = user_who_may(kind).as_actor()

    told, operation = preview(kind, actor, None, **answers), do(kind, actor, None, **answers)

    assert (told.matched, told.will_change, told.already) == (
        operation.matched,
        operation.changed,
        operation.already,
    )
    assert (told.not_permitted, told.left_out) == (operation.refused, operation.skipped)


# Log


@every_action
def test_each_changed_row_and_no_other_has_a_log_entry(kind):
    answers = answers_for(kind)
    rows, person = a_mixture_of_rows(kind, answers), user_who_may(kind)
    before = versions(rows)

    operation = do(kind, person.as_actor(), rows, **answers)

    items, told = items_of(operation), log_entries(kind, operation)
    changed = sorted(number for number, item in items.items() if item.outcome == "changed")
    assert len(changed) == operation.changed >= 2
    assert sorted(entry.subject_id for entry in told) == changed
    after = dict(db.session.execute(select(kind.model.id, kind.model.version), execution_options={"with_trash": True}).all())  # fmt: skip
    is_by_row = verbs_of(kind, operation)[0].name == "each"
    for number, item in items.items():
        # A change through the session raises the versions of other rows.
        raised = item.outcome == "changed" and not is_by_row
        assert after[number] == before[number] + raised
    for entry in told:
        assert (entry.actor_id, entry.actor_name) == (person.user.id, person.user.get_full_name())
        assert entry.version == after[entry.subject_id]
        assert entry.changes
        assert entry.event in {verb.event for verb in verbs_of(kind, operation)}
        assert entry.subject_name


# Running once


@every_action
def test_confirming_and_running_twice_changes_rows_once(kind):
    answers, actor = answers_for(kind), user_who_may(kind).as_actor()
    rows = a_mixture_of_rows(kind, answers)
    operation = create_draft_for(kind, actor, rows)
    first = confirm(operation, kind, actor, **answers).job_id
    told = [entry.id for entry in log_entries(kind, operation)]
    again = confirm(operation, kind, actor, **answers)

    assert run_job(first) == "done"
    assert again.job_id == first
    of_it = select(func.count(Job.id)).where(Job.key == f"operation-{operation.id}")
    assert db.session.scalar(of_it) == 1
    assert [entry.id for entry in log_entries(kind, operation)] == told


@every_action
def test_running_it_again_changes_nothing(kind):
    answers, actor = answers_for(kind), user_who_may(kind).as_actor()
    rows = [
        row for row in a_mixture_of_rows(kind, answers) if not getattr(row, "is_trashed", False)
    ]
    first = do(kind, actor, rows, **answers)
    rows = [row for row in rows if row.id not in _away(kind, rows)]
    if not rows:
        return

    operation = do(kind, actor, rows, **answers)

    assert (operation.changed, operation.matched) == (0, len(rows))
    assert first.changed
    assert log_entries(kind, operation) == []


def _away(kind: type[Action], rows: list[Any]) -> set[int]:
    if not hasattr(kind.model, "trashed_at"):
        return set()
    query = select(kind.model.id).where(kind.model.trashed_at.is_not(None))
    return set(db.session.scalars(query.execution_options(with_trash=True)))


@every_action
def test_a_row_that_left_the_scope_before_the_run_is_refused(kind, connection):
    answers, person = answers_for(kind), user_who_may(kind)
    rows, actor = [a_row_for(kind, answers)], person.as_actor()
    operation = confirm(create_draft_for(kind, actor, rows), kind, actor, at_once=-1, **answers)
    assert job_of(operation).state == "queued"
    person.user.entity = the_entity("Sur")
    db.session.commit()
    before = read_contents(connection)

    state = run_job(operation.job_id)

    db.session.refresh(operation)
    if state == "done":
        assert {(item.outcome, item.reason) for item in items_of(operation).values()} == {
            ("refused", "reach")
        }
        assert operation.refused == 1
    else:
        # What was chosen is out of reach itself.
        assert state == "failed"
    assert operation.changed == 0
    assert compare_contents(before, read_contents(connection)) == {}


@every_action
@pytest.mark.parametrize("loss", ["the role", "the account"])
def test_a_permission_lost_before_the_run_fails_the_job(kind, loss, connection):
    answers, person = answers_for(kind), user_who_may(kind)
    rows, actor = [a_row_for(kind, answers)], person.as_actor()
    operation = confirm(create_draft_for(kind, actor, rows), kind, actor, at_once=-1, **answers)
    if loss == "the role":
        person.user.roles = []
    else:
        person.user.active = False
    db.session.commit()
    before = read_contents(connection)

    assert run_job(operation.job_id) == "failed"
    assert job_of(operation).error
    assert compare_contents(before, read_contents(connection)) == {}
    assert log_entries(kind, operation) == []


# Undo


@every_action
def test_undo_restores_every_value(kind, connection):
    answers, actor = answers_for(kind), user_who_may(kind).as_actor()
    rows = a_mixture_of_rows(kind, answers)
    before = read_contents(connection)
    operation = do(kind, actor, rows, **answers)
    assert compare_contents(before, read_contents(connection))

    operation = undo(operation, actor)

    assert compare_contents(before, read_contents(connection)) == {}
    assert (operation.undone, operation.kept) == (operation.changed, 0)
    told = log_entries(kind, operation)
    assert len(told) == 2 * operation.changed
    events = {verb.undo_event for verb in verbs_of(kind, operation)}
    assert {entry.event for entry in told[operation.changed :]} <= events


@every_action
def test_undo_keeps_and_lists_rows_that_were_changed_since(kind):
    answers, actor = answers_for(kind), user_who_may(kind).as_actor()
    since, as_it_was = a_row_for(kind, answers), a_row_for(kind, answers)
    operation = do(kind, actor, [since, as_it_was], **answers)
    change_by_hand(kind, operation, since)
    told = len(log_entries(kind, operation))

    operation = undo(operation, actor)

    assert (operation.undone, operation.kept) == (1, 1)
    items = items_of(operation)
    assert (items[since.id].undone, items[as_it_was.id].undone) == ("kept", "undone")
    assert kind.reason_text(items[since.id].undone_reason) == "It has changed since."
    assert [entry.subject_id for entry in log_entries(kind, operation)[told:]] == [as_it_was.id]


@every_action
def test_undo_does_not_restore_a_link_to_a_deleted_row(kind):
    answers = answers_for(kind)
    row = a_row_for(kind, answers)
    verb = action_with(kind, ALICIA.as_actor(), answers).batch().verbs[0]
    if isinstance(verb, Set) and verb.target and issubclass(verb.target[1], Repository):
        had = a_value(verb.target[1])
        setattr(row, verb.column, had.id)
    elif isinstance(verb, Unlink):
        had = db.session.get(verb.target, verb.target_id)
    else:
        return
    db.session.commit()
    operation = do(kind, ALICIA.as_actor(), [row], **answers)
    assert operation.changed == 1
    db.session.delete(had)
    db.session.commit()

    operation = undo(operation, ALICIA.as_actor())

    assert (operation.undone, operation.kept) == (0, 1)
    assert items_of(operation)[row.id].undone_reason == "vanished"


@every_action
def test_undoing_twice_changes_rows_once(kind, connection):
    answers, actor = answers_for(kind), user_who_may(kind).as_actor()
    operation = undo(do(kind, actor, [a_row_for(kind, answers)], **answers), actor)
    job, told, after = (
        operation.undo_job_id,
        len(log_entries(kind, operation)),
        read_contents(connection),
    )

    operation = undo(operation, actor)

    assert operation.undo_job_id == job
    assert run_job(job) == "done"
    assert len(log_entries(kind, operation)) == told
    assert compare_contents(after, read_contents(connection)) == {}


@every_action
def test_only_its_owner_or_an_administrator_may_undo_it_in_time(kind, connection):
    answers, actor, other = (
        answers_for(kind),
        user_who_may(kind).as_actor(),
        user_who_may(kind).as_actor(),
    )
    before = read_contents(connection)
    row = a_row_for(kind, answers)
    before, operation = read_contents(connection), do(kind, actor, [row], **answers)
    changed = read_contents(connection)

    with pytest.raises(DomainError):
        undo(operation, other)
    operation.undo_until = now() - timedelta(seconds=1)
    db.session.commit()
    for late in (actor, ALICIA.as_actor()):
        with pytest.raises(DomainError):
            undo(operation, late)
    assert compare_contents(changed, read_contents(connection)) == {}

    operation.undo_until = now() + timedelta(seconds=60)
    db.session.commit()
    undo(operation, ALICIA.as_actor())
    assert compare_contents(before, read_contents(connection)) == {}
