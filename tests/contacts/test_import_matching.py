"""Which contact a row is about: matched row by row, and a question where it is not clear."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from sqlalchemy import select

from app.contacts.models import Contact
from app.errors import DomainError
from app.extensions import db
from tests.contacts.importing import counts, export_text
from tests.contacts.test_import import get_contact, load
from tests.factories import a_contact, some_contacts

pytestmark = pytest.mark.both_databases

# ``load`` is a fixture.
__all__ = ["load"]


def reasons(report) -> list[str]:
    return [error["reason"] for error in report.errors]


@pytest.mark.parametrize("chunk_size", [100, 1000])
def test_namesakes_of_one_file_stay_two_people(load, chunk_size):
    rows = "".join(f"Socio{n},Relleno {n},1970-01-01,,\n" for n in range(250))
    text = (
        "Nombre,Apellidos,Fecha de nacimiento,Teléfono,Ciudad\n"
        f"Ana,Prueba Nadie,,612000001,Cáceres\n{rows}Ana,Prueba Nadie,1980-05-06,612000002,Badajoz\n"
    )
    assert counts(load(text, dry_run=True)) == {"new": 252}
    assert counts(load(text, chunk_size=chunk_size)) == {"new": 252}
    cities = select(Contact.city).where(Contact.last_name == "Prueba Nadie")
    assert sorted(db.session.scalars(cities)) == ["Badajoz", "Cáceres"]
    assert counts(load(text, chunk_size=chunk_size)) == {"unchanged": 252}


def test_a_row_without_the_key_is_matched_by_the_next(load):
    text = (
        "Nº socio,Nombre,Apellidos,Correo,Ciudad\n,Ana,Sincorreo Uno,,Lugo\n"
        ",Luis,Concorreo Dos,luis.dos@example.org,Lugo\nS-1,Eva,Connúmero Tres,,Lugo\n"
    )
    assert counts(load(text)) == {"new": 3}
    again = load(text)
    assert counts(again) == {"unchanged": 3}
    assert again.matched == {"name": 1, "email": 1, "member_number": 1}


def test_a_shared_address_never_gives_a_file_to_another_person(load):
    mother = a_contact(
        first_name="Madre", last_name="Familia Inventada", email="familia@example.org",
        birth_date=date(1975, 3, 4),
    )  # fmt: skip
    child = "Nombre,Apellidos,Correo,Fecha de nacimiento\nHijo,Familia Inventada,familia@example.org,2010-03-04\n"
    report = load(child)
    assert counts(report) == {"conflict": 1}
    assert "another name" in reasons(report)[0]
    db.session.refresh(mother)
    assert (mother.first_name, mother.version) == ("Madre", 1)
    older = child.replace("Hijo", "Madre")
    assert counts(load(older)) == {"conflict": 1}, "another birth date is another person"


def test_a_family_of_one_file_becomes_as_many_people(load):
    text = (
        "Nombre,Apellidos,Correo\nMadre,Familia Inventada,familia@example.org\n"
        "Hijo,Familia Inventada,familia@example.org\nmadre,familia inventada,FAMILIA@example.org\n"
    )
    report = load(text)
    assert counts(report) == {"new": 2, "invalid": 1}
    assert reasons(report) == ["Duplicate of row 2."]
    assert counts(load(text)) == {"unchanged": 2, "invalid": 1}


def test_a_number_of_somebody_with_another_name_is_a_question(load):
    a_contact(first_name="Ana", last_name="Peña", number="000001")
    report = load("Nº,Nombre,Apellidos\n1,Luis,Soler\n", mapping={"Nº": "member_number"})
    assert counts(report) == {"conflict": 1}
    assert "another name" in reasons(report)[0]
    married = load("Nº,Nombre,Apellidos\n1,Ana,Soler\n", mapping={"Nº": "member_number"})
    assert counts(married) == {"updated": 1}


def test_a_new_address_does_not_make_a_second_person(load):
    a_contact(
        first_name="Ana", last_name="Peña", email="old@example.org", birth_date=date(1980, 5, 6)
    )
    text = "Nombre,Apellidos,Correo,Nacimiento\nAna,Peña,new@example.org,1980-05-06\n"
    assert counts(load(text)) == {"updated": 1}
    namesake = "Nombre,Apellidos,Correo\nAna,Peña,third@example.org\n"
    assert counts(load(namesake)) == {"new": 1}, "a name alone is not enough"


def test_an_export_that_went_through_a_spreadsheet_brings_nothing_new(session, load):
    some_contacts(12)
    for number in range(3):
        a_contact(number=f"00016{number}", postcode="06001", country="ES", phone="+34927216305",
                  birth_date=date(1980, 2, number + 1))  # fmt: skip
    rows = list(csv.reader(io.StringIO(export_text())))
    dates = rows[0].index("Birth date")
    for row in rows[1:]:
        row[:] = [cell.lstrip("0") if cell.isdigit() else cell for cell in row]
        row[:] = [cell.removeprefix("'+") if cell.startswith("'+") else cell for cell in row]
        if row[dates]:
            year, month, day = row[dates].split("-")
            row[dates] = f"{int(day)}/{int(month)}/{year}"
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    assert counts(load(text.getvalue())) == {"unchanged": 15}


def test_a_number_without_its_zeros_is_taken_exactly_where_there_is_one(load):
    a_contact(last_name="Peña", number="000161")
    a_contact(last_name="Ruiz", number="161")
    assert counts(load("number,last name,city\n161,Ruiz,Irún\n000161,Peña,Vigo\n")) == {
        "updated": 2
    }
    assert (get_contact("Ruiz").city, get_contact("Peña").number) == ("Irún", "000161")


def test_a_rejected_row_does_not_block_the_good_one_after_it(load):
    text = (
        "Nombre,Apellidos,Correo,País\nAna,Bloque,ana.b@example.org,ABC\n"
        "Ana,Bloque,ana.b@example.org,España\n"
    )
    report = load(text)
    assert counts(report) == {"new": 1, "invalid": 1}
    assert report.errors[0]["row"] == 2


def test_the_organisations_country_stands_against_a_few_numbers(load):
    report = load(
        "Nombre,Apellidos,Teléfono,Nacimiento,País\nA,Mezcla,612345678,03/04/1990,\n"
        "B,Mezcla,91555123,,\nC,Mezcla,2125551234,,\nD,Mezcla,91555123,,Estados Unidos\n"
    )
    assert counts(report) == {"new": 1, "invalid": 3}
    found = db.session.scalars(select(Contact).where(Contact.last_name == "Mezcla")).one()
    assert (found.phone, found.birth_date) == ("+34612345678", date(1990, 4, 3))


def test_very_many_foreign_numbers_speak_for_their_country_and_leave_the_own_ones_alone(load):
    rows = "".join(f"N{n},Lejos,202-555-{1000 + n}\n" for n in range(30))
    assert counts(load(f"first name,last name,phone\n{rows}S,Cerca,912345678\n")) == {"new": 31}
    assert get_contact("Cerca").phone == "+34912345678"


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("name,given_name,family_name\nAna María Inventada López,Ana María,Inventada López\n",
         "Ana María", "Inventada López"),
        ("First Name,Last Name,Mother first name,Last Name\nAna,Uno,Eva,Dos\n", "Ana", "Uno"),
        ("Nombre,Apellido,Apellido\nAna,Uno,Dos\n", "Ana", "Uno Dos"),
        ("First Name,Middle Name,Last Name,E-mail 1 - Value,Phone 1 - Value,Address 1 - City\n"
         "Ana,,Uno,a@example.org,912345678,Lugo\n", "Ana", "Uno"),
    ],
)  # fmt: skip
def test_the_column_that_fits_best_is_taken(load, text, first, last):
    assert counts(load(text)) == {"new": 1}
    contact = db.session.scalars(select(Contact).where(Contact.first_name == first)).one()
    assert contact.last_name == last


def test_county_is_a_province_only_where_there_is_no_state(load):
    load("last name,country,county,state\nPeña,US,Kings County,New York\n")
    assert get_contact("Peña").province == "US-NY"


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("1/2/81", date(1981, 2, 1)), ("12-mar-80", date(1980, 3, 12)),
        ("01-Sep-78", date(1978, 9, 1)), ("01-Sep-08", None), ("20080901", date(2008, 9, 1)),
        ("12 de marzo de 1980", date(1980, 3, 12)), ("September 12, 2008", date(2008, 9, 12)),
        ("31/12/99", date(1999, 12, 31)), ("29221", None), ("--05-06", None),
        ("2080-12-31", None), ("20081301", None),
    ],
)  # fmt: skip
def test_dates_are_taken_as_people_write_them(load, cell, day):
    report = load(f'last name,birth date\nPeña,"{cell}"\n')
    if day is None:
        assert counts(report) == {"invalid": 1}
    else:
        assert get_contact("Peña").birth_date == day


def test_a_file_without_names_is_refused_at_once_in_words(load):
    with pytest.raises(DomainError, match="No column is matched to “Last name”"):
        load("Provincia\nLugo\n")


def test_a_row_that_finds_a_contact_and_an_earlier_row_is_a_question(load):
    a_contact(first_name="Ana", last_name="Inventada", number="900", birth_date=None)
    report = load(
        "Nº socio,Nombre,Apellidos,Ciudad\n901,Ana,Inventada,Lugo\n,Ana,Inventada,Soria\n"
    )
    assert counts(report) == {"new": 1, "conflict": 1}
    assert reasons(report) == ["It matches an existing item, but also row 2."]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_row_that_says_too_little_beside_another_is_a_question(load, is_first):
    a_contact(first_name="Ana", last_name="Inventada", birth_date=date(1980, 1, 2))
    little, other = "Ana,Inventada,,Lugo\n", "Ana,Inventada,1975-03-04,Soria\n"
    rows = little + other if is_first else other + little
    report = load(f"Nombre,Apellidos,Fecha de nacimiento,Ciudad\n{rows}")
    assert report.conflict == 1
    assert report.errors[0]["row"] == 3
