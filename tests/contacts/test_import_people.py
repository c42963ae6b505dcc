"""Rows that name other people: line managers, members who were merged, and who came in between."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.contacts.importers import ContactImporter
from app.contacts.models import Contact
from app.extensions import db
from app.merging.services import merge_rows
from tests.contacts.importing import counts
from tests.contacts.test_import import load
from tests.factories import a_contact
from tests.importexport.importing import check_file, report_of, run_checked
from tests.people import ALICIA

pytestmark = pytest.mark.both_databases

# ``load`` is a fixture.
__all__ = ["load"]


def with_number(number: str) -> Contact:
    return db.session.scalars(select(Contact).where(Contact.number == number)).one()


def test_a_line_manager_is_named_by_number_or_e_mail(load):
    boss = a_contact(last_name="Jefa", first_name="Eva", number="000161", email="jefa@example.org")
    text = (
        "Nº socio,Nombre,Apellidos,Correo,Jefe directo\n"
        "901,Ana,Inventada,ana@example.org,161\n902,Luis,Inventado,,JEFA@example.org\n"
        "903,Pau,Inventado,,901\n904,Iker,Inventado,,nadie@example.org\n905,Leo,Inventado,,905\n"
    )
    report = load(text)
    assert counts(report) == {"new": 3, "invalid": 2}
    assert "No contact has the member number or e-mail" in report.errors[0]["reason"]
    ana, luis, pau = (with_number(number) for number in ("901", "902", "903"))
    assert [ana.manager_id, luis.manager_id, pau.manager_id] == [boss.id, boss.id, ana.id]
    assert counts(load(text)) == {"unchanged": 3, "invalid": 2}
    assert counts(load("Nº socio,Apellidos,Jefe directo\n901,Inventada,901\n")) == {"invalid": 1}


def test_a_former_member_number_finds_who_it_was_merged_into(load):
    stays = a_contact(last_name="Inventada", first_name="Ana", number="000010")
    goes = a_contact(last_name="Inventada", first_name="Ana", number="000020")
    merge_rows(
        db.session(), stays, goes, {}, ALICIA.as_actor(), versions=(1, 1), list_name="contacts"
    )
    db.session.commit()
    text = "Nº socio,Nombre,Apellidos,Ciudad\n20,Ana,Inventada,Soria\n"
    assert counts(load(text)) == {"updated": 1}
    db.session.refresh(stays)
    assert (stays.number, stays.city) == ("000010", "Soria")
    assert counts(load(text)) == {"unchanged": 1}
    twice = f"{text}10,Ana,Inventada,Lugo\n"
    assert counts(load(twice)) == {"unchanged": 1, "invalid": 1}


def test_several_who_came_since_the_check_are_as_good_a_reason_as_one(session, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Apellidos;Nombre\nInventada;Ana\nOtra;Eva\n")
    run = check_file(ContactImporter(), path)
    assert counts(report_of(run)) == {"new": 2}
    for city in ("Lugo", "Soria"):
        a_contact(last_name="Inventada", first_name="Ana", city=city)
    session.commit()
    report = report_of(run_checked(run))
    assert counts(report) == {"new": 1, "conflict": 1}
    assert report.errors[0]["reason"] == "Somebody else has added this since the check."
