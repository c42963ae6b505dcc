"""Moving rows to the trash, restoring and purging them."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.contacts.models import Contact, Status, Tag
from app.extensions import db
from app.log.models import LogEntry
from app.security.actor import SYSTEM
from app.security.scope import visible
from app.trash.periodic import PurgeOldTrash
from app.trash.services import move_to_trash, purge_all, purge_old, select_trashed
from app.types import now
from tests.factories import a_contact, an_account, the_value
from tests.people import ALICIA, BRUNO, CLARA

pytestmark = pytest.mark.both_databases


def stored_row(row_id: int) -> dict:
    table = Contact.__table__
    return dict(db.session.execute(select(table).where(table.c.id == row_id)).mappings().one())


def a_trashed_contact(**fields) -> Contact:
    contact = a_contact(**fields)
    move_to_trash(contact, ALICIA.as_actor())
    db.session.commit()
    return contact


def test_a_deleted_contact_is_only_in_the_trash(client_as):
    contact = a_contact(last_name="Peña Única")
    browser = client_as(BRUNO)

    reply = browser.post(f"/contacts/delete/{contact.id}")

    assert reply.status_code == 302
    link = f"/contacts/show/{contact.id}"
    assert link not in browser.get("/contacts/list/").text
    assert browser.get(link).status_code == 404
    assert f"/contacts/trash/show/{contact.id}" in browser.get("/contacts/trash/list/").text
    found = browser.get("/search?q=unica", headers={"X-Fragment": "1"}).get_json()["groups"]
    assert found == []
    assert stored_row(contact.id)["trashed_by_id"] == BRUNO.user.id


def test_restoring_recovers_the_row_unchanged(client_as):
    contact = a_contact(
        last_name="Peña", account=an_account(), status=the_value(Status, "Active"),
        tags=[the_value(Tag, "To be completed")], phone="+34927214567",
    )  # fmt: skip
    before, tags = stored_row(contact.id), list(contact.tags)
    browser = client_as(BRUNO)

    browser.post(f"/contacts/delete/{contact.id}")
    browser.post(f"/contacts/restore/{contact.id}")

    after = stored_row(contact.id)
    changing = ("version", "updated_at")
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    assert db.session.get(Contact, contact.id).tags == tags


def test_the_message_after_deleting_has_an_undo_link(client_as):
    contact = a_contact()
    browser = client_as(BRUNO)
    page = browser.post(f"/contacts/delete/{contact.id}", follow_redirects=True).text
    assert f"/contacts/restore/{contact.id}" in page


def test_a_trashed_row_is_excluded_from_counts_joins_and_links(session):
    account = an_account()
    contact = a_contact(account=account)
    other = a_contact(manager=contact)
    a_trashed_contact(last_name="Other")
    move_to_trash(contact, ALICIA.as_actor())
    db.session.commit()
    db.session.expire_all()

    assert db.session.scalar(select(func.count(Contact.id))) == 1
    assert [row.id for row in db.session.scalars(visible(Contact, ALICIA.as_actor()))] == [
        other.id
    ]
    joined = select(Contact.id).join(Contact.account)
    assert db.session.scalars(joined).all() == []


def test_selected_contacts_are_restored_together(client_as):
    rows = [a_trashed_contact(last_name=f"Peña {n}") for n in range(3)]
    ticked = {"action": "restore", "rowid": [rows[0].id, rows[2].id]}

    client_as(BRUNO).post("/contacts/trash/action_post", data=ticked)

    left = db.session.scalars(select_trashed(Contact, ALICIA.as_actor())).all()
    assert [row.id for row in left] == [rows[1].id]


@pytest.mark.parametrize("word", ["", "delete", "deleteforgood", "yes"])
def test_the_trash_is_not_emptied_without_the_confirmation_phrase(client_as, word):
    contact = a_trashed_contact()
    reply = client_as(BRUNO).post("/contacts/trash/empty", data={"word": word})
    assert reply.status_code == 422
    assert stored_row(contact.id)


def test_emptying_the_trash_purges_only_rows_in_scope(client_as):
    gone, far = a_trashed_contact().id, a_trashed_contact(entity="Sur").id
    kept = a_contact().id

    reply = client_as(BRUNO).post("/contacts/trash/empty", data={"word": "Delete permanently "})

    assert reply.status_code == 302
    left = set(db.session.scalars(select(Contact.__table__.c.id)))
    assert left == {far, kept}
    assert gone not in left


def test_rows_linked_to_a_purged_row_lose_only_the_link(session):
    account = an_account()
    manager = a_contact(last_name="Jefa", account=account)
    worker = a_contact(last_name="Peña", manager=manager, account=account)

    db.session.delete(manager)
    db.session.commit()
    db.session.delete(account)
    db.session.commit()

    assert worker.manager is None
    assert worker.account is None
    assert worker.last_name == "Peña"


def test_a_large_trash_is_purged_in_chunks(session):
    for number in range(7):
        a_trashed_contact(last_name=f"Peña {number}")
    assert purge_all(db.session(), Contact, ALICIA.as_actor(), chunk=3) == 7
    assert db.session.scalars(select_trashed(Contact, ALICIA.as_actor())).all() == []


def test_the_member_number_of_a_trashed_contact_is_not_reused(session, client_as):
    contact = a_trashed_contact(number="000777")
    form = {"last_name": "Otra", "number": "000777", "entity": contact.entity_id}
    reply = client_as(ALICIA).post("/contacts/add", data=form)
    assert reply.status_code == 422
    assert "000777" in reply.text


def test_the_trash_can_be_searched(client_as):
    contact = a_trashed_contact(last_name="Peña Única")
    a_contact(last_name="Única Viva")
    page = client_as(BRUNO).get("/contacts/trash/list/?q=unica").text
    assert re.findall(r"/contacts/trash/show/(\d+)", page)[:1] == [str(contact.id)]
    assert "Viva" not in page


def test_a_user_who_may_only_read_can_list_the_trash_but_not_change_it(client_as):
    contact = a_trashed_contact()
    browser = client_as(CLARA)
    assert browser.get("/contacts/trash/list/").status_code == 200
    assert browser.post(f"/contacts/restore/{contact.id}").status_code == 403
    assert browser.post(f"/contacts/trash/restore/{contact.id}").status_code == 403
    assert (
        browser.post("/contacts/trash/empty", data={"word": "Delete permanently"}).status_code
        == 403
    )
    ticked = {"action": "restore", "rowid": contact.id}
    assert browser.post("/contacts/trash/action_post", data=ticked).status_code == 403
    assert stored_row(contact.id)["trashed_at"] is not None


def test_the_command_purges_only_old_rows(app, session):
    old, young = a_trashed_contact(last_name="Old"), a_trashed_contact(last_name="Young")
    old.trashed_at = now() - timedelta(days=40)
    db.session.commit()
    ids = old.id, young.id

    asked = app.test_cli_runner().invoke(args=["trash", "purge", "--days", "30", "--dry-run"])
    done = app.test_cli_runner().invoke(args=["trash", "purge", "--days", "30"])

    assert json.loads(asked.output)["purged"]["contact"] == 1
    assert json.loads(done.output)["purged"]["contact"] == 1
    left = db.session.scalars(
        select(Contact.id).where(Contact.id.in_(ids)).execution_options(with_trash=True)
    ).all()
    assert left == [ids[1]]


def test_restoring_from_the_trash_redirects_to_the_row(client_as):
    contact = a_trashed_contact(last_name="Peña")

    reply = client_as(BRUNO).post(f"/contacts/trash/restore/{contact.id}")

    assert reply.location == f"/contacts/show/{contact.id}"


def an_old_and_a_new_trashed_contact() -> tuple[int, int]:
    old, new = a_trashed_contact(), a_trashed_contact()
    old.trashed_at = now() - timedelta(days=31)
    db.session.commit()
    return old.id, new.id


def test_the_trash_is_purged_of_old_rows_if_the_organisation_says_so(app, session, monkeypatch):
    monkeypatch.setitem(app.config, "TRASH_DAYS", 30)
    old, new = an_old_and_a_new_trashed_contact()

    PurgeOldTrash().run(app)

    left = session.scalars(select_trashed(Contact, ALICIA.as_actor())).all()
    assert [row.id for row in left] == [new]
    query = select(LogEntry).where(LogEntry.subject_id == old).order_by(LogEntry.id)
    entry = session.scalars(query).all()[-1]
    assert (entry.event, entry.actor_name) == ("purged", SYSTEM.name)


@pytest.mark.both_databases
def test_others_may_write_while_the_program_purges_much_on_sqlite(session, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr("app.trash.services.sleep", pauses.append)
    monkeypatch.setattr("app.trash.services.SQLITE_CHUNK", 2)
    for _number in range(3):
        a_trashed_contact()
    is_sqlite = session.get_bind().dialect.name == "sqlite"

    counts = list(purge_old(session(), Contact, now() + timedelta(days=1)))

    assert counts == ([2, 1] if is_sqlite else [3])
    assert len(pauses) == (2 if is_sqlite else 0)


def test_nothing_is_purged_by_itself_without_a_number_of_days(app, session):
    old, new = an_old_and_a_new_trashed_contact()

    PurgeOldTrash().run(app)

    left = session.scalars(select_trashed(Contact, ALICIA.as_actor())).all()
    assert {row.id for row in left} == {old, new}


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        (0, "Items stay here until somebody deletes them permanently."),
        (1, "after 1 day in the trash"),
        (30, "after 30 days in the trash"),
    ],
)
def test_the_trash_says_how_long_items_stay(app, client_as, monkeypatch, days, sentence):
    monkeypatch.setitem(app.config, "TRASH_DAYS", days)

    assert sentence in client_as(BRUNO).get("/contacts/trash/list/").text
