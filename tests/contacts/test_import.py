"""Importing contacts from files: which rows are created, changed, skipped and rejected."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.accounts.models import Account
from app.contacts.models import Contact, ContactType, Status, Tag
from app.errors import DomainError
from app.extensions import db
from app.log.models import LogEntry
from app.search.queries import search_condition
from app.security.actor import SYSTEM
from app.trash.services import move_to_trash
from tests.contacts.importing import counts, import_file
from tests.factories import a_contact, a_value, an_account, the_entity, the_value
from tests.people import BRUNO

pytestmark = pytest.mark.both_databases

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def load(session, tmp_path):
    """Return a function that imports the given CSV text."""

    def load(text: str, actor=SYSTEM, **options):
        path = tmp_path / "contacts.csv"
        path.write_text(text)
        return import_file(path, actor, **options)

    return load


def get_contact(last_name: str) -> Contact:
    db.session.expire_all()
    return db.session.scalars(select(Contact).where(Contact.last_name == last_name)).one()


def error_cells(report) -> list[tuple[int, str]]:
    return [(error["row"], error["field"]) for error in report.errors]


@pytest.mark.parametrize(
    ("name", "rows"), [("us-congress.csv", 537), ("congreso-es-cp1252.csv", 54)]
)
def test_real_files_are_imported_and_a_second_import_changes_nothing(session, name, rows):
    assert counts(import_file(DATA / name)) == {"new": rows}
    assert counts(import_file(DATA / name)) == {"unchanged": rows}


def test_telephones_provinces_and_birth_dates_of_a_real_file_are_parsed(session):
    import_file(DATA / "us-congress.csv")
    cantwell = get_contact("Cantwell")
    assert cantwell.phone == "+12022243441"
    assert cantwell.secondary_phone == "+14253030114"
    assert (cantwell.province, cantwell.city, cantwell.postcode) == ("US-WA", "Everett", "98201")
    assert cantwell.birth_date == date(1958, 10, 13)
    assert (cantwell.type, cantwell.country) == (None, None)


def test_any_column_can_be_the_member_number(session):
    options = {"match": "member_number", "mapping": {"bioguide_id": "member_number"}}
    assert counts(import_file(DATA / "us-congress.csv", **options)) == {"new": 537}
    assert get_contact("Cantwell").number == "C000127"
    assert counts(import_file(DATA / "us-congress.csv", **options)) == {"unchanged": 537}


def test_a_dry_run_reports_the_same_and_writes_nothing(load):
    text = "Apellidos,Correo\nPeña,p@example.org\nRuiz,no-mail\n"
    before = db.session.scalar(select(func.count(Contact.id)))
    tried = load(text, dry_run=True)
    assert db.session.scalar(select(func.count(Contact.id))) == before
    assert counts(tried) == counts(load(text)) == {"new": 1, "invalid": 1}


def test_an_invalid_row_does_not_affect_other_rows(load):
    report = load(
        "last name,email,birth date\nPeña,p@example.org,1980-01-31\n"
        "Ruiz,not an address,31/02/1980\n,x@example.org,\nSoler,s@example.org,\n"
    )
    assert counts(report) == {"new": 2, "invalid": 2}
    assert error_cells(report) == [(3, "email"), (3, "birth_date"), (4, "last_name")]


def test_an_empty_cell_keeps_the_stored_value(load):
    a_contact(last_name="Peña", email="p@example.org", city="Cáceres", notes="keep")
    assert counts(load("email,city,notes\np@example.org,,\n")) == {"unchanged": 1}
    assert counts(load("email,city,notes\nP@Example.org,Mérida,\n")) == {"updated": 1}
    contact = get_contact("Peña")
    assert (contact.city, contact.notes, contact.version) == ("Mérida", "keep", 2)


@pytest.mark.parametrize("match", ["email", "member_number", "name"])
def test_a_row_matches_its_contact(load, match):
    a_contact(first_name="José", last_name="Peña", number="S-1", email="p@example.org")
    text = "member number,email,first name,last name,city\nS-1,p@example.org,JOSE,Peña,Bilbao\n"
    assert counts(load(text, match=match)) == {"updated": 1}


def test_people_of_the_same_name_are_matched_by_birth_date(load):
    for year in (1950, 1980):
        a_contact(first_name="Ana", last_name="Peña", birth_date=date(year, 1, 2), city="Irún")
    report = load(
        "first name,last name,birth date,city\nAna,Peña,02/01/1980,Bilbao\nAna,Peña,1999-01-02,x\n"
    )
    assert counts(report) == {"new": 1, "updated": 1}
    ambiguous = load("first name,last name,city\nAna,Peña,Bilbao\n")
    assert counts(ambiguous) == {"conflict": 1}
    assert "match this row: 3" in ambiguous.errors[0]["reason"]


def test_a_second_row_with_the_same_match_key_is_rejected(load):
    report = load("email,last name\na@example.org,Peña\nb@example.org,Ruiz\nA@example.org,PEÑA\n")
    assert counts(report) == {"new": 2, "invalid": 1}
    assert report.errors == [{"row": 4, "field": "email", "reason": "Duplicate of row 2."}]


def test_duplicate_match_keys_are_detected_across_chunks(load):
    text = "email,last name\n" + "".join(f"p{n % 7}@example.org,Peña {n % 7}\n" for n in range(9))
    assert counts(load(text, chunk_size=2)) == {"new": 7, "invalid": 2}


def test_two_rows_that_match_the_same_contact_change_it_once(load):
    a_contact(first_name="Ana", last_name="Peña", birth_date=date(1980, 1, 2))
    text = "first name,last name,birth date,city\nAna,Peña,1980-01-02,Irún\nAna,Peña,,Bilbao\n"
    assert counts(load(text)) == {"updated": 1, "invalid": 1}


def test_a_row_without_a_match_key_becomes_a_new_contact(load):
    text = "email,last name\n,Peña\n,Ruiz\n"
    assert counts(load(text)) == {"new": 2}
    numbers = {get_contact(name).number for name in ("Peña", "Ruiz")}
    assert len(numbers) == 2


def test_a_contact_in_the_trash_is_skipped(load):
    move_to_trash(a_contact(last_name="Peña", email="p@example.org"), SYSTEM)
    db.session.commit()
    report = load("email,last name\np@example.org,Peña\n")
    assert counts(report) == {"skipped": 1}
    assert "trash" in report.errors[0]["reason"]


def test_a_member_number_of_another_contact_is_rejected(load):
    a_contact(last_name="Peña", number="S-1", email="p@example.org")
    report = load(
        "email,number,last name\nq@example.org,S-1,Ruiz\np@example.org,S-1,Peña\n"
        "r@example.org,S-2,Vega\ns@example.org,S-2,Mora\n",
        match="email",
    )
    assert counts(report) == {"new": 1, "unchanged": 1, "invalid": 2}
    assert error_cells(report) == [(2, "member_number"), (5, "member_number")]


def test_repository_values_are_found_by_their_label_in_either_language(load):
    load("apellidos,tipo,estatus,etiquetas\nPeña,MIEMBRO,Active,por completar\n")
    contact = get_contact("Peña")
    assert contact.type == the_value(ContactType, "Member")
    assert contact.status == the_value(Status, "Active")
    assert contact.tags == [the_value(Tag, "To be completed")]


def test_a_column_without_any_known_value_is_not_mapped(load):
    load("last name,type\nPeña,sen\nRuiz,rep\n")
    assert get_contact("Peña").type is None


def test_an_unknown_value_is_rejected_or_created_depending_on_the_option(load):
    text = "last name,type,tags\nPeña,Sen,a; b\nRuiz,Sen,b\n"
    mapping = {"type": "type", "tags": "tags"}
    assert counts(load(text, mapping=mapping)) == {"invalid": 2}
    options = {"mapping": mapping, "create_values": True}
    tried = load(text, dry_run=True, **options)
    assert tried.created_values == {"Type": ["Sen"], "Tags": ["a", "b"]}
    assert counts(load(text, **options)) == {"new": 2}
    assert get_contact("Peña").type is get_contact("Ruiz").type
    assert [str(tag) for tag in get_contact("Peña").tags] == ["a", "b"]
    assert counts(load(text, mapping=mapping)) == {"unchanged": 2}


def test_an_account_is_found_by_name_or_created(load):
    account = an_account(name="Cooperativa Ñandú")
    text = "last name,company\nPeña,COOPERATIVA ÑANDÚ\nRuiz,Imprenta Luz\nVega,imprenta luz\n"
    assert counts(load(text)) == {"new": 1, "invalid": 2}
    assert get_contact("Peña").account == account
    assert counts(load(text, create_values=True)) == {"new": 2, "unchanged": 1}
    made = get_contact("Ruiz").account
    assert made is get_contact("Vega").account
    assert db.session.scalars(
        select(Account).where(search_condition(db.session(), Account, "imprenta"))
    ).all() == [made]


def test_an_ambiguous_account_name_is_rejected_unless_it_is_the_contacts_own(load):
    own = an_account(name="Luz")
    an_account(name="Luz")
    a_contact(last_name="Peña", email="p@example.org", account=own)
    report = load("email,last name,account\np@example.org,Peña,Luz\nq@example.org,Ruiz,Luz\n")
    assert counts(report) == {"unchanged": 1, "invalid": 1}


def test_the_entity_comes_from_the_row_or_from_the_options(load):
    load("last name,entity\nPeña,bilbao\nRuiz,Federación / Sur\nVega,\n", entity="Norte")
    found = [get_contact(name).entity.name for name in ("Peña", "Ruiz", "Vega")]
    assert found == ["Bilbao", "Sur", "Norte"]
    assert counts(load("last name,entity\nMora,Nowhere\n")) == {"invalid": 1}


def test_an_import_is_limited_to_the_scope_of_the_user(load):
    a_contact("Sur", last_name="Peña", email="p@example.org", number="S-1")
    actor = BRUNO.as_actor()
    report = load("email,last name\np@example.org,Changed\nq@example.org,Ruiz\n", actor)
    assert counts(report) == {"new": 2}, "a contact out of scope is not revealed"
    assert get_contact("Ruiz").entity == get_contact("Changed").entity == the_entity("Norte")
    assert get_contact("Peña").version == 1
    report = load("last name,entity\nVega,Sur\nMora,Bilbao\n", actor)
    assert counts(report) == {"new": 1, "invalid": 1}
    assert counts(load("number,last name\nS-1,Taken\n", actor, match="member_number")) == {
        "skipped": 1
    }


def test_an_account_out_of_scope_cannot_be_linked(load):
    an_account("Sur", name="Luz")
    assert counts(load("last name,account\nPeña,Luz\n", BRUNO.as_actor())) == {"invalid": 1}


def test_two_columns_of_surnames_are_joined(load):
    text = "Segundo apellido,Primer apellido,Nombre\nNúñez,Peña,Ana\n,Ruiz,Eva\n"
    assert counts(load(text)) == {"new": 2}
    assert [get_contact(name).first_name for name in ("Peña Núñez", "Ruiz")] == ["Ana", "Eva"]
    assert counts(load(text)) == {"unchanged": 2}
    long = "x" * 100
    assert counts(load(f"Primer apellido,Segundo apellido\n{long},{long}\n")) == {"invalid": 1}


def test_a_title_column_without_salutations_is_not_mapped(load):
    load("last name,title\nPeña,Treasurer\n")
    assert get_contact("Peña").salutation is None
    load("last name,title\nRuiz,Mrs.\n")
    assert get_contact("Ruiz").salutation == "ms"


def test_the_order_of_day_and_month_is_detected_per_column(load):
    load("last name,birthday\nPeña,01/02/1980\nRuiz,12/31/1980\n")
    assert get_contact("Peña").birth_date == date(1980, 1, 2)
    load("last name,birthday\nVega,01/02/1980\nMora,31/12/1980\n")
    assert get_contact("Vega").birth_date == date(1980, 2, 1)


def test_a_value_that_is_too_long_is_rejected_and_the_limit_named(load):
    report = load(f"last name,city\n{'x' * 121},Bilbao\nPeña,{'y' * 101}\n")
    assert counts(report) == {"invalid": 2}
    assert "120" in report.errors[0]["reason"]
    assert "100" in report.errors[1]["reason"]


def test_markup_and_escaped_formulas_are_imported_as_text(load):
    load("last name,first name,notes\nO'Neil <script>,García,\"'=1+1\"\n")
    contact = get_contact("O'Neil <script>")
    assert (contact.first_name, contact.notes) == ("García", "=1+1")


def test_new_contacts_are_logged_and_indexed(load):
    load("last name,email,tags\nZubizarreta,z@example.org,To be completed\n")
    contact = get_contact("Zubizarreta")
    (entry,) = db.session.scalars(
        select(LogEntry).where(
            LogEntry.subject_type == "contact", LogEntry.subject_id == contact.id
        )
    )
    tag = the_value(Tag, "To be completed")
    assert (entry.event, entry.channel, entry.version) == ("created", "import", 1)
    assert entry.changes == {
        "last_name": [None, "Zubizarreta"],
        "email": [None, "z@example.org"],
        "number": [None, contact.number],
        "entity_id": [None, [contact.entity.id, "Federación"]],
        "tags": [[], [[tag.id, "To be completed"]]],
    }
    found = select(Contact).where(search_condition(db.session(), Contact, "ubizarr z@exam"))
    assert db.session.scalars(found).all() == [contact]


def test_changes_are_logged_with_old_and_new_values_and_indexed(load):
    account, other = an_account(name="Luz"), an_account(name="Sombra")
    kind, tag = the_value(ContactType, "Donor"), a_value(Tag, label_en="VIP")
    contact = a_contact(last_name="Peña", email="p@example.org", account=account, tags=[tag])
    load("email,account,type,tags\np@example.org,Sombra,Donante,To be completed\n")
    entry = db.session.scalars(
        select(LogEntry).where(LogEntry.event == "changed").order_by(LogEntry.id.desc())
    ).first()
    new_tag = the_value(Tag, "To be completed")
    assert (entry.subject_id, entry.channel, entry.version) == (contact.id, "import", 2)
    assert entry.changes == {
        "account_id": [[account.id, "Luz"], [other.id, "Sombra"]],
        "type_id": [None, [kind.id, "Donor"]],
        "tags": [[[tag.id, "VIP"]], [[new_tag.id, "To be completed"]]],
    }
    found = select(Contact.id).where(search_condition(db.session(), Contact, "sombra peña"))
    assert db.session.scalars(found).all() == [contact.id]


def test_the_number_of_statements_of_a_chunk_does_not_depend_on_its_rows(load, counting):
    def file(city: str, prefix: str) -> str:
        lines = (
            f"{prefix}{n}@example.org,Peña {n},{city},Luz {prefix}{n % 5},VIP {prefix}{n % 3}\n"
            for n in range(400)
        )
        return "email,last name,city,account,tags\n" + "".join(lines)

    def statements(text: str, chunk_size: int) -> int:
        with counting() as found:
            load(text, chunk_size=chunk_size, create_values=True, mapping={"tags": "tags"})
        return len(found)

    statements(file("Irún", "warm"), 400)
    # Of an import in 8 chunks more than in one, each is checked and written.
    new = statements(file("Irún", "a"), 400), statements(file("Irún", "b"), 50)
    changed = statements(file("Vigo", "a"), 400), statements(file("Vigo", "b"), 50)
    for one, eight in (new, changed):
        assert (eight - one) / 7 <= 56


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mapping": {"nowhere": "email"}}, "no column"),
        ({"mapping": {"last name": "shoe size"}}, "not a field"),
        ({"mapping": {"last name": "email", "x": "email"}}, "Match only one column"),
        ({"match": "email"}, "needs a column"),
        ({"match": "shoe size"}, "not a valid matching method"),
        ({"entity": "Nowhere"}, "“Nowhere” not found"),
    ],
)
def test_invalid_options_are_refused_with_a_reason(load, options, said):
    with pytest.raises(DomainError, match=said):
        load("last name,x\nPeña,1\n", **options)
