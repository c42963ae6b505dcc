"""A field that a room adds with one class is wherever the fields of contacts are."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.contacts.models import Contact
from app.crud.actions import get_list_actions
from app.extensions import db
from app.log.models import LogEntry
from tests.contacts.importing import export_text, import_file
from tests.factories import a_contact
from tests.operations.run_actions import do, items_of, undo
from tests.people import ALICIA, BRUNO, api_key_header


@pytest.fixture
def boss(session) -> Contact:
    return a_contact(last_name="Peña", shirt="l", fee=Decimal("12.50"), email="p@example.org")


@pytest.fixture
def report(boss) -> Contact:
    return a_contact(last_name="Ruiz", shirt="s", manager=boss)


def reload(contact: Contact) -> Contact:
    query = select(Contact).where(Contact.id == contact.id)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def last_entry(contact: Contact) -> LogEntry:
    query = select(LogEntry).where(LogEntry.subject_type == "contact")
    query = query.where(LogEntry.subject_id == contact.id)
    return db.session.scalars(query.order_by(LogEntry.id.desc()).limit(1)).one()


def names(page: str) -> list[str]:
    found = re.findall(r"Ana\s+(Peña|Ruiz|Sola)\b", re.sub(r"<[^>]+>", " ", page))
    return list(dict.fromkeys(found))


@pytest.mark.both_databases
def test_the_list_shows_filters_and_sorts_by_it(client_as, report):
    a_contact(last_name="Sola")
    browser = client_as(BRUNO)
    page = browser.get("/contacts/list/?cols=name,shirt,fee,reports").text
    assert "Large" in page
    assert "12.50" in page
    for query, found in {
        "shirt__is=l": {"Peña"}, "fee__from=12": {"Peña"}, "reports__from=1": {"Peña"},
        "reports__to=0": {"Ruiz", "Sola"}, "fee__empty=1": {"Ruiz", "Sola"},
    }.items():  # fmt: skip
        assert {*names(browser.get(f"/contacts/list/?{query}").text)} == found, query
    for sort, first in {"-fee": "Peña", "-reports": "Peña", "-shirt": "Ruiz"}.items():
        reply = browser.get(f"/contacts/list/?sort={sort}&cols=name")
        assert names(reply.text)[0] == first, sort


def test_a_computed_field_counts_only_what_the_reader_may_see(client_as, boss):
    a_contact(entity="Sur", manager=boss)
    a_contact(entity="Norte", manager=boss)
    counted = {
        person: client_as(person)
        .get("/api/v1/contacts/", headers=api_key_header(person.user.id))
        .json["results"]
        for person in (ALICIA, BRUNO)
    }
    assert {p: max(r["reports"] for r in rows) for p, rows in counted.items()} == {
        ALICIA: 2,
        BRUNO: 1,
    }


def test_a_list_costs_no_statement_more_and_the_file_one(client_as, report, counting):
    browser = client_as(BRUNO)
    browser.get("/contacts/list/")
    with counting() as bare:
        browser.get("/contacts/list/?cols=name,email")
    with counting() as with_fields:
        browser.get("/contacts/list/?cols=name,shirt,fee,reports")
    assert len(with_fields) == len(bare)
    with counting() as file:
        page = browser.get(f"/contacts/show/{report.manager_id}").text
    assert sum("other" in s or "count(contact_1.id)" in s for s in file) == 1
    assert "12.50" in page


def test_the_form_writes_it_the_log_tells_it_and_puts_it_back(client_as, boss):
    browser = client_as(BRUNO)
    form = browser.get(f"/contacts/edit/{boss.id}").text
    assert 'name="shirt"' in form
    assert 'name="reports"' not in form
    typed = {"version": boss.version, "last_name": "Peña", "entity": boss.entity_id,
             "shirt": "s", "fee": "1,234.56"}  # fmt: skip
    assert browser.post(f"/contacts/edit/{boss.id}", data=typed).status_code == 302
    assert (reload(boss).shirt, boss.fee) == ("s", Decimal("1234.56"))
    entry = last_entry(boss)
    assert entry.changes["shirt"] == ["l", "s"]
    assert entry.changes["fee"] == ["12.50", "1234.56"]
    log = browser.get(f"/contacts/show/{boss.id}?tab=log").text
    assert "Large" in log
    assert "1,234.56" in log
    for field in ("shirt", "fee"):
        browser.post(f"/contacts/putback/{boss.id}/{entry.id}/{field}")
    assert (reload(boss).shirt, boss.fee) == ("l", Decimal("12.50"))


def test_a_wrong_value_is_explained_beside_the_field(client_as, boss):
    typed = {"version": boss.version, "last_name": "Peña", "entity": boss.entity_id, "fee": "many"}
    reply = client_as(BRUNO).post(f"/contacts/edit/{boss.id}", data=typed)
    assert reply.status_code == 422
    assert 'id="fee-error"' in reply.text


def test_a_stale_form_shows_both_values(client_as, boss):
    version = boss.version
    boss.shirt = "s"
    db.session.commit()
    typed = {"version": version, "last_name": "Peña", "entity": boss.entity_id, "shirt": ""}
    reply = client_as(BRUNO).post(f"/contacts/edit/{boss.id}", data=typed)
    assert reply.status_code == 409
    assert "Small" in reply.text


def test_a_duplicate_copies_it(client_as, boss):
    page = client_as(BRUNO).get(f"/contacts/duplicate/{boss.id}").text
    assert re.search(r'value="l"[^>]*selected|selected[^>]*value="l"', page)
    assert 'value="12.50"' in page


def test_the_api_reads_and_writes_it(client_as, report, boss):
    browser, headers = client_as(BRUNO), api_key_header(BRUNO.user.id)
    found = browser.get(f"/api/v1/contacts/{boss.id}", headers=headers).json
    assert (found["shirt"], found["fee"], found["reports"]) == ("l", "12.50", 1)
    change = {"version": found["version"], "fee": "3.20", "shirt": None}
    reply = browser.patch(f"/api/v1/contacts/{boss.id}", json=change, headers=headers)
    assert (reply.json["fee"], reply.json["shirt"]) == ("3.20", None)
    change = {"version": reply.json["version"], "reports": 4}
    reply = browser.patch(f"/api/v1/contacts/{boss.id}", json=change, headers=headers)
    assert reply.json["fields"] == {"reports": ["Set automatically."]}
    schemas = browser.get("/api/v1/openapi.json", headers=headers).json["components"]["schemas"]
    resource = next(s for n, s in schemas.items() if "reports" in s.get("properties", {}))
    assert resource["properties"]["reports"]["readOnly"] is True
    assert "fee" in resource["properties"]


@pytest.mark.both_databases
def test_a_collective_action_changes_it_and_is_undone(session, boss, report):
    actor = ALICIA.as_actor()
    actions = {action.action_name(): action for action in get_list_actions(Contact)}
    rows = [boss, report]
    done = do(actions["change_fee"], actor, rows, value="7.25")
    assert {item.outcome for item in items_of(done).values()} == {"changed"}
    assert [reload(row).fee for row in rows] == [Decimal("7.25")] * 2
    assert last_entry(boss).changes["fee"] == ["12.50", "7.25"]
    undo(done, actor)
    assert [reload(row).fee for row in rows] == [Decimal("12.50"), None]
    assert last_entry(boss).changes["fee"] == ["7.25", "12.50"]
    done = do(actions["change_shirt"], actor, rows, value="l")
    assert {item.outcome for item in items_of(done).values()} == {"changed", "already"}


def test_a_file_carries_it_out_and_in(session, boss, report, tmp_path):
    text = export_text()
    assert "12.50" in text or "12,50" in text
    head = text.splitlines()[0]
    assert {"Size", "Amount", "Number"} <= {*head.split(",")}
    (tmp_path / "same.csv").write_text(text, encoding="utf-8")
    assert import_file(tmp_path / "same.csv").unchanged == 2
    (tmp_path / "new.csv").write_text(
        "Last name,E-mail,Size,Amount\nPeña,p@example.org,Small,9.75\n", encoding="utf-8"
    )
    assert import_file(tmp_path / "new.csv", match="email").updated == 1
    assert (reload(boss).shirt, boss.fee) == ("s", Decimal("9.75"))
    assert last_entry(boss).changes["fee"] == ["12.50", "9.75"]


def test_a_saved_view_remembers_it(client_as, boss):
    browser = client_as(BRUNO)
    on = "shirt__is=l&sort=-fee&cols=name,fee"
    reply = browser.post("/contacts/views/new", data={"on": on, "name": "Large"})
    assert reply.status_code == 302, reply.text
    page = browser.get(reply.location).text
    assert names(page) == ["Peña"]
    assert "12.50" in page
