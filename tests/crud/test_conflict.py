"""Two people edit the same row: the second one sees the conflict and loses nothing."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import MultiDict

from app.contacts.models import Status, Tag
from app.crud.conflict import merge_field
from app.crud.fields import make_typed_field
from app.crud.forms import RowForm
from app.extensions import db
from app.fieldtypes import Integer
from tests.factories import a_contact, the_value
from tests.people import ALICIA, BRUNO

pytestmark = pytest.mark.both_databases


@pytest.fixture
def contact(session):
    return a_contact(last_name="Peña", city="Cáceres", position="Vocal")


def save(browser, contact, version, **fields):
    form = {"version": version, "last_name": "Peña", "city": "Cáceres", "position": "Vocal"}
    return browser.post(f"/contacts/edit/{contact.id}", data=form | fields)


def test_a_conflict_shows_both_values_and_keeps_the_typed_one(client_as, contact):
    opened = contact.version
    assert save(client_as(ALICIA), contact, opened, city="Badajoz").status_code == 302

    reply = save(client_as(BRUNO), contact, opened, city="Mérida")

    assert reply.status_code == 409
    assert "Badajoz" in reply.text
    assert "Mérida" in reply.text
    assert contact.city == "Badajoz"


def test_saving_again_after_a_conflict_overwrites(client_as, contact):
    opened = contact.version
    save(client_as(ALICIA), contact, opened, city="Badajoz")
    bruno = client_as(BRUNO)
    save(bruno, contact, opened, city="Mérida")
    assert save(bruno, contact, contact.version, city="Mérida").status_code == 302
    assert contact.city == "Mérida"


def test_a_field_that_only_the_other_person_changed_takes_the_saved_value(client_as, contact):
    opened = contact.version
    save(client_as(ALICIA), contact, opened, position="Presidenta")

    reply = save(client_as(BRUNO), contact, opened, city="Mérida")

    assert reply.status_code == 409
    assert 'value="Presidenta"' in reply.text
    assert 'value="Mérida"' in reply.text


def test_concurrent_changes_of_relations_are_conflicts(client_as, contact):
    opened = contact.version
    contact.status = the_value(Status, "Active")
    contact.tags = [the_value(Tag, "To be completed")]
    db.session.commit()

    pending = the_value(Status, "Pending")
    reply = save(client_as(BRUNO), contact, opened, status=pending.id, tags="")

    assert reply.status_code == 409
    assert "Active" in reply.text
    assert contact.status.label_en == "Active"
    assert len(contact.tags) == 1


@pytest.mark.parametrize("version", ["", "0", "abc", "999999999", "99999999999999999999", "-1"])
def test_an_invalid_version_never_overwrites(client_as, contact, version):
    reply = save(client_as(BRUNO), contact, version, city="Mérida")
    assert reply.status_code == 409
    assert contact.city == "Cáceres"


def test_an_invalid_value_in_a_stale_form_is_kept(client_as, contact):
    opened = contact.version
    save(client_as(ALICIA), contact, opened, city="Badajoz")
    reply = save(client_as(BRUNO), contact, opened, email="nobody", city="Mérida")
    assert reply.status_code in (409, 422)
    assert "nobody" in reply.text
    assert "Mérida" in reply.text


def test_editing_a_row_that_was_deleted_since_is_a_404(client_as, contact):
    opened = contact.version
    client_as(ALICIA).post(f"/contacts/delete/{contact.id}")
    assert save(client_as(BRUNO), contact, opened, city="Mérida").status_code == 404


@pytest.mark.parametrize("version", ["²", "-1", "", "abc", "9" * 30])
def test_a_malformed_version_is_a_conflict_and_not_a_server_error(client_as, version):
    contact = a_contact(last_name="Peña")

    reply = client_as(BRUNO).post(
        f"/contacts/edit/{contact.id}", data={"version": version, "last_name": "Ruiz"}
    )

    assert reply.status_code == 409
    assert "Ruiz" in reply.text


class NumberForm(RowForm):
    """A form with a number."""

    number = make_typed_field(Integer(), "Number", required=False)


@pytest.mark.parametrize(
    ("typed", "saved", "old", "is_kept"),
    [("0", 5, 3, True), ("0", 5, None, True), ("", 5, 0, True), ("0", 5, 0, False), ("0", 0, 3, False)],
)  # fmt: skip
def test_a_typed_zero_is_a_value_in_a_conflict(app, typed, saved, old, is_kept):
    with app.test_request_context():
        form = NumberForm(formdata=MultiDict({"number": typed}), meta={"csrf": False})
        assert form.validate()
        conflicts, taken_over = [], []
        merge_field(form.number, saved, old, conflicts, taken_over)

        assert form.number._value() == ("5" if taken_over else typed)
        assert bool(conflicts) is is_kept


def test_the_banner_lists_the_conflicting_fields(client_as, contact):
    opened = contact.version
    save(client_as(ALICIA), contact, opened, city="Badajoz")
    reply = save(client_as(BRUNO), contact, opened, city="Mérida")
    banner = reply.text.split("banner-warning", 1)[1].split("<form", 1)[0]
    assert '<a href="#city">City</a>' in banner
