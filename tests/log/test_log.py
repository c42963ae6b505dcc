"""Every change of a row is logged: who, how, old and new values."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm.exc import StaleDataError

from app.contacts.models import Status, Tag
from app.errors import DomainError
from app.extensions import db
from app.log.models import LogEntry
from app.log.queries import get_entries
from app.log.services import record_many, restore_value
from app.security.actor import acting_as
from app.trash.services import move_to_trash, restore
from tests.factories import a_contact, an_account, the_entity, the_value
from tests.people import ALICIA, BRUNO, CLARA

pytestmark = pytest.mark.both_databases


def last_entry(row) -> LogEntry:
    return get_entries(db.session(), row, limit=1)[0]


def test_a_new_row_is_logged_with_all_its_values(session):
    tag = the_value(Tag, "To be completed")
    contact = a_contact(last_name="Peña", birth_date=date(1978, 3, 14), tags=[tag])

    entry = last_entry(contact)

    assert entry.event == "created"
    assert entry.changes["last_name"] == [None, "Peña"]
    assert entry.changes["birth_date"] == [None, "1978-03-14"]
    assert entry.changes["entity_id"] == [None, [the_entity("Norte").id, "Norte"]]
    assert entry.changes["tags"] == [[], [[tag.id, str(tag)]]]
    assert "sort_name" not in entry.changes
    assert "notes" not in entry.changes


def test_a_change_is_logged_with_old_and_new_value(session):
    contact = a_contact(last_name="Peña")
    with acting_as(BRUNO.as_actor()):
        contact.last_name = "Peña Ruiz"
        db.session.commit()

    entry = last_entry(contact)

    assert entry.event == "changed"
    assert entry.changes == {"last_name": ["Peña", "Peña Ruiz"]}
    assert (entry.actor_id, entry.actor_name) == (BRUNO.user.id, "Bruno García")
    assert entry.version == contact.version


def test_the_old_value_is_logged_even_if_the_row_was_expired(session):
    contact = a_contact(last_name="Peña")
    db.session.commit()
    assert "last_name" not in contact.__dict__
    contact.last_name = "Ruiz"
    db.session.commit()
    assert last_entry(contact).changes == {"last_name": ["Peña", "Ruiz"]}


def test_links_are_logged_with_id_and_label(session):
    active, pending = the_value(Status, "Active"), the_value(Status, "Pending")
    contact = a_contact(status=active)
    contact.status = pending
    db.session.commit()
    assert last_entry(contact).changes == {
        "status_id": [[active.id, "Active"], [pending.id, "Pending"]]
    }


def test_tags_are_logged_as_the_whole_list_before_and_after(session):
    tag = the_value(Tag, "To be completed")
    contact = a_contact(tags=[tag])
    version = contact.version
    contact.tags = []
    db.session.commit()
    assert last_entry(contact).changes == {"tags": [[[tag.id, str(tag)]], []]}
    assert contact.version == version + 1


def test_saving_without_a_change_logs_nothing(session):
    contact = a_contact(last_name="Peña")
    contact.last_name = "Peña"
    db.session.commit()
    assert len(get_entries(db.session(), contact)) == 1


def test_trashing_restoring_and_purging_are_logged(session):
    contact = a_contact()
    number = contact.id
    move_to_trash(contact, ALICIA.as_actor())
    db.session.commit()
    restore(contact)
    db.session.commit()
    db.session.delete(contact)
    db.session.commit()
    events = db.session.scalars(
        select(LogEntry.event)
        .where(LogEntry.subject_type == "contact", LogEntry.subject_id == number)
        .order_by(LogEntry.id)
    )
    assert list(events) == ["created", "trashed", "restored", "purged"]


def test_a_rolled_back_change_is_not_logged(session):
    contact = a_contact()
    contact.last_name = "Nobody"
    db.session.flush()
    db.session.rollback()
    assert [entry.event for entry in get_entries(db.session(), contact)] == ["created"]


@pytest.mark.parametrize(("channel", "expected"), [("web", "web"), ("import", "import")])
def test_the_channel_of_a_change_is_logged(session, channel, expected):
    with acting_as(ALICIA.as_actor().with_channel(channel)):
        contact = a_contact()
    assert last_entry(contact).channel == expected


def test_changes_from_the_command_line_are_logged_as_the_system(session):
    entry = last_entry(a_contact())
    assert (entry.actor_id, entry.actor_name, entry.channel) == (None, "Padrón", "cli")


def test_many_entries_are_written_in_one_statement(session, counting):
    rows = [
        {"subject_id": n, "subject_name": "x" * 300, "version": 1, "changes": None}
        for n in range(50)
    ]
    actor = ALICIA.as_actor()
    with counting() as statements:
        record_many(db.session(), "changed", "contact", rows, actor)
    assert len(statements) == 1


def test_an_edit_in_the_browser_is_logged_with_the_users_name(client_as):
    contact = a_contact(last_name="Peña")
    form = {"version": contact.version, "last_name": "Peña Ruiz"}
    assert client_as(BRUNO).post(f"/contacts/edit/{contact.id}", data=form).status_code == 302
    entry = last_entry(contact)
    assert (entry.actor_name, entry.channel) == ("Bruno García", "web")
    assert entry.changes == {"last_name": ["Peña", "Peña Ruiz"]}


CHANGES = {
    "text": ("last_name", "Peña", "Ruiz"),
    "blank text": ("first_name", None, "Ana"),
    "day": ("birth_date", date(1978, 3, 14), None),
    "choice": ("salutation", "mr", "ms"),
    "phone": ("phone", "+34927214567", "+34927000000"),
    "country": ("country", "ES", "IE"),
    "lines": ("notes", "uno\ndos", ""),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_an_old_value_can_be_restored(session, client_as, kind):
    field, old, new = CHANGES[kind]
    contact = a_contact(**{field: old})
    setattr(contact, field, new)
    db.session.commit()
    entry = last_entry(contact)

    reply = client_as(BRUNO).post(f"/contacts/putback/{contact.id}/{entry.id}/{field}")

    assert reply.status_code == 302
    assert getattr(contact, field) == old
    assert last_entry(contact).actor_name == "Bruno García"


def test_old_links_and_tags_can_be_restored(session):
    account, tag = an_account(), the_value(Tag, "To be completed")
    contact = a_contact(account=account, tags=[tag])
    # Load the tags first: autoflush would write the account in an entry of its own.
    assert contact.tags
    contact.account, contact.tags = None, []
    db.session.commit()
    entry = last_entry(contact)

    for field in ("account_id", "tags"):
        restore_value(db.session(), contact, entry, field, ALICIA.as_actor())
    db.session.commit()

    assert contact.account == account
    assert contact.tags == [tag]


def test_a_link_to_a_deleted_or_out_of_scope_row_is_not_restored(session):
    gone, far = an_account(), an_account(entity="Sur")
    contact = a_contact(account=gone)
    contact.account = far
    db.session.commit()
    to_gone = last_entry(contact)
    contact.account = None
    db.session.commit()
    to_far = last_entry(contact)
    db.session.delete(gone)
    db.session.commit()

    for entry in (to_gone, to_far):
        with pytest.raises(DomainError, match="can’t be restored"):
            restore_value(db.session(), contact, entry, "account_id", BRUNO.as_actor())


@pytest.mark.parametrize("field", ["last_name", "number", "entity_id"])
def test_the_empty_values_before_creation_are_not_restored(client_as, field):
    contact = a_contact("Norte")
    entry, before = last_entry(contact), getattr(contact, field)
    reply = client_as(BRUNO).post(f"/contacts/putback/{contact.id}/{entry.id}/{field}")
    assert reply.status_code == 302
    db.session.refresh(contact)
    assert getattr(contact, field) == before


def fail_the_flush(session, row, *_more):
    row.entity_id = None
    session.flush()


def fail_the_statement(session, *_more):
    session.execute(text("SELECT nothing_of_this_name"))


def fail_with_stale_data(*_more):
    raise StaleDataError("somebody was faster")


@pytest.mark.parametrize(
    ("fail", "status"),
    [(fail_the_flush, 409), (fail_with_stale_data, 409), (fail_the_statement, (500, 503))],
)
def test_a_database_error_while_restoring_shows_an_error_page(
    client_as, monkeypatch, fail, status
):

    monkeypatch.setattr("app.crud.showpages.restore_value", fail)
    contact = a_contact("Norte")
    at = f"/contacts/putback/{contact.id}/{last_entry(contact).id}/city"
    reply = client_as(BRUNO).post(at)
    assert reply.status_code in (status if isinstance(status, tuple) else (status,))
    assert "<h1" in reply.text


def test_an_entry_of_another_row_is_not_restored(session):
    contact, other = a_contact(last_name="Peña"), a_contact()
    other.last_name = "Ruiz"
    db.session.commit()
    with pytest.raises(DomainError, match="about a different item"):
        restore_value(db.session(), contact, last_entry(other), "last_name", ALICIA.as_actor())


@pytest.mark.parametrize("field", ["version", "sort_name", "id", "__class__", "nope"])
def test_a_field_missing_from_the_entry_is_not_restored(client_as, field):
    contact = a_contact(last_name="Peña")
    contact.last_name = "Ruiz"
    db.session.commit()
    entry = last_entry(contact)
    before = contact.version
    client_as(ALICIA).post(f"/contacts/putback/{contact.id}/{entry.id}/{field}")
    assert contact.version == before


def test_a_user_who_may_only_read_cannot_restore_values(client_as):

    contact = a_contact(last_name="Peña")
    contact.last_name = "Ruiz"
    db.session.commit()
    url = f"/contacts/putback/{contact.id}/{last_entry(contact).id}/last_name"
    assert client_as(CLARA).post(url).status_code == 403
    assert contact.last_name == "Ruiz"


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_log_tab_shows_old_and_new_values_in_the_readers_language(client_as, language):
    contact = a_contact(last_name="Peña", birth_date=date(1978, 3, 14), country="ES")
    contact.birth_date = date(1979, 3, 14)
    contact.country = "IE"
    db.session.commit()
    browser = client_as(ALICIA)
    browser.post("/language", data={"language": language})

    page = browser.get(f"/contacts/show/{contact.id}?tab=log").text

    assert "Padrón" in page
    assert "1978" in page
    assert ("Irlanda" if language == "es" else "Ireland") in page
