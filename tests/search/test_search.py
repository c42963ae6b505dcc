"""The search finds rows by any part of a word."""

from __future__ import annotations

import re
from datetime import date

import pytest
from sqlalchemy import select, update

from app.accounts.models import Account
from app.contacts.models import Contact
from app.crud import firstrows, paging
from app.extensions import db
from app.search.queries import search_condition
from app.search.services import rebuild
from app.security.actor import acting_as
from app.security.scope import visible
from app.trash.services import move_to_trash, restore
from tests.factories import a_contact, an_account, the_entity
from tests.people import ALICIA, BRUNO

pytestmark = pytest.mark.both_databases


@pytest.fixture
def ana(session):
    """Create a contact with all searched fields filled in, and another one."""
    contact = a_contact(
        first_name="María del Carmen", last_name="Núñez O’Neill", email="mcarmen@example.org",
        mobile="+34612345678", number="A-0042", city="Cáceres", position="Tesorera",
        birth_date=date(1951, 12, 28), account=an_account(name="Imprenta Luz, S. L."),
    )  # fmt: skip
    a_contact(first_name="Zoë", last_name="Walker")
    return contact


def finds(typed: str) -> list[str]:
    return [str(row) for row in db.session.scalars(select(Contact).where(search_condition(db.session(), Contact, typed)))]  # fmt: skip


@pytest.mark.parametrize(
    "typed",
    [
        "María", "maria", "CARMEN", "carmen nunez", "núñez maría", "neill", "o'neill", "O’NEILL",
        "uñez", "arme", "mcarmen@example.org", "example.org", "mcarmen", "612345678", "5678",
        "612 34 56 78", "+34 612 345 678", "(612) 345-678", "A-0042", "0042", "imprenta",
        "luz nuñez", "imprenta maria", "nunez   maria", "s. l.", "de", "ma nu", "nu",
        "Núñez, María", "nunez; carmen", "(maria)", '"maria"', "maria*", "^maria", "¿María?",
        "maria-carmen", "neill/carmen", "o neill", "N.º A-0042", "#A-0042", "Cáceres", "maria caceres",
        "tesorera", "28/12/1951", "1951-12-28", "28 Dec 1951", "28 dic 1951", "28 de diciembre de 1951",
        "carmen 28/12/1951", "December 28, 1951", "NÚÑEZ, MARÍA DEL CARMEN",
    ],
)  # fmt: skip
def test_a_contact_is_found_by(ana, typed):
    assert finds(typed) == [str(ana)]


@pytest.mark.parametrize(
    "typed",
    ["%", "_", "mar_a", "mar%a", '"', "maria OR zoe", "NOT maria", "\\", "'; DROP TABLE contact; --",
     "zzzz", "maria zzzz", "a-0043", "own:maria", "NEAR(maria carmen)", "maria\x00zzz",
     "29/12/1951", "12/28/1951 zoe", "N.º 42", "#0042"],
)  # fmt: skip
def test_query_syntax_is_searched_for_literally(ana, typed):
    assert finds(typed) == []


def test_a_quotation_mark_can_be_searched_for(session):
    a_contact(last_name='Pérez "el Chato"')
    assert finds('"el chato"') == ['Ana Pérez "el Chato"']
    assert finds('"el') == ['Ana Pérez "el Chato"']


@pytest.mark.parametrize("sign", ["%", "_", "\\"])
def test_wildcard_characters_are_found_literally(session, sign):
    a_contact(first_name=None, last_name=f"Club 50{sign}x")
    a_contact(first_name=None, last_name="Club 500x")
    assert finds(f"50{sign}x") == [f"Club 50{sign}x"]


def test_a_changed_name_is_found_immediately(ana):
    ana.last_name = "Ibáñez"
    db.session.commit()
    assert finds("ibanez") == [str(ana)]
    assert finds("nunez") == []


def test_a_contact_is_found_by_the_new_name_of_its_account(ana):
    ana.account.name = "Talleres Sol"
    db.session.commit()
    assert finds("talleres sol") == [str(ana)]
    assert finds("imprenta") == []


def test_a_contact_is_found_by_its_new_account(ana):
    ana.account = an_account(name="Editorial Ñandú")
    db.session.commit()
    assert finds("nandu carmen") == [str(ana)]
    assert finds("imprenta") == []
    ana.account_id = None
    db.session.commit()
    assert finds("nandu") == []


def test_a_trashed_contact_is_not_found_until_it_is_restored(ana):
    move_to_trash(ana, ALICIA.as_actor())
    db.session.commit()
    assert finds("carmen") == []
    restore(ana)
    db.session.commit()
    assert finds("carmen") == [str(ana)]


def test_search_texts_can_be_rebuilt_from_the_rows(ana):
    name = str(ana)
    db.session.execute(Contact.search_table.delete())
    assert finds("imprenta 5678") == []
    rebuild(db.session(), Contact)
    assert finds("imprenta 5678") == [name]


def test_the_search_text_of_a_purged_row_is_deleted(ana):
    number = ana.id
    db.session.delete(ana)
    db.session.commit()
    table = Contact.search_table
    assert db.session.scalar(select(table.c.text).where(table.c.row_id == number)) is None
    assert finds("carmen") == []


def test_an_account_is_found_by_name_and_tax_number(session):
    an_account(name="Coop. Agrícola", tax_number="B-10203040")
    for typed in ("agricola", "b-1020", "coop agri"):
        found = select(Account).where(search_condition(session(), Account, typed))
        assert [str(row) for row in session.scalars(found)] == ["Coop. Agrícola"]


def test_a_very_long_query_is_truncated(client_as):
    assert client_as(ALICIA).get(f"/search?q={'a' * 5000}").status_code == 200


def test_the_global_search_finds_contacts_and_accounts(ana, client_as):
    reply = client_as(ALICIA).get("/search?q=imprenta", headers={"X-Fragment": "1"})
    groups = {group["label"]: group["rows"] for group in reply.get_json()["groups"]}
    assert [row["label"] for row in groups["Contacts"]] == [str(ana)]
    assert [row["label"] for row in groups["Accounts"]] == ["Imprenta Luz, S. L."]
    assert groups["Contacts"][0]["url"] == f"/contacts/show/{ana.id}"


def test_a_search_within_a_scope_reads_no_text_but_those_that_match(session):
    with acting_as(BRUNO.as_actor()):
        query = select(Contact.id).where(search_condition(db.session(), Contact, "garcia"))
    connection = db.session.connection()
    statement = query.compile(connection, compile_kwargs={"literal_binds": True})
    if connection.dialect.name == "postgresql":
        plan = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}")]
        # A second look at the texts, as a subquery, would be one at all of them.
        assert len([line for line in plan if " on contact_search" in line]) == 1
    else:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
        assert "SCAN contact_search" not in plan


@pytest.mark.parametrize("database", ["postgres"], indirect=True, scope="session")
def test_who_sees_every_row_has_them_counted_without_reading_them(client_as, counting):
    contacts = [a_contact(entity, last_name="Lejano") for entity in ("Norte", "Sur", "Sur")]
    move_to_trash(contacts[0], ALICIA.as_actor())
    db.session.commit()
    browser = client_as(ALICIA)
    with counting() as statements:
        page = browser.get("/contacts/list/?q=lejano").text
    (count,) = (one for one in statements if one.startswith("SELECT contact_search.row_id"))
    assert "IN (SELECT" not in count
    shown = set(re.findall(r"/contacts/show/(\d+)", page))
    assert shown == {str(contact.id) for contact in contacts[1:]}
    assert re.search(r'<p class="count">.*\b2\b.*</p>', page)


@pytest.mark.parametrize("database", ["postgres"], indirect=True, scope="session")
@pytest.mark.parametrize("model", [Contact, Account], ids=lambda model: model.__name__)
def test_the_texts_of_a_scope_are_found_by_an_index_of_their_entities(model, session):
    with acting_as(BRUNO.as_actor()):
        query = select(model.id).where(search_condition(db.session(), model, "garcia"))
    connection = db.session.connection()
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    table = f"{model.__tablename__}_search"
    connection.exec_driver_sql(f"DROP INDEX ix_{table}_text")
    # The few texts of a test cost the same by their ids, one row of the list after the other.
    connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT pk_{table}")
    statement = query.compile(connection, compile_kwargs={"literal_binds": True})
    plan = "".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}"))
    assert re.search(rf"ix_{table}_entity_id\b.*?Index Cond: \(entity_id = ANY", plan)


def test_a_row_is_found_in_its_entity_whatever_moved_it(session):
    contact, account = a_contact(last_name="Lejano"), an_account(name="Lejano")
    db.session.commit()

    def found() -> list[str]:
        with acting_as(BRUNO.as_actor()):
            rows = [
                db.session.scalars(
                    visible(model, BRUNO.as_actor()).where(
                        search_condition(db.session(), model, "lejano")
                    )
                ).all()
                for model in (Contact, Account)
            ]
        return [str(row) for some in rows for row in some]

    north, south = the_entity("Norte"), the_entity("Sur")
    assert found() == ["Ana Lejano", "Lejano"]
    contact.entity = account.entity = south
    db.session.commit()
    assert found() == []
    for model in (Contact, Account):
        db.session.execute(update(model).values(entity_id=north.id))
    assert found() == ["Ana Lejano", "Lejano"]


def test_the_global_search_finds_nothing_out_of_scope(client_as):
    a_contact(entity="Sur", last_name="Lejano")
    a_contact(entity="Bilbao", last_name="Lejano Cerca")
    reply = client_as(BRUNO).get("/search?q=lejano", headers={"X-Fragment": "1"})
    (group,) = reply.get_json()["groups"]
    assert [row["label"] for row in group["rows"]] == ["Ana Lejano Cerca"]


@pytest.mark.parametrize("most", [1, 1_000])
def test_the_first_that_are_found_are_the_first_in_order(session, client_as, monkeypatch, most):
    monkeypatch.setattr(firstrows, "MAX_SORTED", most)
    monkeypatch.setattr(paging, "WALKED", (2, 4))
    for name in ("Abad", "Zurbano", "Yuste", "Xirau"):
        a_contact(first_name="Lejano", last_name=name)
    an_account(name="Lejano")
    browser = client_as(BRUNO)
    fragment = {"X-Fragment": "1"}
    found = browser.get("/search?q=lejano", headers=fragment).get_json()["groups"]
    rows = {group["label"]: [row["label"] for row in group["rows"]] for group in found}
    names = ["Lejano Abad", "Lejano Xirau", "Lejano Yuste", "Lejano Zurbano"]
    assert rows == {"Contacts": names, "Accounts": ["Lejano"]}
    picked = browser.get("/contacts/lookup/manager?q=lejano", headers=fragment).get_json()
    assert [row["label"] for row in picked["results"]] == names


def test_the_global_search_works_without_javascript(ana, client_as):
    assert str(ana).replace("’", "’") in client_as(ALICIA).get("/search?q=carmen").text


def test_the_search_box_of_a_list_uses_the_same_search(ana, client_as):
    page = client_as(ALICIA).get("/contacts/list/?q=luz+5678").text
    assert set(re.findall(r"/contacts/show/(\d+)", page)) == {str(ana.id)}
