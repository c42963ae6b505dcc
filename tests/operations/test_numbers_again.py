"""On SQLite the number of the last row, once it is deleted, is the next one's: that is another row."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

from app.contacts.actions.add_tag import AddTag
from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Contact, Status, Tag
from app.extensions import db
from app.jobs.runner import run_job
from app.operations.models import Operation
from tests.factories import a_contact, a_value
from tests.operations.doing import confirm, do, drafted, items_of, undo
from tests.people import BRUNO


@pytest.fixture(autouse=True)
def _numbers_come_back(session):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL gives every number once.")


def test_a_number_that_another_file_got_meanwhile_is_not_touched():
    tag, contact = a_value(Tag), a_contact()
    operation_id = do(AddTag, BRUNO.as_actor(), [contact], tag=tag.id).id
    number, tag_id = contact.id, tag.id
    db.session.execute(delete(Contact).where(Contact.id == number))
    db.session.expunge_all()
    other = a_contact(tags=[db.session.get(Tag, tag_id)])
    assert other.id == number

    operation = undo(db.session.get(Operation, operation_id), BRUNO.as_actor())

    assert (operation.undone, operation.kept) == (0, 1)
    assert [one.id for one in db.session.get(Contact, other.id).tags] == [tag_id]
    assert items_of(operation)[number].undone_reason == "gone"


def test_a_number_that_another_file_got_before_its_turn_is_not_touched():
    tag, contact = a_value(Tag), a_contact()
    number, tag_id = contact.id, tag.id
    operation = confirm(
        drafted(AddTag, BRUNO.as_actor(), [contact]),
        AddTag,
        BRUNO.as_actor(),
        at_once=0,
        tag=tag_id,
    )
    operation_id, job_id = operation.id, operation.job_id
    db.session.execute(delete(Contact).where(Contact.id == number))
    db.session.expunge_all()
    assert a_contact().id == number

    assert run_job(job_id) == "done"

    operation = db.session.get(Operation, operation_id, populate_existing=True)
    assert (operation.changed, operation.skipped) == (0, 1)


def test_a_value_whose_number_another_got_is_not_given_back():
    new, old = a_value(Status), a_value(Status)
    contact = a_contact(status=old)
    operation = do(ChangeStatus, BRUNO.as_actor(), [contact], status=new.id)
    number, row_id, operation_id = old.id, contact.id, operation.id
    db.session.execute(delete(Status).where(Status.id == number))
    db.session.expunge_all()
    assert a_value(Status).id == number

    operation = undo(db.session.get(Operation, operation_id), BRUNO.as_actor())

    assert (operation.undone, operation.kept) == (0, 1)
    assert items_of(operation)[row_id].undone_reason == "vanished"
