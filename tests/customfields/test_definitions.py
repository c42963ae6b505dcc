"""What can be defined, what is refused, and what becomes of fields that are removed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from app.contacts.importers import ContactImporter
from app.customfields import loading, periodic
from app.customfields.models import CustomField
from app.fieldtypes import ExpiringDate
from app.i18n.clock import today
from app.jobs.models import Job
from app.jobs.runner import run_now
from app.log.models import LogEntry
from app.types import now
from tests.customfields.fields import a_field
from tests.customfields.test_everywhere import SIZES, names, reload
from tests.factories import a_contact
from tests.people import ALICIA, BRUNO, api_key_header


def test_the_last_slot_of_a_kind_is_the_last_field(client_as, session):
    browser, headers = client_as(None), api_key_header(ALICIA.user.id)
    replies = [
        browser.post(
            "/api/v1/custom-fields/", headers=headers,
            json={"subject": "contact", "kind": "lines", "label_en": f"Field {number}"},
        )
        for number in range(7)
    ]  # fmt: skip
    assert [reply.status_code for reply in replies] == [201] * 6 + [422], replies[0].json
    assert "All 6 fields" in replies[-1].json["fields"]["kind"][0]
    for address in ("/contacts/list/", "/contacts/add"):
        assert client_as(BRUNO).get(address).status_code == 200
    page = client_as(ALICIA).get("/custom-fields/list/").text
    assert "6 of 6" in page


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "choice"}, "options"),
        ({"kind": "lines", "is_sortable": True}, "is_sortable"),
        ({"label_en": "Licence"}, "label_en"),
        ({"validity_months": 12}, "validity_months"),
        ({"kind": "date", "validity_months": -1}, "validity_months"),
    ],
)
def test_what_cannot_be_is_explained_beside_its_field(client_as, session, wrong, field):
    a_field(label="Licence")
    sent = {"subject": "contact", "kind": "text", "label_en": "Size"} | wrong
    reply = client_as(None).post(
        "/api/v1/custom-fields/", headers=api_key_header(ALICIA.user.id), json=sent
    )
    assert reply.status_code == 422
    assert list(reply.json["fields"]) == [field], reply.json


def test_only_administrators_define_fields(client_as, session):
    browser = client_as(BRUNO)
    assert browser.get("/custom-fields/add").status_code in (302, 403)
    browser.post("/custom-fields/add", data={"kind": "text", "label_en": "Size"})
    assert session.scalar(select(CustomField.id)) is None


def test_an_option_in_use_cannot_be_removed_but_is_offered_no_more(client_as, session):
    field = a_field("choice", "Size", options=SIZES)
    small, large = field.options
    contact = a_contact(**{field.name: str(large.id)})
    field.options[1].is_active = False
    field.updated_at = now()
    session.commit()
    browser = client_as(BRUNO)
    assert "Large" in browser.get(f"/contacts/edit/{contact.id}").text
    assert "Large" not in browser.get("/contacts/add").text
    assert "Small" in browser.get("/contacts/add").text
    reply = client_as(None).patch(
        f"/api/v1/custom-fields/{field.id}", headers=api_key_header(ALICIA.user.id),
        json={"version": field.version, "options": [{"id": small.id, "label_en": "Small"}]},
    )  # fmt: skip
    assert reply.status_code == 422
    assert "in use" in reply.json["fields"]["options"][0]


@pytest.mark.both_databases
def test_expired_dates_are_filtered_and_shown(client_as, session):
    field = a_field("date", "Certificate", validity_months=12, warn_days=30)
    past, soon, far = (today() - timedelta(days=days) for days in (400, 350, 10))
    a_contact(last_name="Peña", **{field.name: past})
    a_contact(last_name="Ruiz", **{field.name: soon})
    a_contact(last_name="Sola", **{field.name: far})
    browser = client_as(BRUNO)
    shown = browser.get(f"/contacts/list/?cols=name,{field.name}").text
    assert "expired on" in shown
    assert "expires on" in shown
    for query, found in {"expired=1": ["Peña"], "within=30": ["Ruiz"]}.items():
        page = browser.get(f"/contacts/list/?{field.name}__{query}").text
        assert names(page) == found, query


@pytest.mark.parametrize("months", [0, 1, 12, 13])
def test_the_first_valid_date_is_the_first_one_that_still_holds(months):
    field_type = ExpiringDate()
    field_type.column = type("Column", (), {"info": {"validity_months": months}})()
    for number in range(0, 800, 7):
        day = date(2023, 12, 25) + timedelta(days=number)
        first = field_type.first_valid(day)
        assert field_type.last_day(first) >= day > field_type.last_day(first - timedelta(days=1))


@pytest.mark.both_databases
def test_the_values_of_a_field_removed_long_ago_are_deleted_and_logged(client_as, session, app):
    field = a_field(label="Licence")
    rows = [a_contact(**{field.name: f"AB-{number}"}) for number in range(3)]
    name = field.name
    field.trashed_at = now() - timedelta(days=31)
    session.commit()
    loading.refresh()
    periodic.EmptyRemovedFields().run(app)
    periodic.EmptyRemovedFields().run(app)
    job = session.scalars(select(Job).where(Job.kind == "custom-field-empty")).one()
    assert run_now(job.id) == "done"
    entries = session.scalars(
        select(LogEntry).where(
            LogEntry.subject_type == "contact", LogEntry.subject_id == rows[1].id
        )
    ).all()
    assert entries[-1].changes == {name: ["AB-1", None]}
    again = a_field(label="Licence")
    assert again.slot == "t01"
    assert getattr(reload(rows[1]), again.name) is None


def test_a_list_that_showed_a_removed_field_shows_the_rest(client_as, session):
    field, browser, admin = a_field(), client_as(BRUNO), client_as(ALICIA)
    name = field.name
    a_contact(last_name="Peña", **{name: "XL"})
    browser.post("/contacts/preferences", data={"cols": ["name", name]})
    assert "XL" in browser.get("/contacts/list/").text
    admin.post(f"/custom-fields/delete/{field.id}", data={"version": field.version})
    page = browser.get("/contacts/list/")
    assert page.status_code == 200
    assert names(page.text) == ["Peña"]
    assert browser.get(f"/contacts/list/?cols=name,{name}").status_code < 500
    # A filter that is dropped would show, and change, more than was meant.
    refused = browser.get(f"/contacts/list/?{name}__is=XL")
    assert refused.status_code == 400


def test_a_field_restored_before_its_values_are_deleted_keeps_them(session, app):
    field = a_field(label="Licence")
    row, name = a_contact(**{field.name: "AB-1"}), field.name
    field.trashed_at = now() - timedelta(days=31)
    session.commit()
    periodic.EmptyRemovedFields().run(app)
    field.trashed_at = None
    session.commit()
    job = session.scalars(select(Job).where(Job.kind == "custom-field-empty")).one()
    assert run_now(job.id) == "done"
    assert getattr(reload(row), name) == "AB-1"
    assert field.slot == "t01"


def test_a_field_removed_lately_keeps_its_values(session, app):
    field = a_field(label="Licence")
    field.trashed_at = now() - timedelta(days=29)
    session.commit()
    periodic.EmptyRemovedFields().run(app)
    assert session.scalars(select(Job).where(Job.kind == "custom-field-empty")).all() == []


def test_what_is_not_in_filters_is_refused(client_as, session):
    field = a_field("number", "Height", in_filters=False)
    browser = client_as(BRUNO)
    assert browser.get(f"/contacts/list/?{field.name}__from=1").status_code == 400


@pytest.mark.parametrize("is_sortable", [True, False])
def test_a_list_is_sorted_by_a_field_that_is_set_to_be(client_as, session, is_sortable):
    field = a_field("number", "Height", is_sortable=is_sortable)
    a_contact()
    page = client_as(BRUNO).get(f"/contacts/list/?cols=name,{field.name}").text
    assert (f"sort={field.name}" in page) == is_sortable


def test_imports_find_rows_by_a_field_once_it_has_its_index(session):
    field = a_field(label="Licence", identifies=True)
    names = [rule.name for rule in ContactImporter().rules]
    assert field.name not in names
