"""Import of accounts: how their rows match, what new ones get, and who may see what."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.accounts.importers import AccountImporter
from app.accounts.models import Account
from app.contacts.models import Contact
from app.extensions import db
from app.search.queries import search_condition
from tests.factories import a_contact, an_account, the_entity
from tests.importexport.importing import counts, export_text, import_file
from tests.people import BRUNO

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def load(tmp_path):
    def load(content: str, **options):
        path: Path = tmp_path / "accounts.csv"
        path.write_text(content)
        return import_file(AccountImporter(), path, **options)

    return load


def the_account(name: str) -> Account:
    return db.session.scalars(select(Account).where(Account.name == name)).one()


def test_the_tax_number_goes_before_the_name(load):
    an_account(name="Luz", tax_number="B1")
    other = an_account(name="Sol", tax_number="B2", city="Irún")
    report = load("empresa,cif,ciudad\nLuz,B2,Bilbao\n")
    assert counts(report) == {"updated": 1}
    assert (other.name, other.city) == ("Luz", "Bilbao")


def test_a_row_without_a_tax_number_matches_by_name_however_it_is_spelt(load):
    an_account(name="Imprenta Ñandú, S. L.")
    report = load(
        "empresa,cif,ciudad\nIMPRENTA ñandu,B1,x\nimprenta ñandú, s. l.\n".replace(", s", " s")
    )
    assert counts(report)["new"] == 2
    assert counts(load('empresa,cif,ciudad\n"imprenta ñandú, s. l.",,Irún\n')) == {"updated": 1}


def test_a_name_matches_within_the_entity_that_the_row_names(load):
    here, there = an_account("Norte", name="Luz"), an_account("Sur", name="Luz")
    assert counts(load("name,entity,city\nLuz,Sur,Irún\n")) == {"updated": 1}
    assert (here.city, there.city) == (None, "Irún")
    assert counts(load("name,entity,city\nLuz,Bilbao,Bilbao\n")) == {"new": 1}
    ambiguous = load("name,city\nLuz,Vigo\n")
    assert counts(ambiguous) == {"conflict": 1}
    assert "match this row: 3" in ambiguous.errors[0]["reason"]


def test_what_is_out_of_scope_is_neither_matched_nor_revealed(load):
    far = an_account("Sur", name="Lejos", tax_number="B9", city="Cádiz")
    report = load("name,tax number,city\nLejos,B9,Bilbao\n", actor=BRUNO.as_actor())
    assert counts(report) == {"new": 1}
    assert far.city == "Cádiz"
    rows = db.session.scalars(select(Account).where(Account.name == "Lejos"))
    assert {row.entity for row in rows} == {the_entity("Sur"), the_entity("Norte")}


def test_a_parent_is_found_by_its_name_also_if_an_earlier_chunk_added_it(load):
    rows = "Pronto,Matriz\nMatriz,\nFilial,Matriz\n"
    report = load(f"name,parent account\n{rows}", chunk_size=1)
    assert counts(report) == {"new": 2, "invalid": 1}
    assert the_account("Filial").parent is the_account("Matriz")


def test_contacts_are_found_by_the_new_name_of_their_account(load, session):
    a_contact(account=an_account(name="Antigua", tax_number="B1"))
    assert counts(load("name,tax number\nFlamante,B1\n")) == {"updated": 1}
    found = [
        session.scalar(select(func.count(Contact.id)).where(search_condition(session, Contact, q)))
        for q in ("flamante", "antigua")
    ]
    assert found == [1, 0]


def test_each_address_of_a_file_is_read_by_its_own_country(load):
    addresses = {"country": "US", "province": "US-WA"}
    shipping = {"shipping_country": "ES", "shipping_province": "ES-M"}
    an_account(**addresses, **shipping)
    text = export_text(
        AccountImporter(),
        columns="name,entity,country,province,shipping_country,shipping_province",
    )
    assert text.splitlines()[1].split(",", 2)[2] == "United States,Washington,Spain,Madrid"
    assert counts(load(text)) == {"unchanged": 1}
    report = load(
        "name,country,province,shipping country,shipping province\nA,US,Washington,ES,Sevilla\n"
    )
    assert counts(report) == {"new": 1}
    made = the_account("A")
    assert (made.province, made.shipping_province) == ("US-WA", "ES-SE")


def test_a_new_account_needs_a_name(load):
    report = load("name,tax number\n,B1\n")
    assert [error["field"] for error in report.errors] == ["name"]
