"""Exports of contacts, and that importing them again changes nothing."""

from __future__ import annotations

import csv
import io
from contextlib import ExitStack
from datetime import date

import pytest
from flask_babel import force_locale

from app.contacts.importers import ContactImporter, contact_fields
from app.contacts.models import Category, Contact, ContactType, Status, Tag
from app.entities.models import Entity
from app.errors import DomainError
from app.importexport import csv_response, slots
from app.importexport.conditions import fields_named
from app.importexport.exporter import Exporter
from app.importexport.fields import ValueField
from app.security.scope import visible
from app.trash.services import move_to_trash
from tests.contacts.importing import counts, export_text, import_file
from tests.factories import a_contact, a_value, an_account, an_entity, the_entity, the_value
from tests.people import ALICIA, BRUNO


def full_contact(**fields):
    """Create a contact with all fields filled in with difficult values."""
    tags = ["To be completed; or not", 'The "best", really', "=SUM(A1)", "a|b"]
    usual = {
        "salutation": "dr",
        "first_name": "'=María",
        "last_name": "-García; “Peña”",
        "number": "+1",
        "email": "m@example.org",
        "phone": "+34927211010",
        "mobile": "+34600111222;ext=12",
        "secondary_phone": "+12022243441",
        "street": "C/ Mayor, 1",
        "postcode": "01001",
        "city": "Vitoria-Gasteiz",
        "province": "ES-VI",
        "country": "ES",
        "birth_date": date(1980, 2, 1),
        "language": "es",
        "position": "@home",
        "department": "\uff1dlegal",
        "notes": '=1+1\n+ a line, "quoted"; and more',
        "type": the_value(ContactType, "Donor"),
        "status": the_value(Status, "Active"),
        "category": the_value(Category, "Board"),
        "account": an_account(name="Luz, S. L.; “Sol”"),
        "tags": [a_value(Tag, label_en=label, label_es=f"{label} ES") for label in tags],
    }
    return a_contact(**usual | fields)


def parse_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("written", ["en", "es"])
@pytest.mark.parametrize("read", ["en", "es"])
def test_an_export_imports_again_without_a_change(session, tmp_path, written, read):
    full_contact()
    a_contact()
    a_contact("Sur", last_name="Núñez", country="US", province="US-WA", phone="+12022243441")
    a_contact("Sur", last_name="Nowhere", province="Somewhere else")
    path = tmp_path / "export.csv"
    with force_locale(written):
        path.write_text(export_text(), newline="")
    with force_locale(read):
        report = import_file(path)
    assert report.errors == []
    assert counts(report) == {"unchanged": 4}


def test_every_field_of_the_full_contact_is_filled_in(session):
    full_contact()
    (row,) = parse_csv(export_text())
    assert [header for header, cell in row.items() if not cell] == []
    assert len(row) == len(contact_fields())


def test_importing_an_export_recreates_deleted_contacts(session, tmp_path):
    contact = full_contact()
    path = tmp_path / "export.csv"
    text = export_text()
    path.write_text(text, newline="")
    session.delete(contact)
    session.commit()
    assert counts(import_file(path)) == {"new": 1}
    assert export_text() == text


def test_no_exported_cell_is_a_formula(session):
    full_contact()
    for row in csv.reader(io.StringIO(export_text())):
        assert [cell for cell in row if cell[:1] in set("=+-@\t\r\n＝＋－＠")] == []


def test_entities_of_the_same_name_are_exported_with_their_path(session, tmp_path):
    session.add(Entity(name="Bilbao", parent_id=the_entity("Sur").id))
    session.commit()
    contact = a_contact("Norte")
    contact.entity = session.query(Entity).filter_by(name="Bilbao").order_by(Entity.id).all()[-1]
    session.commit()
    assert parse_csv(export_text())[0]["Entity"] == "Federación / Sur / Bilbao"
    path = tmp_path / "export.csv"
    path.write_text(export_text(), newline="")
    assert counts(import_file(path)) == {"unchanged": 1}


def test_headers_are_written_in_one_language_and_read_in_both(session):
    with force_locale("es"):
        names = {str(found.label) for found in contact_fields()}
    assert set(csv.DictReader(io.StringIO(export_text())).fieldnames or ()) <= {
        str(found.label) for found in contact_fields()
    }
    assert len(names) == len(contact_fields())


def test_an_export_is_limited_to_the_scope_of_the_user(session):
    hidden = an_account("Sur", name="Hidden Ltd")
    a_contact("Norte", last_name="Near", account=hidden)
    a_contact("Bilbao", last_name="Below")
    a_contact("Sur", last_name="Far")
    move_to_trash(a_contact("Norte", last_name="Trashed"), BRUNO.as_actor())
    session.commit()
    text = export_text(BRUNO.as_actor())
    assert [row["Last name"] for row in parse_csv(text)] == ["Near", "Below"]
    assert "Hidden" not in text


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (["type=donante"], ["Peña"]),
        (["type=Donor", "type=member"], ["Peña", "Ruiz"]),
        (["tag=VIP", "status=activo"], ["Peña"]),
        (["entity=Norte"], ["Peña", "Vega"]),
        (["account=luz"], ["Ruiz"]),
        (["city=CACERES"], ["Vega"]),
        (["q=ru"], ["Ruiz"]),
        (["email=P@example.org"], ["Peña"]),
        (["birth_date=1980-02-01"], ["Vega"]),
        (["tag=VIP", "city=Cáceres"], []),
    ],
)
def test_conditions_select_the_contacts(session, where, found):
    vip = a_value(Tag, label_en="VIP")
    donor, member = the_value(ContactType, "Donor"), the_value(ContactType, "Member")
    active = the_value(Status, "Active")
    a_contact(
        "Bilbao", last_name="Peña", type=donor, status=active, tags=[vip], email="p@example.org"
    )
    a_contact("Sur", last_name="Ruiz", type=member, account=an_account(name="Luz"))
    a_contact("Norte", last_name="Vega", city="Cáceres", birth_date=date(1980, 2, 1))
    assert [row["Last name"] for row in parse_csv(export_text(where=tuple(where)))] == found


@pytest.mark.parametrize("where", ["type=nonsense", "shoe=42", "type", "type=", "account=nobody"])
def test_an_invalid_condition_is_refused(session, where):
    with pytest.raises(DomainError):
        export_text(where=(where,))


def test_columns_are_written_in_the_given_order(session):
    a_contact(last_name="Peña", first_name="Ana")
    header, row, _end = export_text(columns="apellidos, first_name,last_name").split("\r\n")
    assert (header, row) == ("Last name,First name", "Peña,Ana")


def test_an_export_reads_in_chunks(session, counting, monkeypatch):
    monkeypatch.setattr("app.importexport.exporter.CHUNK_SIZE", 5)
    for number in range(12):
        a_contact(last_name=f"Peña {number}")
    with counting() as statements:
        assert len(parse_csv(export_text())) == 12
    # The rows are chosen once, and read in three chunks by their ids.
    reading = [statement for statement in statements if "contact.last_name" in statement]
    assert len(reading) == 3
    assert all(" contact.id IN " in statement for statement in reading)


def test_an_export_evaluates_the_filter_once_and_before_the_first_line(
    client_as, counting, monkeypatch
):
    monkeypatch.setattr("app.importexport.exporter.CHUNK_SIZE", 5)
    for number in range(12):
        a_contact(notes=f"Prefers post {number}")
    browser = client_as(BRUNO)
    with counting() as statements:
        reply = browser.post("/contacts/export.csv?notes__contains=post", data={"fields": "all"})
        assert len(parse_csv(reply.text.removeprefix("\ufeff"))) == 12
    assert sum("padron_fold(contact.notes)" in statement for statement in statements) == 1


def test_a_row_that_goes_out_of_sight_during_an_export_is_left_out(session):
    here, gone, trashed = (a_contact(last_name=name) for name in ("Aquí", "Fuera", "Tirado"))
    exporter = Exporter(
        session, Contact, fields_named(ContactImporter(), "last_name"), BRUNO.as_actor()
    )
    ids = exporter.select_ids(visible(Contact, BRUNO.as_actor()))
    assert [*ids] == [here.id, gone.id, trashed.id]
    gone.entity = the_entity("Sur")
    move_to_trash(trashed, ALICIA.as_actor())
    session.commit()
    assert [*exporter.rows(ids)] == [["Aquí"]]


def test_a_user_downloads_two_files_at_once(client_as):
    a_contact()
    browser, others = client_as(BRUNO), ExitStack()
    with others:
        for _file in range(slots.MAX_DOWNLOADS):
            others.enter_context(slots.download_slot(BRUNO.as_actor()))
        refused = browser.post("/contacts/export.csv")
        assert refused.status_code == 429
        assert "Wait until your other files have been downloaded" in refused.text
        assert client_as(ALICIA).post("/contacts/export.csv", buffered=True).status_code == 200
    # Read to the end, or not even begun: the place is free again.
    for _time in range(slots.MAX_DOWNLOADS + 1):
        assert browser.post("/contacts/export.csv", buffered=True).status_code == 200
        browser.post("/contacts/export.csv").close()


def test_a_download_that_takes_too_long_is_cut_off(client_as, monkeypatch):
    a_contact()
    monkeypatch.setattr(csv_response, "MAX_SECONDS", -1)
    with pytest.raises(TimeoutError):
        client_as(BRUNO).post("/contacts/export.csv", buffered=True)
    monkeypatch.undo()
    assert client_as(BRUNO).post("/contacts/export.csv", buffered=True).status_code == 200


def test_every_column_of_a_contact_can_be_exported():
    excluded = {"sort_name", "photo", "former_numbers"}
    columns = {f.key for f in contact_fields() if isinstance(f, ValueField)}
    kept = {a.key for a in Contact.__mapper__.column_attrs if not a.key.endswith(("_id", "_at"))}
    assert kept - columns == excluded | {"id", "version"}


def test_a_contact_of_a_new_entity_is_exported(session):
    an_entity("Cáceres")
    a_contact("Cáceres")
    assert parse_csv(export_text())[0]["Entity"] == "Cáceres"
