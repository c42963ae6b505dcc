"""A custom field is wherever the fields of contacts are, as soon as it is defined."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.contacts.models import Contact, ContactType
from app.customfields import loading
from app.customfields.actions.set_custom_field import SetCustomField
from app.customfields.models import CustomField
from app.extensions import db
from app.log.models import LogEntry
from app.types import now
from tests.contacts.importing import export_text, import_file
from tests.customfields.fields import a_field
from tests.factories import a_contact, a_value
from tests.operations.run_actions import do, undo
from tests.people import ALICIA, BRUNO, api_key_header

SIZES = [("Small", "Pequeña"), ("Large", "Grande")]


def reload(contact: Contact) -> Contact:
    query = select(Contact).where(Contact.id == contact.id)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def names(page: str) -> list[str]:
    found = re.findall(r"Ana\s+(Peña|Ruiz|Sola)\b", re.sub(r"<[^>]+>", " ", page))
    return list(dict.fromkeys(found))


def form_of(contact: Contact, **typed: str) -> dict[str, str]:
    return {
        "version": str(contact.version), "last_name": contact.last_name,
        "entity": str(contact.entity_id), **typed,
    }  # fmt: skip


@pytest.mark.both_databases
def test_an_administrator_defines_a_field_and_staff_use_it_at_once(client_as, session):
    admin, browser = client_as(ALICIA), client_as(BRUNO)
    assert admin.get("/custom-fields/add").status_code == 200
    reply = admin.post(
        "/custom-fields/add",
        data={"subject": "contact", "kind": "text", "label_en": "Licence", "label_es": "Licencia",
              "in_filters": "1"},
    )  # fmt: skip
    assert reply.status_code == 302, reply.text
    field = session.scalars(select(CustomField)).one()
    assert field.slot == "t01"
    contact = a_contact(last_name="Peña")
    assert f'name="{field.name}"' in browser.get(f"/contacts/edit/{contact.id}").text
    sent = form_of(contact, **{field.name: "AB-12"})
    assert browser.post(f"/contacts/edit/{contact.id}", data=sent).status_code == 302
    assert getattr(reload(contact), field.name) == "AB-12"
    assert "AB-12" in browser.get(f"/contacts/show/{contact.id}").text
    assert "AB-12" in browser.get(f"/contacts/list/?cols=name,{field.name}").text
    found = browser.get(f"/contacts/list/?{field.name}__contains=ab-1").text
    assert names(found) == ["Peña"]
    entry = session.scalars(
        select(LogEntry).where(LogEntry.subject_type == "contact").order_by(LogEntry.id.desc())
    ).first()
    assert entry.changes[field.name] == [None, "AB-12"]
    assert "Licence" in browser.get(f"/contacts/show/{contact.id}?tab=log").text
    browser.post(f"/contacts/putback/{contact.id}/{entry.id}/{field.name}")
    assert getattr(reload(contact), field.name) is None


@pytest.mark.both_databases
def test_every_kind_is_typed_shown_filtered_exported_and_imported(client_as, session, tmp_path):
    fields = {
        "text": a_field("text", "Licence"),
        "lines": a_field("lines", "Allergies"),
        "number": a_field("number", "Height"),
        "flag": a_field("flag", "Bus"),
        "date": a_field("date", "Certificate"),
        "choice": a_field("choice", "Size", options=SIZES),
        "choices": a_field("choices", "Sports", options=SIZES),
    }
    small, large = (str(option.id) for option in fields["choices"].options)
    typed = {
        "text": "AB-12", "lines": "Nuts\nMilk", "number": "1.85", "flag": "0",
        "date": "31/12/2026", "choice": str(fields["choice"].options[1].id),
        "choices": [small, large],
    }  # fmt: skip
    contact, other = a_contact(last_name="Peña"), a_contact(last_name="Ruiz")
    browser = client_as(BRUNO)
    sent = form_of(contact, **{fields[kind].name: value for kind, value in typed.items()})
    reply = browser.post(f"/contacts/edit/{contact.id}", data=sent)
    assert reply.status_code == 302, reply.text
    page = browser.get(f"/contacts/show/{contact.id}").text
    for shown in ("AB-12", "Milk", "1.85", "31 Dec 2026", "Large", "Small, Large"):
        assert shown in page, shown
    for query in (
        "text__is=ab-12", "lines__contains=milk", "number__from=1.8", "flag__no=1",
        "date__to=2026-12-31", f"choice__is={fields['choice'].options[1].id}",
        f"choices__is={large}",
    ):  # fmt: skip
        kind, rest = query.split("__")
        found = browser.get(f"/contacts/list/?{fields[kind].name}__{rest}").text
        assert names(found) == ["Peña"], query
        found = browser.get(f"/contacts/list/?{fields[kind].name}__empty=1").text
        assert names(found) == ["Ruiz"], query
    file = export_text()
    assert "Small; Large" in file
    path = tmp_path / "contacts.csv"
    path.write_text(file)
    report = import_file(path)
    assert (report.unchanged, report.updated, report.new) == (2, 0, 0)
    assert reload(other).version == 1


def test_the_api_reads_writes_and_describes_it(client_as, session):
    field = a_field("choices", "Sports", options=SIZES)
    contact, (small, _large) = a_contact(), (str(option.id) for option in field.options)
    browser, headers = client_as(None), api_key_header(BRUNO.user.id)
    address = f"/api/v1/contacts/{contact.id}"
    reply = browser.patch(address, headers=headers, json={field.name: [small], "version": 1})
    assert reply.status_code == 200, reply.json
    assert browser.get(address, headers=headers).json[field.name] == [small]
    schema = browser.get("/api/v1/openapi.json", headers=headers).json
    assert field.name in schema["components"]["schemas"]["Contact"]["properties"]


def test_a_list_and_a_form_cost_no_statement_more(client_as, session, counting):
    contact, browser = a_contact(), client_as(BRUNO)
    counts = []
    for round_ in range(2):
        for address in ("/contacts/list/", f"/contacts/edit/{contact.id}"):
            browser.get(address)
            with counting() as statements:
                browser.get(address)
            counts.append(len(statements))
        a_field("choice", f"Size {round_}", options=SIZES)
    assert counts[:2] == counts[2:]


def test_a_removed_field_is_gone_at_once_and_comes_back_with_its_values(client_as, session):
    admin, field = client_as(ALICIA), a_field()
    contact = a_contact(**{field.name: "XL"})
    name, slot = field.name, field.slot
    admin.post(f"/custom-fields/delete/{field.id}", data={"version": field.version})
    assert name not in admin.get(f"/contacts/edit/{contact.id}").text
    assert "XL" not in admin.get(f"/contacts/show/{contact.id}").text.split('id="log"')[0]
    reply = admin.post(
        "/custom-fields/add", data={"subject": "contact", "kind": "text", "label_en": "Shirt size"}
    )
    assert reply.status_code == 302, reply.text
    newest = session.scalars(select(CustomField).order_by(CustomField.id.desc())).first()
    assert newest.slot != slot
    log = admin.get(f"/contacts/show/{contact.id}?tab=log").text
    assert "Shirt size (removed)" in log
    assert "XL" in log


@pytest.mark.both_databases
def test_many_rows_get_a_value_and_undoing_takes_it_back(client_as, session):
    field = a_field("choice", "Size", options=SIZES)
    other = a_field("text", "Licence")
    one, two = a_contact(**{field.name: str(field.options[0].id)}), a_contact()
    large = str(field.options[1].id)
    answers = {"field": field.name, field.name: large}
    actor = BRUNO.as_actor()
    operation = do(SetCustomField.on(Contact), actor, [one, two], **answers)
    assert [getattr(reload(row), field.name) for row in (one, two)] == [large, large]
    assert other.name not in operation.answers
    undo(operation, actor)
    assert [getattr(reload(row), field.name) for row in (one, two)] == [
        str(field.options[0].id), None
    ]  # fmt: skip


def test_an_operation_on_a_removed_field_is_explained(client_as, session):
    field, contact = a_field(), a_contact()
    answers = {"field": field.name, field.name: "XL"}
    operation = do(SetCustomField.on(Contact), ALICIA.as_actor(), [contact], **answers)
    admin = client_as(ALICIA)
    admin.post(f"/custom-fields/delete/{field.id}", data={"version": field.version})
    for address in ("/operations/", f"/operations/{operation.id}/", f"/jobs/{operation.job_id}/"):
        assert admin.get(address).status_code < 500, address
    reply = admin.post(f"/operations/{operation.id}/undo", follow_redirects=True)
    assert "no longer" in reply.text


def test_a_field_for_some_types_is_required_of_them_alone(client_as, session):
    minor, adult = a_value(ContactType), a_value(ContactType)
    field = a_field(label="Guardian", is_required=True, contact_types=[minor])
    contact, browser = a_contact(), client_as(BRUNO)
    page = browser.get(f"/contacts/edit/{contact.id}").text
    assert f'data-shown-if="{{&#34;type&#34;: [{minor.id}]}}"' in page
    sent = form_of(contact, **{field.name: "", "type": str(adult.id)})
    assert browser.post(f"/contacts/edit/{contact.id}", data=sent).status_code == 302
    sent = form_of(reload(contact), **{field.name: "", "type": str(minor.id)})
    reply = browser.post(f"/contacts/edit/{contact.id}", data=sent)
    assert reply.status_code == 422
    assert f'id="{field.name}-error"' in reply.text


def a_licence(session) -> str:
    """Define a field that identifies; return its name."""
    field = a_field(label="Licence", identifies=True)
    field.is_indexed = True
    field.updated_at = now()
    session.commit()
    loading.refresh()
    return field.name


def test_an_import_does_not_tell_who_has_a_licence_in_another_entity(session, tmp_path):
    name = a_licence(session)
    hidden = a_contact("Sur", first_name="Eva", last_name="Ruiz", **{name: "AB-1"})
    path = tmp_path / "licences.csv"
    for text in ("Ana,Sola,AB-1,Lugo", "Eva,Ruiz,AB-1,Lugo"):
        path.write_text(f"Nombre,Apellidos,Licence,Ciudad\n{text}\n")
        report = import_file(path, BRUNO.as_actor(), dry_run=True)
        assert (report.new, report.rows) == (1, 1)
    assert reload(hidden).city is None


@pytest.mark.both_databases
def test_an_import_finds_rows_by_a_field_that_identifies(session, tmp_path):
    name = a_licence(session)
    ana = a_contact(last_name="Peña", **{name: "AB-1"})
    other = a_contact(last_name="Ruiz", first_name="Eva", **{name: "AB-2"})
    path = tmp_path / "licences.csv"
    path.write_text(
        "Nombre,Apellidos,Licence,Ciudad\nAna,Peña,AB-1,Lugo\nAna,Sola,AB-2,Lugo\nEva,Nueva,AB-9,Vigo\n"
    )
    report = import_file(path)
    assert reload(ana).city == "Lugo"
    # Somebody else with that licence: a conflict, not a guess.
    assert reload(other).city is None
    assert (report.updated, report.new, report.conflict) == (1, 1, 1)
    assert report.matched == {name: 1}
    new = session.scalars(select(Contact).where(Contact.last_name == "Nueva")).one()
    assert getattr(new, name) == "AB-9"


@pytest.mark.parametrize("way", ["/custom-fields/restore", "/custom-fields/trash/restore"])
def test_a_restored_field_has_its_values_again(client_as, session, way):
    admin, field = client_as(ALICIA), a_field()
    contact = a_contact(**{field.name: "XL"})
    admin.post(f"/custom-fields/delete/{field.id}", data={"version": field.version})
    page = admin.get(f"/contacts/show/{contact.id}").text
    assert "XL" not in page.split('id="log"')[0]
    assert admin.post(f"{way}/{field.id}").status_code == 302
    page = admin.get(f"/contacts/show/{contact.id}").text
    assert "XL" in page.split('id="log"')[0]
