"""The pages of the import and the export of contacts, step by step."""

from __future__ import annotations

import html
import io
import re

import pytest
from flask_appbuilder.security.sqla.models import Permission, PermissionView, Role, ViewMenu
from sqlalchemy import select

from app.contacts.models import Contact, ContactType
from app.extensions import db
from app.imports.models import ImportRun
from app.log.models import LogEntry
from app.storage.files import find_file
from app.storage.services import collect_unused_files
from tests.factories import a_contact, the_value
from tests.people import ALICIA, BRUNO, CLARA, DIEGO, Person, add_person

FILE = "Apellidos;Nombre;Correo\nPeña;Ana;p@example.org\nRuiz;Eva;no-mail\n"


def upload(browser, content: str | bytes = FILE, name: str = "socios.csv"):
    content = content.encode() if isinstance(content, str) else content
    return browser.post("/contacts/import", data={"file": (io.BytesIO(content), name)})


def submit_columns(browser, at: str, **changes):
    """Submit the page of columns with its default values, except for some changes."""
    page = browser.get(at).text
    fields = []
    for select_ in re.findall(r'<select class="form-select" name="field".*?</select>', page, re.S):
        chosen = re.search(r'value="([^"]*)" selected', select_)
        fields.append(chosen[1] if chosen else "-")
    data = {
        "header": [html.unescape(h) for h in re.findall(r'name="header" value="([^"]*)"', page)],
        "field": fields,
        "match": "",
        "entity": re.search(r'name="entity".*?value="(\d+)" selected', page, re.S)[1],
        "encoding": "utf-8",
        "delimiter": ";",
    }
    return browser.post(at, data=data | changes)


def run_import(browser, at: str):
    """Confirm what the page of the check shows."""
    page = browser.get(f"{at}/check").text
    digest = re.search('name="plan_hash" value="([0-9a-f]+)"', page)[1]
    return browser.post(f"{at}/run", data={"plan_hash": digest})


def rejected(browser, at: str) -> str:
    """Download the rows that were not imported."""
    with browser.get(f"{at}/failed.csv") as reply:
        return reply.data.decode("utf-8-sig")


def test_a_file_goes_through_all_the_steps(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser).location
    assert "Peña" in browser.get(at).text
    checked = submit_columns(browser, at)
    assert checked.location == f"{at}/check"
    page = browser.get(checked.location).text
    assert "Import 1 contact<" in page
    assert "no-mail" in page
    assert session.scalar(select(Contact).where(Contact.last_name == "Peña")) is None
    done = run_import(browser, at)
    assert browser.get(f"{at}/result").location == done.location
    page = browser.get(done.location).text
    assert "is not a valid e-mail address" in page
    assert "failures.csv" in page
    contact = session.scalars(select(Contact).where(Contact.last_name == "Peña")).one()
    assert contact.entity.name == "Norte"


def test_the_rows_that_failed_can_be_corrected_and_imported(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser).location
    submit_columns(browser, at)
    run_import(browser, at)
    failed = rejected(browser, at)
    assert "Ruiz;Eva;no-mail;" in failed
    assert "Peña" not in failed
    at = upload(browser, failed.replace("no-mail", "r@example.org")).location
    submit_columns(browser, at)
    run_import(browser, at)
    assert session.scalars(select(Contact.email).where(Contact.last_name == "Ruiz")).one()


def test_an_import_submitted_twice_runs_once(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser, "Apellidos;Nombre\nPeña;Ana\n").location
    submit_columns(browser, at)
    page = browser.get(f"{at}/check").text
    data = {"plan_hash": re.search('name="plan_hash" value="([0-9a-f]+)"', page)[1]}
    first, second = (browser.post(f"{at}/run", data=data).location for _turn in range(2))
    assert first == second
    assert len(session.scalars(select(Contact).where(Contact.last_name == "Peña")).all()) == 1


def test_what_was_checked_is_what_runs(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser).location
    submit_columns(browser, at)
    page = browser.get(f"{at}/check").text
    data = {"plan_hash": re.search('name="plan_hash" value="([0-9a-f]+)"', page)[1]}
    submit_columns(browser, at, field=["last_name", "-", "email"])
    reply = browser.post(f"{at}/run", data=data, follow_redirects=True)
    assert "Check the file again" in reply.text
    submit_columns(browser, at, field=["last_name", "first_name", "email"])
    the_value(ContactType, "Donor").label_en = "Patron"
    session.commit()
    assert run_import(browser, at).location.startswith("/jobs/"), "types are not in this file"
    assert session.scalar(select(Contact.first_name).where(Contact.last_name == "Peña")) == "Ana"


def test_a_value_that_changed_since_the_check_asks_for_another_one(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser, "Apellidos;Tipo\nPeña;Donante\n").location
    submit_columns(browser, at)
    the_value(ContactType, "Donor").label_es = "Mecenas"
    session.commit()
    assert run_import(browser, at).location == at
    assert session.scalar(select(Contact).where(Contact.last_name == "Peña")) is None


def test_what_was_chosen_is_remembered_for_the_same_headers(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser, "x;Nombre\nPeña;Ana\n").location
    chosen = {"field": ["last_name", "first_name"], "policy": ["overwrite", "fill"]}
    submit_columns(browser, at, **chosen)
    assert (
        'value="last_name" selected'
        not in browser.get(upload(browser, "x;y\n1;2\n").location).text
    )
    run_import(browser, at)
    again = browser.get(upload(browser, "Nombre;x\nEva;Ruiz\n").location).text
    assert 'value="last_name" selected' in again
    assert again.count('value="fill" selected') == 1
    other = browser.get(upload(browser, "Nombre;z\nEva;Ruiz\n").location).text
    assert 'value="last_name" selected' not in other


def test_invalid_choices_are_kept_in_the_form(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser).location
    page = submit_columns(
        browser, at, field=["last_name", "last_name", "email"], create_values="1"
    )
    assert page.status_code == 422
    assert "Match only one column to" in page.text
    assert page.text.count('value="last_name" selected') == 2
    assert 'name="create_values" value="1" checked' in page.text


def test_the_file_can_be_read_again_in_another_encoding(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser).location
    page = submit_columns(browser, at, encoding="cp1252", reread="1")
    assert "PeÃ±a" in page.text


def test_a_wrong_encoding_keeps_the_upload(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser).location
    page = submit_columns(browser, at, encoding="utf-16", reread="1")
    assert "can’t be read with this encoding" in page.text
    assert "Peña" in page.text
    assert submit_columns(browser, at).location == f"{at}/check"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04", "not a spreadsheet that can be read"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a text file"),
        (b"", "empty"),
    ],
)
def test_a_file_that_is_not_csv_is_refused_on_the_page(client_as, app, session, content, said):
    page = upload(client_as(BRUNO), content, "x.xlsx")
    assert page.status_code == 422
    assert said in page.text


def test_a_missing_file_is_reported_on_the_page(client_as, session):
    page = client_as(BRUNO).post("/contacts/import", data={})
    assert page.status_code == 422
    assert "Choose a file" in page.text


def test_the_upload_of_another_user_is_not_found(client_as, session):
    at = upload(client_as(BRUNO)).location
    for way in ("", "/check", "/result", "/failed.csv"):
        assert client_as(ALICIA).get(at + way).status_code == 404
    for way in ("", "/run", "/cancel", "/undo"):
        assert client_as(ALICIA).post(at + way).status_code == 404


@pytest.mark.parametrize("token", ["x", "a" * 32, "..%2f..%2fetc", "%2e%2e"])
def test_an_invalid_token_is_not_found(client_as, session, token):
    assert client_as(BRUNO).get(f"/contacts/import/{token}").status_code == 404


def test_cancelling_removes_the_file(client_as, app, session):
    browser = client_as(BRUNO)
    at = upload(browser).location
    run = session.scalars(select(ImportRun)).one()
    path = find_file(run.file_key)
    browser.post(f"{at}/cancel")
    assert browser.get(at).status_code == 404
    collect_unused_files(session())
    assert not path.exists()


def test_text_of_a_file_is_escaped_in_pages(client_as, session):
    browser = client_as(BRUNO)
    bad = "<script>alert(1)</script>"
    at = upload(browser, f"Apellidos;{bad}\n{bad};{bad}\n;x\n", f"{bad}.csv").location
    checked = submit_columns(browser, at)
    for page in (browser.get(at), browser.get(checked.location)):
        assert bad not in page.text


def test_a_user_who_may_only_read_can_export_but_not_import(client_as, session):
    browser = client_as(CLARA)
    assert browser.get("/contacts/export").status_code == 200
    assert browser.post("/contacts/export.csv").status_code == 200
    assert browser.get("/contacts/import").status_code in (302, 403)
    assert upload(browser).status_code in (302, 403)
    assert client_as(DIEGO).post("/contacts/export.csv").status_code in (302, 403)
    a_contact()
    page = browser.get("/contacts/list/").text
    assert "/contacts/export" in page
    assert "/contacts/import" not in page


def test_importing_needs_the_permission_to_edit_contacts(client_as, session):
    role = Role(name="Only imports")
    rights = select(PermissionView).join(Permission).join(ViewMenu)
    rights = rights.where(Permission.name == "can_import", ViewMenu.name == "ContactView")
    role.permissions = list(session.scalars(rights))
    session.add(role)
    session.commit()
    add_person(Person("eva", "Norte", role.name))
    eva = client_as(Person("eva", "Norte", role.name))
    at = upload(eva).location
    submit_columns(eva, at)

    assert run_import(eva, at).status_code == 403
    assert session.scalar(select(Contact).where(Contact.last_name == "Peña")) is None


def test_an_export_contains_the_filtered_list(client_as, session):
    a_contact("Norte", last_name="Peña", city="Irún", notes="private")
    a_contact("Norte", last_name="Peña", city="Bilbao")
    a_contact("Norte", last_name="Ruiz", city="Irún")
    a_contact("Sur", last_name="Peña", city="Irún")
    browser = client_as(CLARA)
    query = "q=peña&city__is=irun&cols=name,city"
    assert "city__is=irun" in browser.get(f"/contacts/export?{query}").text
    reply = browser.post(f"/contacts/export.csv?{query}", data={"fields": "list"})
    header, row, _end = reply.data.decode("utf-8-sig").split("\r\n")
    assert header == "Member number,First name,Last name,City"
    assert row.endswith(",Peña,Irún")
    assert "attachment" in reply.headers["Content-Disposition"]
    assert "private" in browser.post(f"/contacts/export.csv?{query}", data={"fields": "all"}).text


def test_an_invalid_filter_is_refused_by_the_export(client_as, session):
    assert client_as(CLARA).post("/contacts/export.csv?shoe__is=42").status_code == 400


def test_an_export_is_logged_before_the_first_row_is_sent(client_as, session):
    a_contact("Norte", last_name="Peña")
    a_contact("Norte", last_name="Ruiz")
    reply = client_as(CLARA).post("/contacts/export.csv?q=ruiz&cols=name", buffered=False)
    fact = db.session.scalars(select(LogEntry).where(LogEntry.event == "exported")).one()
    assert (fact.actor_name, fact.subject_type, fact.subject_name) == (
        "Clara García", "security", "Contacts",
    )  # fmt: skip
    assert fact.changes == {
        "rows": [None, 1],
        "filter": [None, {"en": "Search: “ruiz”", "es": "Búsqueda: «ruiz»"}],
        "columns": [None, {"en": "Member number, First name, Last name",
                           "es": "Número de miembro, Nombre, Apellidos"}],
    }  # fmt: skip
    assert "Ruiz" in reply.text


@pytest.mark.parametrize("database", ["postgres"], indirect=True, scope="session")
def test_the_header_of_all_rows_does_not_wait_until_they_are_counted(client_as, counting):
    a_contact("Norte", last_name="Peña")
    a_contact("Norte", last_name="Ruiz")
    with counting() as statements:
        reply = client_as(CLARA).post("/contacts/export.csv?cols=name", buffered=False)
        blocks = reply.iter_encoded()
        header = next(blocks).decode("utf-8-sig")
    logged = select(LogEntry).where(LogEntry.event == "exported")
    assert header == "Member number,First name,Last name\r\n"
    # Who signed in is read together with a count of the custom fields.
    assert not any("count(*)" in statement for statement in statements)
    assert db.session.scalars(logged).all() == []
    rows = next(blocks).decode()
    # Nobody is sent a row whose export is not logged.
    assert db.session.scalars(logged).one().changes["rows"] == [None, 2]
    assert rows.count("\r\n") == 2


def test_an_export_from_the_command_line_is_logged(app, session):
    a_contact("Norte", last_name="Ruiz")
    done = app.test_cli_runner().invoke(
        args=["contacts", "export", "--where", "last_name=Ruiz", "--columns", "last_name"]
    )
    assert done.output.splitlines() == ["Last name", "Ruiz"]
    fact = db.session.scalars(select(LogEntry).where(LogEntry.event == "exported")).one()
    assert (fact.actor_name, fact.channel, fact.changes["rows"]) == ("Padrón", "cli", [None, 1])
    assert fact.changes["filter"] == [None, {"en": "Last name: Ruiz", "es": "Apellidos: Ruiz"}]


def test_an_export_is_described_in_the_language_of_who_reads_about_it(client_as, session):
    member = the_value(ContactType, "Member")
    a_contact("Norte", last_name="Ruiz", type=member)
    clara = client_as(CLARA)
    file = clara.post(
        f"/contacts/export.csv?type__is={member.id}&birth_date__to=2000-12-31&cols=name,city",
        headers={"Accept-Language": "es"},
    )
    assert file.text.count("\n") == 1
    alicia = client_as(ALICIA)
    page = alicia.get("/security/?part=exports", headers={"Accept-Language": "en-GB"}).text
    assert "Type is Member · Birth date is on or before 31 Dec 2000" in page
    assert "Member number, First name, Last name, City" in page
    page = alicia.get("/security/?part=exports", headers={"Accept-Language": "es"}).text
    assert "Número de miembro, Nombre, Apellidos, Localidad" in page
    assert "31 dic 2000" in page
    assert "type__is" not in page


def test_a_get_of_the_export_file_redirects_to_the_export_page(client_as, session):
    reply = client_as(CLARA).get("/contacts/export.csv?q=ruiz")
    assert reply.location.endswith("/contacts/export?q=ruiz")


@pytest.mark.parametrize("content", ["Apellidos;Correo\n", "Apellidos;Correo\n;\n\n", "Apellidos"])
def test_a_file_of_headers_alone_says_so(client_as, session, content):
    reply = upload(client_as(BRUNO), content)
    assert reply.status_code == 422
    assert "This file has headers, but no rows below them." in reply.text
    assert session.scalars(select(ImportRun)).all() == []
