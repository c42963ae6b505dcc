"""A reaction hears of every change of a row, whatever made it, once and in one transaction."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.models import Account
from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Contact, Status
from app.errors import DomainError
from app.extensions import db
from app.log.models import LogEntry
from app.log.reactions import Reaction
from app.trash.services import purge_all
from tests.contact_actions import Delete
from tests.contacts.importing import import_file
from tests.factories import a_contact, an_account, the_entity, the_value
from tests.operations.run_actions import do, undo
from tests.operations.sample_actions import make_sample_actions
from tests.people import ALICIA, BRUNO, api_key_header
from tests.sample import declared

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


@pytest.fixture
def heard():
    """Declare a reaction to contacts; give what it heard, by event."""
    calls: list[tuple] = []

    def declare() -> dict[str, Any]:
        class Hears(Reaction):
            model = Contact

            def react(self, session, ids, fields, actor):
                # The rows are as they will be, also for statements.
                query = select(Contact.id).where(Contact.id.in_(ids))
                found = session.scalars(query.execution_options(with_trash=True)).all()
                calls.append((self.event, len(ids), len(found), fields, actor.name))

        return locals()

    with declared(declare):
        yield calls


def taken(calls: list[tuple]) -> list[tuple]:
    """Return and forget what was heard."""
    result = [call[:4] for call in calls]
    calls.clear()
    return result


def test_a_flush_is_heard_once_for_all_its_rows(session, heard):
    rows = [Contact(last_name=name, entity=the_entity("Norte")) for name in ("Peña", "Ruiz")]
    session.add_all([*rows, Account(name="Norte SA", entity=the_entity("Norte"))])
    session.commit()
    ((event, count, found, fields, _name),) = heard
    assert (event, count, found) == ("created", 2, 2)
    assert "last_name" in fields
    heard.clear()
    for row in rows:
        session.refresh(row)
    for row, name in zip(rows, ("city", "notes"), strict=True):
        setattr(row, name, "Bilbao")
    session.commit()
    assert taken(heard) == [("changed", 2, 2, {"city", "notes"})]
    session.delete(rows[0])
    session.commit()
    assert taken(heard) == [("purged", 1, 0, frozenset())]


def test_pages_and_the_api_are_heard(heard, client_as):
    row, browser = a_contact(last_name="Peña"), client_as(BRUNO)
    heard.clear()
    typed = {"version": 1, "last_name": "Ruiz", "first_name": "Ana", "entity": row.entity_id}
    browser.post(f"/contacts/edit/{row.id}", data=typed)
    assert [call[0] for call in heard] == ["changed"]
    assert heard.pop()[-1] == BRUNO.as_actor().name
    query = select(LogEntry.id).where(LogEntry.subject_id == row.id, LogEntry.event == "changed")
    entry = db.session.scalar(query.where(LogEntry.subject_type == "contact"))
    browser.post(f"/contacts/putback/{row.id}/{entry}/last_name")
    assert taken(heard) == [("changed", 1, 1, {"last_name"})]
    sent, key = {"version": 3, "city": "Bilbao"}, api_key_header(BRUNO.user.id)
    client_as(None).patch(f"/api/v1/contacts/{row.id}", json=sent, headers=key)
    assert taken(heard) == [("changed", 1, 1, {"city"})]
    browser.post(f"/contacts/delete/{row.id}")
    browser.post(f"/contacts/restore/{row.id}")
    assert [call[0] for call in heard] == ["trashed", "restored"]


def test_collective_actions_and_their_undoing_are_heard(heard):
    rows, actor = [a_contact(), a_contact()], ALICIA.as_actor()
    status = the_value(Status, "Active")
    heard.clear()
    operation = do(ChangeStatus, actor, rows, status=status.id)
    undo(operation, actor)
    assert taken(heard) == [("changed", 2, 2, {"status_id"})] * 2
    undo(do(Delete, actor, rows), actor)
    assert [call[:2] for call in taken(heard)] == [("trashed", 2), ("restored", 2)]


def test_actions_row_by_row_are_heard(heard):
    with declared(make_sample_actions) as sample:
        row = a_contact(last_name="Peña")
        heard.clear()
        do(sample.Rename, ALICIA.as_actor(), [row])
    assert taken(heard) == [("changed", 1, 1, {"last_name"})]


def test_an_import_is_heard_by_chunks(heard, tmp_path):
    a_contact(email="a@example.org", last_name="Peña")
    heard.clear()
    path = tmp_path / "rows.csv"
    path.write_text(
        "email,last name,city\na@example.org,Peña,Lugo\nb@example.org,Ruiz,\nc@example.org,Gil,\n"
    )
    import_file(path, dry_run=True)
    assert heard == []
    import_file(path)
    assert [call[:3] for call in taken(heard)] == [("created", 2, 2), ("changed", 1, 1)]


def test_a_purge_is_heard_when_the_rows_are_gone(session, heard):
    for row in (a_contact(), a_contact()):
        row.trashed_at = row.created_at
    session.commit()
    heard.clear()
    purge_all(db.session(), Contact, ALICIA.as_actor())
    assert taken(heard) == [("purged", 2, 0, frozenset())]


def test_a_reaction_may_refuse_and_may_change_other_rows(session):
    contact, account = a_contact(), an_account()

    def declare() -> dict[str, Any]:
        class Notes(Reaction):
            model, events = Contact, ("changed",)

            def react(self, session, ids, fields, actor):
                if "city" in fields:
                    raise DomainError("Nobody moves.")
                account.notes = "Changed"

        class Idle(Reaction):
            model = Account

            def react(self, session, ids, fields, actor): ...

        return locals()

    with declared(declare):
        a_contact()
        session.refresh(account)
        assert account.notes is None
        contact.notes = "Hello"
        session.commit()
        session.refresh(account)
        assert account.notes == "Changed"
        contact.city = "Bilbao"
        with pytest.raises(DomainError):
            session.commit()
        session.rollback()
    assert contact.city is None
    entries = select(LogEntry).where(LogEntry.subject_type == "account")
    last = session.scalars(entries.order_by(LogEntry.id.desc())).first()
    assert last.changes == {"notes": [None, "Changed"]}
