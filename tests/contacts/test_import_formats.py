"""Spreadsheets and vCards are imported by page and command as CSV is."""

from __future__ import annotations

import datetime
import io
import json
from pathlib import Path

import pytest
import xlsxwriter
from sqlalchemy import select

from app.contacts.models import Contact
from app.errors import DomainError
from app.extensions import db
from app.imports.models import ImportRun
from app.storage.files import find_file
from tests.contacts.importing import counts, import_file
from tests.contacts.test_import_pages import rejected, run_import, submit_columns, upload
from tests.importexport.workbooks import write_xlsx
from tests.people import BRUNO

HEADERS = ["Nombre", "Apellidos", "Fecha de nacimiento", "Correo", "CP"]


def test_a_workbook_is_imported_with_its_dates_and_lost_zeros(session, tmp_path):
    born = datetime.date(1919, 2, 2)
    path = write_xlsx(
        tmp_path / "a.xlsx", [HEADERS, ["Ana", "Uno", born, "ana@example.org", 6001]]
    )
    assert counts(import_file(path)) == {"new": 1}
    ana = session.scalar(select(Contact).where(Contact.email == "ana@example.org"))
    assert (ana.birth_date, ana.postcode) == (born, "06001")
    assert counts(import_file(path)) == {"unchanged": 1}


def test_a_number_in_a_column_of_dates_is_no_year(session, tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [HEADERS, ["Ana", "Uno", "45678"]])
    report = import_file(path)
    assert (report.new, report.invalid) == (0, 1)
    assert "21 Jan 2025" in report.errors[0]["reason"]


def sheets_file() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as workbook:
        workbook.add_worksheet("Socios").add_table(0, 0, 1, 1, {"data": [["Ana", "Uno"]], "columns": [{"header": "Nombre"}, {"header": "Apellidos"}]})  # fmt: skip
        bajas = workbook.add_worksheet("Bajas")
        bajas.write_row(0, 0, ["Apellidos", "Correo"])
        bajas.write_row(1, 0, ["Dos", "no-mail"])
    return content.getvalue()


def test_another_sheet_can_be_chosen_and_what_is_rejected_comes_back_as_csv(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser, sheets_file(), "socios.xlsx").location
    page = browser.get(at).text
    assert "Socios</option>" in page
    assert ">Encoding<" not in page
    reply = submit_columns(browser, at, sheet="Bajas", encoding="", delimiter="")
    assert reply.status_code == 200
    assert "Correo" in reply.text
    assert submit_columns(browser, at, encoding="", delimiter="").location == f"{at}/check"
    run_import(browser, at)
    assert "Dos,no-mail" in rejected(browser, at)


def test_a_sheet_that_is_not_there_is_refused_beside_the_form(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser, sheets_file(), "socios.xlsx").location
    reply = submit_columns(browser, at, sheet="Otra", encoding="", delimiter="")
    assert reply.status_code == 422
    assert "no longer has this sheet" in reply.text


def test_cancelling_lets_both_files_expire(client_as, session):
    browser = client_as(BRUNO)
    at = upload(browser, sheets_file(), "socios.xlsx").location
    run = db.session.scalar(select(ImportRun).order_by(ImportRun.id.desc()))
    keys = [run.file_key, run.original_key]
    assert all(find_file(key) for key in keys)
    browser.post(f"{at}/cancel")
    from app.storage.services import collect_unused_files

    collect_unused_files(db.session())
    assert not any(find_file(key) for key in keys)


def test_a_workbook_that_is_html_is_refused_in_words(client_as, session):
    page = upload(client_as(BRUNO), b"<html><table></table></html>", "x.xls")
    assert page.status_code == 422
    assert "web page" in page.text


def test_a_workbook_that_is_csv_is_read_as_csv(client_as, session):
    assert upload(client_as(BRUNO), "Apellidos\nUno\n", "x.xlsx").status_code == 302


def test_the_command_reads_a_sheet(app, session, tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(sheets_file())
    reply = app.test_cli_runner().invoke(
        args=["contacts", "import", str(path), "--sheet", "Bajas", "--dry-run"]
    )
    data = json.loads(reply.stdout)
    assert (data["invalid"], data["mapping"]) == (1, {"Apellidos": "last_name", "Correo": "email"})


VCARDS = """BEGIN:VCARD
VERSION:3.0
N:García López;Ana María;;Dra.;
FN:Ana María García López
EMAIL;TYPE=INTERNET,HOME:otro@example.org
EMAIL;TYPE=INTERNET,PREF:ana@example.org
item1.TEL;TYPE=CELL:+34 612 345 678
TEL;TYPE=HOME:913 456 789
ADR;TYPE=HOME:;;Calle Mayor 1\\, 2º;Cáceres;Cáceres;10001;España
ORG:Acme\\, S. L.;Ventas
TITLE:Directora
BDAY:19800506
NOTE:Una nota que se parte en
  dos líneas\\ny otra con \\; y \\\\
PHOTO;ENCODING=b;TYPE=JPEG:AAAA
 AAAA
END:VCARD
BEGIN:VCARD
VERSION:4.0
FN:Luis Pérez Gil
TEL;VALUE=uri;TYPE="voice,cell":tel:+34-655-123-456
BDAY:--0506
KIND:individual
END:VCARD
"""


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_vcards_are_read_with_folded_lines_and_escaped_characters(session, tmp_path, encoding):
    path = write(tmp_path / "a.vcf", VCARDS, encoding)
    report = import_file(path, create_values=True)
    assert counts(report) == {"new": 2}, report.errors
    ana = session.scalar(select(Contact).where(Contact.email == "ana@example.org"))
    assert (ana.first_name, ana.last_name, ana.mobile, ana.phone) == (
        "Ana María", "García López", "+34612345678", "+34913456789",
    )  # fmt: skip
    assert (ana.street, ana.city, ana.postcode, ana.country) == (
        "Calle Mayor 1, 2º", "Cáceres", "10001", "ES",
    )  # fmt: skip
    assert (ana.account.name, ana.department, ana.position) == (
        "Acme, S. L.",
        "Ventas",
        "Directora",
    )
    assert ana.birth_date == datetime.date(1980, 5, 6)
    assert ana.notes == "Una nota que se parte en dos líneas\ny otra con ; y \\"
    luis = session.scalar(select(Contact).where(Contact.last_name == "Pérez Gil"))
    assert (luis.first_name, luis.mobile, luis.birth_date) == ("Luis", "+34655123456", None)
    assert counts(import_file(path)) == {"unchanged": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("BEGIN:VCARD\nVERSION:2.1\nN:A;B\nEND:VCARD\n", "version 2.1"),
        ("BEGIN:VCARD\nN;ENCODING=QUOTED-PRINTABLE:=C3=81;B\nEND:VCARD\n", "version 2.1"),
        ("BEGIN:VCARD\nVERSION:4.0\nN:A;B\n", "cut off"),
        ("BEGIN:VCARD\nBEGIN:VCARD\nEND:VCARD\n", "has no end"),
        ("BEGIN:VCARD\nEND:VCARD\n", "no contact"),
        ('{"contacts": []}', "JSON"),
    ],
)
def test_other_files_of_addresses_are_refused_in_words(app, session, tmp_path, text, said):
    with pytest.raises(DomainError, match=said), app.test_request_context("/?lang=en"):
        import_file(write(tmp_path / "a.vcf", text))
