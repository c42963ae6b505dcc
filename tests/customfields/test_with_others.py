"""Custom fields in merges, and in imports that are undone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.contacts.importers import ContactImporter
from tests.customfields.fields import a_field
from tests.customfields.test_everywhere import SIZES, reload
from tests.factories import a_contact
from tests.importexport.importing import check_file, run_checked
from tests.importexport.importing import undo as undo_import
from tests.merging.test_merging import merge
from tests.merging.test_merging import undo as undo_merge
from tests.people import BRUNO

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("session")]


def test_a_merge_moves_the_values_chosen_and_its_undoing_gives_them_back():
    text, day = a_field(label="Licence"), a_field("date", "Certificate")
    sports = a_field("choices", "Sports", options=SIZES)
    small, large = (f"|{option.id}|" for option in sports.options)
    stays = a_contact(**{text.name: "AB-1", sports.name: small})
    gone = a_contact(**{text.name: "AB-2", day.name: date(2026, 1, 2), sports.name: large})
    done = merge(stays, gone, **{text.name: "other"})
    kept = reload(stays)
    assert getattr(kept, text.name) == "AB-2"
    assert getattr(kept, day.name) == date(2026, 1, 2)
    assert getattr(kept, sports.name) == small + large
    undo_merge(done, stays, gone)
    kept = reload(stays)
    assert (getattr(kept, text.name), getattr(kept, day.name)) == ("AB-1", None)
    assert getattr(kept, sports.name) == small


def test_an_import_of_values_is_undone(tmp_path):
    number, choice = a_field("number", "Height"), a_field("choice", "Size", options=SIZES)
    contact = a_contact(last_name="Peña", email="p@example.org", **{number.name: Decimal("1.7")})
    path = tmp_path / "contacts.csv"
    path.write_text("email,last name,Height,Size\np@example.org,Peña,1.85,Large\n")
    run = run_checked(check_file(ContactImporter(), path, BRUNO.as_actor()), BRUNO.as_actor(), 2)
    large = str(choice.options[1].id)
    assert getattr(reload(contact), number.name) == Decimal("1.85")
    assert getattr(reload(contact), choice.name) == large
    operation = undo_import(run, BRUNO.as_actor(), 2)
    assert (operation.undone, operation.kept) == (1, 0)
    assert getattr(reload(contact), number.name) == Decimal("1.7")
    assert getattr(reload(contact), choice.name) is None
