"""Problems of a file are mended on the page of its check, and what is in the trash comes back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app.contacts.importers import ContactImporter
from app.contacts.models import Contact, Status
from app.extensions import db
from app.log.models import LogEntry
from tests.contacts.importing import counts
from tests.contacts.test_import_pages import rejected, run_import, submit_columns, upload
from tests.factories import a_contact
from tests.importexport.importing import check_file, report_of, run_checked, undo
from tests.people import ALICIA

FILE = (
    "Apellidos;Nombre;Correo;Estatus;Etiquetas\n"
    "Peña;Ana;a@example.org;Actvo;\nRuiz;Eva;no-mail;Actvo;Sociedad Nueva\n"
)
FIELDS = {
    "Apellidos": "last_name", "Nombre": "first_name", "Correo": "email", "Estatus": "status",
    "Etiquetas": "tags", "Ciudad": "city",
}  # fmt: skip


def checked(browser, content: str = FILE) -> str:
    """Upload and check a file; return its address."""
    at = upload(browser, content).location
    headers = content.partition("\n")[0].split(";")
    assert submit_columns(browser, at, field=[FIELDS[one] for one in headers]).location
    return at


def decide(browser, at: str, **data):
    reply = browser.post(f"{at}/repair", data=data)
    assert reply.location == f"{at}/check"
    return browser.get(reply.location).text


def a_group(header: str, value: str, do: str = "", text: str = "") -> dict[str, list[str]]:
    return {
        "group_header": [header],
        "group_value": [value],
        "group_do": [do],
        "group_text": [text],
    }


def figures(page: str) -> dict[str, int]:
    found = re.findall(r"<dt>([^<]*)</dt><dd><b>(\d+)</b>", page)
    return {name: int(number) for name, number in found if number != "0"}


def test_problems_are_grouped_and_one_decision_mends_all_rows(client_as, session):
    browser = client_as(ALICIA)
    at = checked(browser)
    page = browser.get(f"{at}/check").text
    assert figures(page) == {"With errors": 2}
    assert "“Actvo” × 2" in page
    status = session.scalars(select(Status).order_by(Status.id)).first()
    label = status.label_en or status.label_es
    page = decide(browser, at, **a_group("Estatus", "Actvo", f"={label}"))
    assert figures(page) == {"New": 1, "With errors": 1}
    assert "Sociedad Nueva" in page, "all that is wrong with a row is said at once"
    page = decide(browser, at, **a_group("Correo", "no-mail", text="eva@example.org"))
    page = decide(browser, at, **a_group("Etiquetas", "Sociedad Nueva", "create"))
    assert figures(page) == {"New": 2}
    run_import(browser, at)
    eva = session.scalars(select(Contact).where(Contact.email == "eva@example.org")).one()
    assert eva.status_id == status.id
    assert [str(tag) for tag in eva.tags] == ["Sociedad Nueva"]


def test_a_value_can_be_left_empty(client_as, session):
    browser = client_as(ALICIA)
    at = checked(browser, "Apellidos;Correo;Estatus\nPeña;p@example.org;Actvo\n")
    decide(browser, at, **a_group("Estatus", "Actvo", "empty"))
    run_import(browser, at)
    found = session.scalars(select(Contact).where(Contact.email == "p@example.org")).one()
    assert found.status_id is None


def test_decisions_are_remembered_for_the_next_file_with_the_same_headers(client_as, session):
    browser = client_as(ALICIA)
    at = checked(browser, "Apellidos;Correo;Estatus\nPeña;no-mail;Actvo\n")
    decide(browser, at, **a_group("Estatus", "Actvo", "empty"))
    cell = {"cell_row": ["2"], "cell_header": ["Correo"], "cell_old": ["no-mail"]}
    decide(browser, at, **cell, cell_text=["p@example.org"])
    run_import(browser, at)
    again = checked(browser, "Apellidos;Correo;Estatus\nRuiz;r@example.org;Actvo\n")
    page = browser.get(f"{again}/check").text
    assert figures(page) == {"New": 1}
    run_import(browser, again)
    assert session.scalars(select(Contact.email).where(Contact.last_name == "Ruiz")).one() == (
        "r@example.org"
    ), "single cells are those of the first file"


def test_a_cell_is_corrected_in_place(client_as, session):
    browser = client_as(ALICIA)
    at = checked(browser, "Apellidos;Correo;Ciudad\nPeña;no-mail;Lugo\nRuiz;bad;Soria\n")
    page = browser.get(f"{at}/check").text
    assert 'name="cell_text" value="no-mail"' in page
    cells = {"cell_row": ["2", "3"], "cell_header": ["Correo"] * 2, "cell_old": ["no-mail", "bad"]}
    page = decide(browser, at, **cells, cell_text=["p@example.org", "still bad"])
    assert figures(page) == {"New": 1, "With errors": 1}
    assert ";still bad;" in rejected(browser, at)
    run_import(browser, at)
    assert session.scalars(select(Contact.city).where(Contact.email == "p@example.org")).one()


def test_corrections_can_be_discarded(client_as, session):
    browser = client_as(ALICIA)
    at = checked(browser, "Apellidos;Estatus\nPeña;Actvo\n")
    assert figures(decide(browser, at, **a_group("Estatus", "Actvo", "empty"))) == {"New": 1}
    page = decide(browser, at, discard="1")
    assert figures(page) == {"With errors": 1}
    assert "Your corrections" not in page


def test_only_the_problems_are_shown_page_by_page(client_as, session):
    browser = client_as(ALICIA)
    a_contact(last_name="Vieja", email="v@example.org", trashed_at=datetime.now(UTC))
    rows = "".join(f"Relleno {n};bad{n}\n" for n in range(60))
    at = checked(browser, f"Apellidos;Correo\nNueva;n@example.org\nVieja;v@example.org\n{rows}")
    page = browser.get(f"{at}/check").text
    assert "First new items" in page
    page = browser.get(f"{at}/check?only=problems").text
    assert "First new items" not in page
    assert page.count('name="cell_text"') == 50
    following = re.search(r"href=\"([^\"]*after=\d+)\"", page)[1].replace("&amp;", "&")
    assert browser.get(following).text.count('name="cell_text"') == 11
    page = browser.get(f"{at}/check?only=skipped").text
    assert page.count('name="cell_text"') == 1
    assert "It is in the trash." in page
    assert browser.get(f"{at}/check?only=nonsense&after=x").status_code == 200


def test_too_many_corrections_are_refused(client_as, monkeypatch):
    monkeypatch.setattr("app.imports.problems.MAX_DECISIONS", 1)
    browser = client_as(ALICIA)
    at = checked(browser)
    data = {"cell_row": ["2", "3"], "cell_header": ["Correo"] * 2, "cell_old": ["", ""]}
    reply = browser.post(f"{at}/repair", data=data | {"cell_text": ["x", "y"]})
    assert reply.status_code == 422
    assert "Up to 1 corrections" in reply.text


@pytest.fixture
def in_the_trash(session) -> Contact:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    return a_contact(
        last_name="Vieja", first_name="Eva", email="v@example.org", city="Lugo", trashed_at=moment
    )


def test_a_row_restores_its_contact_from_the_trash(client_as, session, in_the_trash):
    number = in_the_trash.id
    browser = client_as(ALICIA)
    at = checked(browser, "Apellidos;Nombre;Correo;Ciudad\nVieja;Eva;v@example.org;Soria\n")
    page = browser.get(f"{at}/check").text
    assert figures(page) == {"Skipped": 1}
    assert "1 row matches something in the trash." in page
    page = decide(browser, at, restore=["2"])
    assert figures(page) == {"Changed": 1}
    assert "Restored from the trash" in page
    run_import(browser, at)
    session.expire_all()
    found = session.get(Contact, number)
    assert (found.city, found.trashed_at, found.trashed_by_id) == ("Soria", None, None)
    events = select(LogEntry.event).where(
        LogEntry.subject_type == "contact", LogEntry.subject_id == number
    )
    assert list(session.scalars(events.order_by(LogEntry.id)))[-1] == "restored"


@pytest.mark.both_databases
def test_undoing_moves_what_was_restored_back_to_the_trash(session, tmp_path, in_the_trash):
    number, was = in_the_trash.id, in_the_trash.trashed_at
    path = tmp_path / "a.csv"
    path.write_text(
        "Apellidos;Nombre;Correo;Ciudad\nVieja;Eva;v@example.org;Soria\nOtra;Ana;o@example.org;Vigo\n"
    )
    assert counts(report_of(check_file(ContactImporter(), path))) == {"new": 1, "skipped": 1}
    run = run_checked(check_file(ContactImporter(), path, repairs={"restores_all": True}))
    report = report_of(run)
    assert counts(report) == {"new": 1, "updated": 1}
    assert report.restored == 1
    again = check_file(ContactImporter(), path, repairs={"restores_all": True})
    assert counts(report_of(again)) == {"unchanged": 2}
    operation = undo(run)
    assert (operation.undone, operation.kept) == (2, 0)
    db.session.expire_all()
    query = select(Contact).where(Contact.id == number).execution_options(with_trash=True)
    found = db.session.scalars(query).one()
    assert (found.city, found.trashed_at) == ("Lugo", was)


@pytest.mark.both_databases
def test_nonsense_is_no_decision(client_as, session):
    browser = client_as(ALICIA)
    at = checked(browser)
    for text in ("\0", "=\0", "\u202e", "x" * 70_000, "<b>", "\ud7ff", "²", "=" * 300):
        data = a_group("Correo", "no-mail", do=f"={text}", text=text)
        cell = {"cell_row": ["2", "²", "9" * 30, text], "cell_header": ["Nombre", text] * 2}
        more = {"cell_old": [""] * 4, "cell_text": [text] * 4, "restore": [text, "7", "-1"]}
        assert "Your corrections" in decide(browser, at, **data, **cell, **more)
        nowhere = a_group(text, text, do=text, text=text)
        assert decide(browser, at, **nowhere)
    assert browser.post(f"{at}/repair").location == f"{at}/check"
