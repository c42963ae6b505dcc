"""Fields that rooms add to the models of lower rooms."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import String
from sqlalchemy.orm import mapped_column

from app.added_fields import AddedField, StoredField
from app.contacts.models import Contact
from tests.factories import a_contact, an_account
from tests.people import BRUNO

ROOT = Path(__file__).parents[2]


def test_a_stored_and_a_computed_field_of_contacts_are_wherever_fields_are():
    environ = os.environ | {"PADRON_TEST_ADDED_FIELDS": "1"}
    environ.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "tests/added_fields"], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-8000:]
    assert " passed" in run.stdout


def test_a_name_that_the_model_has_already_is_refused_at_start():
    before = list(AddedField._registered)
    with pytest.raises(TypeError, match="has a field email already"):

        class Second(StoredField):
            model, name, label = Contact, "email", "E-mail"
            column = mapped_column(String(8))

    assert Contact.email.property.columns[0].type.length == 254
    AddedField._registered[:] = before


def test_accounts_show_how_many_contacts_the_reader_may_see(client_as, session):
    account = an_account()
    for entity in ("Norte", "Norte", "Sur"):
        a_contact(entity=entity, account=account)
    rows = client_as(BRUNO).get("/accounts/list/?contact_count__is=2")
    assert account.name in rows.text
    assert account.name not in client_as(BRUNO).get("/accounts/list/?contact_count__is=3").text
