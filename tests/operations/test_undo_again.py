"""Undo after it was cancelled, after links changed, and after jobs were deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete

from app.contacts.actions.change_rights import ChangeRights
from app.contacts.models import Contact, Tag
from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_job
from app.jobs.services import cancel
from app.operations import services
from app.operations.models import Operation
from app.operations.permissions import why_not_undone
from app.operations.services import delete_expired_items
from app.security.actor import acting_as
from app.security.areas import Area, Level
from app.security.roles import role_name
from app.types import now
from tests.contact_actions import AddTag
from tests.factories import a_contact, a_value
from tests.operations.run_actions import do, undo
from tests.people import ALICIA, BRUNO, Person, add_person

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def some_with_tag(how_many: int) -> tuple[Operation, Tag, list[Contact]]:
    tag, contacts = a_value(Tag), [a_contact() for _each in range(how_many)]
    return do(AddTag, BRUNO.as_actor(), contacts, tag=tag.id), tag, contacts


def begin_undo(operation: Operation) -> Job:
    """Request the undo, and leave it to a worker."""
    with acting_as(BRUNO.as_actor()):
        job = services.undo(db.session(), operation, BRUNO.as_actor(), at_once=0)
        db.session.commit()
    return job


def first_chunk(job: Job, monkeypatch, size: int) -> None:
    """Let a worker run one chunk of so many rows, and stop."""
    monkeypatch.setattr("app.jobs.chunk_sizing.MIN_CHUNK_SIZE", size)
    monkeypatch.setattr("app.jobs.chunk_sizing.ChunkSizer._clamp", lambda self, _size: size)
    run_job(job.id, should_yield=lambda: True)


def test_a_cancelled_undo_resumes_when_requested_again(monkeypatch):
    operation, tag, contacts = some_with_tag(5)
    job = begin_undo(operation)
    first_chunk(job, monkeypatch, 2)
    cancel(db.session(), job.id)
    db.session.commit()
    assert run_job(job.id) == "cancelled"
    db.session.refresh(operation)
    assert (operation.undone, why_not_undone(operation)) == (2, "")

    operation = undo(operation, BRUNO.as_actor())

    assert (operation.undone, operation.kept) == (5, 0)
    assert [contact for contact in contacts if tag in contact.tags] == []
    assert (operation.undo_job.state, operation.undo_job.total, operation.undo_job.done) == (
        "done", 5, 5,
    )  # fmt: skip
    assert "undone" in why_not_undone(operation)


def test_a_resumed_undo_does_not_touch_rows_that_were_undone_before(monkeypatch):
    """A contact that got the tag again by hand keeps it."""
    operation, tag, contacts = some_with_tag(3)
    job = begin_undo(operation)
    first_chunk(job, monkeypatch, 1)
    cancel(db.session(), job.id)
    db.session.commit()
    run_job(job.id)
    contacts[0].tags.append(tag)
    db.session.commit()

    undo(operation, BRUNO.as_actor())

    assert [tag in contact.tags for contact in contacts] == [True, False, False]


def test_rights_are_restored_only_to_the_user_who_had_them():
    role = role_name(Area.CONTACTS, Level.EDIT)
    first, second = (add_person(Person(name, "Norte", role)) for name in ("primera", "segunda"))
    second.roles = []
    contact = a_contact(user=first)
    operation = do(ChangeRights, ALICIA.as_actor(), [contact], contacts="forbidden")
    assert (operation.changed, first.roles) == (1, [])
    contact.user = second
    db.session.commit()

    operation = undo(operation, ALICIA.as_actor())

    assert (operation.undone, operation.kept) == (0, 1)
    assert (first.roles, second.roles) == ([], [])


def test_items_are_not_deleted_while_an_undo_is_running():
    operation, _tag, _contacts = some_with_tag(3)
    begin_undo(operation)
    operation.undo_until = now() - timedelta(minutes=1)
    db.session.commit()
    assert delete_expired_items(db.session(), 100) == 0
    run_job(operation.undo_job_id)
    assert db.session.get(Operation, operation.id, populate_existing=True).undone == 3
    assert delete_expired_items(db.session(), 100) == 3


def test_an_operation_whose_job_was_deleted_says_that_it_is_too_old_to_undo():
    operation, _tag, _contacts = some_with_tag(1)
    operation.undo_until = now() - timedelta(days=60)
    db.session.execute(delete(Job).where(Job.id == operation.job_id))
    db.session.commit()
    db.session.refresh(operation)
    assert operation.job_id is None
    assert "too late" in why_not_undone(operation)
