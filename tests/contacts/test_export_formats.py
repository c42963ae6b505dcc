"""Exports as spreadsheet and vCard, and their way back, also through a spreadsheet program."""

from __future__ import annotations

import csv
import datetime
import io
import re
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from app.contacts.importers import ContactImporter
from app.contacts.models import Contact, ContactType, Tag
from app.errors import DomainError
from app.extensions import db
from app.importexport.fields import ValueField, key_fields
from app.importexport.formats import MAX_XLSX_TEXT, XlsxFormat
from app.imports import exports
from app.log.models import LogEntry
from app.text import clean, clean_lines
from tests.contacts.importing import counts, import_file
from tests.customfields.fields import a_field
from tests.factories import a_contact, some_contacts, the_value
from tests.importexport.importing import export_file
from tests.people import BRUNO
from tests.sampling import chance

LETTERS = "aáñÜ ,;\"'\\\n-=+@:|<>&😀مرحبا0.{}[]"


def a_text(random, size: int = 12) -> str:
    """Return a text as a form would store it."""
    return clean("".join(random.choice(LETTERS) for _ in range(random.randint(1, size))))


def odd_contacts(number: int) -> None:
    """Create contacts with whatever texts may hold, some of them namesakes."""
    random = chance("exported contacts")
    size = a_field("text", "Talla")
    seen = a_field("date", "Visto")
    weight = a_field("number", "Peso")
    for place in range(number):
        a_contact(
            random.choice(("Norte", "Bilbao")),
            first_name=random.choice((None, "Ana", a_text(random) or "A")),
            last_name=random.choice(("García", a_text(random) or "B")),
            number=f"00{7000 + place}" if place % 2 else None,
            email=f"p{place}@example.org" if place % 3 else None,
            secondary_phone=f"+3461234{place:04d}" if place % 5 else None,
            phone=f"+3491234{place:04d}" if place % 4 else None,
            position=a_text(random) or None,
            street=a_text(random, 30) or None,
            postcode=f"0{6000 + place}",
            country="ES",
            birth_date=datetime.date(1890 + place, 1 + place % 12, 1 + place % 28)
            if 1890 + place >= 1900
            else None,
            notes=clean_lines("\n".join(a_text(random, 200) for _line in range(3))) or None,
            type=the_value(ContactType, "Member") if place % 2 else None,
            tags=[the_value(Tag, "To be completed")] if place % 3 else [],
            **{
                f"custom_{size.id}": a_text(random) or None,
                f"custom_{seen.id}": datetime.date(2026, 2, 28),
                f"custom_{weight.id}": place * 7,
            },
        )


@pytest.mark.both_databases
@pytest.mark.parametrize("name", ["csv", "xlsx", "vcf"])
def test_whatever_contacts_hold_comes_back_without_a_change(session, tmp_path, name):
    odd_contacts(25)
    path = export_file(ContactImporter(), tmp_path / f"a.{name}", name)
    report = import_file(path)
    assert report.errors == []
    assert (set(counts(report)), report.samples) == ({"unchanged"}, [])


def mangle(path: Path, target: Path) -> Path:
    """Save a CSV file as a spreadsheet program does: zeros gone, dates in its own style."""
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""), delimiter=";"))
    for row in rows[1:]:
        for place, cell in enumerate(row):
            if re.fullmatch(r"\d{4}-\d\d-\d\d", cell):
                row[place] = datetime.date.fromisoformat(cell).strftime("%d/%m/%Y")
            elif re.fullmatch(r"0\d+", cell):
                row[place] = cell.lstrip("0")
    with target.open("w", encoding="cp1252", errors="replace", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    return target


@pytest.mark.both_databases
@pytest.mark.parametrize("has_ids", [True, False])
def test_an_export_that_a_spreadsheet_mangled_changes_nothing(session, tmp_path, has_ids):
    a_field("date", "Visto")
    for place in range(8):
        a_contact(
            last_name=f"Peña {place}", number=f"00{7000 + place}", postcode="06001", country="ES",
            birth_date=datetime.date(1970, 3, 5 + place),
        )  # fmt: skip
    path = export_file(ContactImporter(), tmp_path / "a.csv", ids=has_ids)
    report = import_file(mangle(path, tmp_path / "b.csv"))
    assert report.errors == []
    assert set(counts(report)) == {"unchanged"}


@pytest.mark.both_databases
def test_a_row_that_changed_here_since_is_a_conflict_field_by_field(session, tmp_path):
    ana = a_contact(first_name="Ana", last_name="Uno", city="Lugo", notes="Vieja")
    eva = a_contact(first_name="Eva", last_name="Dos", city="Lugo")
    path = export_file(ContactImporter(), tmp_path / "a.csv")
    ana.city, ana.position = "Vigo", "Vocal"
    db.session.commit()
    text = path.read_text("utf-8-sig")
    path.write_text(text.replace("Lugo", "Ourense"), "utf-8-sig")
    report = import_file(path)
    assert (report.updated, report.conflict) == (1, 1)
    db.session.refresh(eva)
    db.session.refresh(ana)
    assert (eva.city, ana.city) == ("Ourense", "Vigo")
    said = {(one["field"], one["reason"]) for one in report.errors}
    assert (
        "city",
        "Changed here since the export. In the file: “Ourense”. Here: “Vigo”. It was: “Lugo”.",
    ) in said
    # What is empty in the file keeps what is stored, so the position is no difference.
    assert {field for field, _reason in said} == {"city"}


def test_a_row_that_changed_here_but_agrees_by_now_is_unchanged(session, tmp_path):
    ana = a_contact(last_name="Uno", city="Lugo")
    path = export_file(ContactImporter(), tmp_path / "a.csv")
    ana.city = "Ourense"
    db.session.commit()
    path.write_text(path.read_text("utf-8-sig").replace("Lugo", "Ourense"), "utf-8-sig")
    assert counts(import_file(path)) == {"unchanged": 1}


def test_without_the_version_the_file_overwrites(session, tmp_path):
    ana = a_contact(last_name="Uno", city="Lugo")
    path = export_file(ContactImporter(), tmp_path / "a.csv")
    ana.city = "Vigo"
    db.session.commit()
    assert counts(import_file(path, mapping={"_version": "-"})) == {"updated": 1}
    db.session.refresh(ana)
    assert ana.city == "Lugo"


def test_the_id_matches_first_whatever_else_was_changed_in_the_file(session, tmp_path):
    ana = a_contact(first_name="Ana", last_name="Uno", email="ana@example.org")
    path = export_file(ContactImporter(), tmp_path / "a.csv")
    text = (
        path.read_text("utf-8-sig")
        .replace("Uno", "Otra")
        .replace("ana@", "otra@")
        .replace("Ana", "Berta")
    )
    path.write_text(text, "utf-8-sig")
    assert counts(import_file(path)) == {"updated": 1}
    db.session.refresh(ana)
    assert (ana.first_name, ana.last_name, ana.email) == ("Berta", "Otra", "otra@example.org")


def test_the_id_of_another_installation_takes_over_nobody(session, tmp_path):
    ana = a_contact(first_name="Ana", last_name="Uno")
    path = tmp_path / "a.csv"
    path.write_text(f"_id,_version,Nombre,Apellidos\n{ana.id},9,Luis,Dos\n999999,1,Eva,Tres\n")
    report = import_file(path)
    assert (report.conflict, report.new) == (1, 1)
    assert "Nothing in this row agrees" in report.errors[0]["reason"]
    tres = session.scalar(select(Contact).where(Contact.last_name == "Tres"))
    assert tres.id != 999999
    assert tres.version == 1


def test_two_rows_of_one_id_are_not_both_taken(session, tmp_path):
    ana = a_contact(first_name="Ana", last_name="Uno")
    path = tmp_path / "a.csv"
    path.write_text(f"_id,Apellidos\n{ana.id},Dos\n{ana.id},Tres\n")
    report = import_file(path)
    assert report.invalid + report.conflict >= 1
    assert report.updated <= 1


def test_a_column_of_other_ids_is_not_taken_for_ours(session, tmp_path):
    a_contact(last_name="Uno")
    path = tmp_path / "a.csv"
    path.write_text("ID,Version,Apellidos\n1,1,Dos\n2,1,Tres\n")
    assert counts(import_file(path)) == {"new": 2}


def test_an_empty_id_may_not_erase(session, tmp_path):
    ana = a_contact(first_name="Ana", last_name="Uno", email="ana@example.org", city="Lugo")
    path = tmp_path / "a.csv"
    path.write_text("_id,Apellidos,Correo,Ciudad\n,Uno,ana@example.org,\n")
    erasing = dict.fromkeys(("_id", "Ciudad"), "erase")
    assert counts(import_file(path, policies=erasing)) == {"updated": 1}
    db.session.refresh(ana)
    assert ana.city is None


# The pages


def workbook(reply) -> list[list]:
    assert reply.status_code == 200, reply.text
    content = io.BytesIO(reply.data)
    return CalamineWorkbook.from_filelike(content).get_sheet_by_index(0).to_python()


def export(browser, query: str = "", **data):
    return browser.post(f"/contacts/export.csv{query}", data=data)


def test_no_cell_of_a_workbook_is_a_formula_and_dates_are_dates(client_as, session):
    a_contact(
        first_name="=1+1", last_name="'=2", number="000161", birth_date=datetime.date(1980, 5, 6)
    )
    reply = export(client_as(BRUNO), format="xlsx", fields="all", ids="1")
    header, row = workbook(reply)
    found = dict(zip(header, row, strict=True))
    assert header[:2] == ["_id", "_version"]
    assert (found["First name"], found["Last name"]) == ("=1+1", "'=2")
    assert found["Member number"] == "000161"
    assert found["Birth date"] == datetime.date(1980, 5, 6)
    assert "spreadsheetml" in reply.content_type
    assert ".xlsx" in reply.headers["Content-Disposition"]


def test_chosen_columns_come_in_the_chosen_order_and_the_rows_in_that_of_the_list(
    client_as, session
):
    for name in ("Bravo", "Álvarez", "Cruz"):
        a_contact(first_name=None, last_name=name, city="Lugo")
    chosen = {"fields": "chosen", "field": ["city", "last_name"]}
    query = "?city__contains=lugo&sort=-name"
    browser = client_as(BRUNO)
    assert workbook(export(browser, query, format="xlsx", **chosen)) == [
        ["City", "Last name"], ["Lugo", "Cruz"], ["Lugo", "Bravo"], ["Lugo", "Álvarez"],
    ]  # fmt: skip
    with export(browser, query, **chosen) as reply:
        text = reply.data.decode("utf-8-sig")
    assert text == "City,Last name\r\nLugo,Cruz\r\nLugo,Bravo\r\nLugo,Álvarez\r\n"


@pytest.mark.both_databases
def test_the_rows_of_a_file_have_the_order_of_the_list(client_as, session):
    some_contacts(9)
    for place, city in enumerate(("Ávila", None, "avila", "Zamora", "")):
        a_contact(city=city, birth_date=datetime.date(1980, 1, 9 - place) if place else None)
    browser = client_as(BRUNO)
    data = {"fields": "chosen", "field": "last_name", "ids": "1"}
    for sort in ("name", "-name", "city", "-city", "type", "-birth_date", "account"):
        page = browser.get(f"/contacts/list/?sort={sort}").text
        ids = list(dict.fromkeys(re.findall(r"name=rowid value=(\d+)", page)))
        assert len(ids) == 14
        with export(browser, f"?sort={sort}", **data) as reply:
            rows = list(csv.reader(io.StringIO(reply.data.decode("utf-8-sig"), newline="")))
        assert (sort, [row[0] for row in rows[1:]]) == (sort, ids)


def test_the_columns_are_those_that_the_user_sees_in_the_list(client_as, session):
    one = a_contact(city="Lugo")
    browser = client_as(BRUNO)
    browser.post("/contacts/preferences", data={"cols": ["name", "city"], "on": ""})
    expected = ["Member number", "First name", "Last name", "City"]
    for data in ({}, {"rowid": [str(one.id)], "on": ""}, {"on": "sort=-name"}):
        assert workbook(export(browser, format="xlsx", **data))[0] == expected
    assert "Member number, First name, Last name, City<" in browser.get("/contacts/export").text
    assert workbook(export(browser, "?cols=email", format="xlsx"))[0][-1] == "E-mail"


def test_only_the_ticked_rows_are_exported(client_as, session):
    one, _other, foreign = a_contact(), a_contact(), a_contact("Sur")
    browser = client_as(BRUNO)
    page = browser.post("/contacts/export/selection", data={"rowid": [str(one.id)], "on": ""})
    assert f'name="rowid" value="{one.id}"' in page.text
    rows = workbook(export(browser, format="xlsx", fields="all", ids="1", rowid=[str(one.id)]))
    assert [row[0] for row in rows[1:]] == [one.id]
    refused = browser.post("/contacts/export/selection", data={"rowid": [str(foreign.id)]})
    assert refused.status_code == 403
    refused = export(browser, format="xlsx", fields="all", rowid=[str(foreign.id)])
    assert refused.status_code == 403


def test_all_but_a_few_are_exported(client_as, session):
    one, other = a_contact(), a_contact()
    data = {"all": "1", "except": [str(one.id)], "on": "", "format": "xlsx", "ids": "1"}
    rows = workbook(export(client_as(BRUNO), **data))
    assert other.id in [row[0] for row in rows[1:]]
    assert one.id not in [row[0] for row in rows[1:]]


def test_a_vcard_has_a_name_whatever_is_chosen(client_as, session):
    a_contact(first_name="Ana", last_name="García; López", mobile="+34612345678")
    reply = export(client_as(BRUNO), format="vcf", fields="chosen", field="mobile")
    assert "FN:Ana García\\; López\r\n" in reply.text
    assert "N:García\\; López;Ana;;;\r\n" in reply.text
    assert 'TEL;VALUE=uri;TYPE="cell":tel:+34612345678\r\n' in reply.text
    assert max(len(line.encode()) for line in reply.text.split("\r\n")) <= 75


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"format": "pdf"}, "This format is not available."),
        ({"fields": "chosen"}, "Choose at least one column."),
        ({"fields": "chosen", "field": "password"}, "Choose at least one column."),
    ],
)
def test_senseless_choices_are_refused_on_the_page(client_as, session, data, said):
    reply = export(client_as(BRUNO), **data)
    assert reply.status_code == 422
    assert said in reply.text


def test_a_text_that_no_cell_holds_is_refused_instead_of_cut(app):
    notes = ValueField("notes", Contact.notes)
    with app.test_request_context("/?lang=en"):
        writer = XlsxFormat(io.BytesIO(), [notes])
        writer.write(["x" * MAX_XLSX_TEXT])
        with pytest.raises(DomainError, match="more than 32767 characters in row 3"):
            writer.write(["x" * (MAX_XLSX_TEXT + 1)])
        part = Path(writer.sheet.row_data_filename)
        assert part.exists()
        writer.discard()
        assert not part.exists()


def test_an_export_is_logged_with_its_columns(client_as, session):
    a_contact()
    export(client_as(BRUNO), format="xlsx", fields="chosen", field="city")
    query = select(LogEntry).where(LogEntry.event == "exported").order_by(LogEntry.id.desc())
    entry = session.scalars(query).first()
    assert entry.changes["columns"][1]["en"] == "City"


# Presets


def test_a_large_workbook_becomes_a_job(client_as, session, monkeypatch):
    monkeypatch.setattr(exports, "MAX_DIRECT_ROWS", 1)
    a_contact()
    a_contact()
    reply = export(client_as(BRUNO), format="xlsx")
    assert re.fullmatch(r"/jobs/\d+/", reply.location)


def test_the_keys_of_a_model_are_its_id_and_version():
    assert [field.name for field in key_fields(Contact)] == ["_id", "_version"]
