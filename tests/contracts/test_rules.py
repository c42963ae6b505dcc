"""A rule is written once, and whatever writes a row asks it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import and_, select

from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Contact, Status
from app.errors import DomainError
from app.extensions import db
from app.log.models import LogEntry
from app.operations.verbbase import Verb
from app.states.rules import Rule
from tests.contacts.importing import import_file
from tests.factories import a_contact, the_entity, the_value
from tests.operations.run_actions import do, items_of, preview, undo
from tests.people import BRUNO, api_key_header
from tests.sample import declared

pytestmark = [pytest.mark.usefixtures("rule"), pytest.mark.both_databases]
MESSAGE = "Nobody is deregistered in Atlantis."


@pytest.fixture
def left(session) -> Status:
    """Give the status that the rule is about."""
    return the_value(Status, "Deregistered")


@pytest.fixture
def rule(left):
    """Declare the rule for one test."""
    number = left.id

    def declare() -> dict[str, Any]:
        class NotInAtlantis(Rule):
            model = Contact
            field = "status"
            message = MESSAGE

            def broken(self, row):
                return and_(row.city == "Atlantis", row.status_id == number)

        return locals()

    with declared(declare):
        yield


@pytest.fixture
def contact(left) -> Contact:
    return a_contact(city="Atlantis", email="a@example.org", last_name="Peña")


def status_of(contact: Contact) -> str:
    query = select(Contact).where(Contact.id == contact.id)
    status = db.session.scalars(query.execution_options(populate_existing=True)).one().status
    return "" if status is None else status.label_en


def last_entry(contact: Contact) -> LogEntry:
    query = select(LogEntry).where(LogEntry.subject_type == "contact")
    query = query.where(LogEntry.subject_id == contact.id)
    return db.session.scalars(query.order_by(LogEntry.id.desc()).limit(1)).one()


def test_the_form_shows_the_message_beside_the_field_and_keeps_what_was_typed(
    client_as, contact, left
):
    typed = {"version": 1, "last_name": "Peñalver", "city": "Atlantis", "status": left.id,
             "entity": contact.entity_id}  # fmt: skip
    reply = client_as(BRUNO).post(f"/contacts/edit/{contact.id}", data=typed)
    assert reply.status_code == 422
    assert MESSAGE in reply.text.partition('id="status-error"')[2][:300]
    assert "Peñalver" in reply.text
    assert status_of(contact) == ""


def test_a_new_row_is_refused(client_as, left):
    entity = the_entity("Norte").id
    typed = {"last_name": "Nueva", "city": "Atlantis", "status": left.id, "entity": entity}
    reply = client_as(BRUNO).post("/contacts/add", data=typed)
    assert reply.status_code == 422
    assert MESSAGE in reply.text


def test_the_api_names_the_field(client_as, contact, left):
    reply = client_as(None).patch(
        f"/api/v1/contacts/{contact.id}",
        json={"version": 1, "status": {"id": left.id}},
        headers=api_key_header(BRUNO.user.id),
    )
    assert reply.status_code == 422
    assert reply.get_json()["fields"] == {"status": [MESSAGE]}
    assert status_of(contact) == ""


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_import_rejects_the_row_and_writes_the_others(
    session, tmp_path, contact, left, dry_run
):
    other = a_contact(email="b@example.org", city="Bilbao")
    path = tmp_path / "rows.csv"
    path.write_text(
        "email,last name,city,status\n"
        "a@example.org,Peña,,Deregistered\n"
        "b@example.org,,,Deregistered\n"
        "c@example.org,Nueva,Atlantis,Deregistered\n"
        "d@example.org,Otra,Atlantis,\n"
    )
    report = import_file(path, dry_run=dry_run)
    assert [(error["row"], error["field"]) for error in report.errors] == [
        (2, "status"), (4, "status")
    ]  # fmt: skip
    assert {error["reason"] for error in report.errors} == {MESSAGE}
    assert (report.new, report.updated, report.invalid) == (1, 1, 2)
    assert status_of(contact) == ""
    assert status_of(other) == ("" if dry_run else "Deregistered")


def test_a_collective_action_leaves_out_the_rows_that_would_break_it(contact, left):
    others = [a_contact(city="Bilbao"), a_contact(city=None), a_contact(status=left)]
    rows, actor = [contact, *others], BRUNO.as_actor()

    told = preview(ChangeStatus, actor, rows, status=left.id)
    assert (told.will_change, told.already, told.skipped) == (2, 1, [(MESSAGE, 1)])

    operation = do(ChangeStatus, actor, rows, status=left.id)
    assert (operation.changed, operation.already, operation.skipped) == (2, 1, 1)
    assert ChangeStatus.reason_text(items_of(operation)[contact.id].reason) == MESSAGE
    assert [status_of(row) for row in rows] == ["", *["Deregistered"] * 3]


def test_a_value_of_the_log_is_not_put_back(client_as, left):
    contact = a_contact(status=left, city="Bilbao")
    contact.status = None
    db.session.commit()
    entry = last_entry(contact)
    contact.city = "Atlantis"
    db.session.commit()
    browser = client_as(BRUNO)
    reply = browser.post(f"/contacts/putback/{contact.id}/{entry.id}/status_id")
    assert MESSAGE in browser.get(reply.location).text
    assert status_of(contact) == ""


def test_undoing_leaves_the_rows_that_would_break_it(left):
    rows, actor = [a_contact(status=left), a_contact(status=left)], BRUNO.as_actor()
    active = the_value(Status, "Active")
    operation = do(ChangeStatus, actor, rows, status=active.id)
    moved = db.session.get(Contact, rows[0].id, populate_existing=True)
    moved.city = "Atlantis"
    db.session.commit()
    undone = undo(operation, actor)
    assert (undone.undone, undone.kept) == (1, 1)
    assert ChangeStatus.reason_text(items_of(undone)[moved.id].undone_reason) == MESSAGE
    assert [status_of(row) for row in rows] == ["Active", "Deregistered"]


def test_whatever_else_uses_the_session_is_refused_too(session, contact, left):
    contact.status = left
    with pytest.raises(DomainError) as refused:
        session.commit()
    assert (str(refused.value), refused.value.field) == (MESSAGE, "status")


def test_a_row_that_broke_the_rule_before_can_still_be_edited_otherwise(session, contact, left):
    """Such as one that is older than the rule."""
    table = Contact.__table__
    session.execute(table.update().where(table.c.id == contact.id).values(status_id=left.id))
    session.refresh(contact)
    contact.notes = "Later"
    session.commit()
    assert status_of(contact) == "Deregistered"


def test_a_verb_says_what_it_leaves_in_the_rows():
    """Without it no rule would be asked before a collective action."""
    silent = [
        verb.__name__
        for verb in all_verbs(Verb)
        if getattr(verb, "name", "each") != "each"
        and (verb.new_values if verb.changes_row else verb.refusals)
        in (Verb.new_values, Verb.refusals)
    ]
    assert silent == []


def all_verbs(kind: type) -> set[type]:
    return {kind}.union(*map(all_verbs, kind.__subclasses__())) - {Verb}
