"""A field is converted to another kind after a preview, and the conversion is undone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from app.contacts.models import Contact
from app.customfields import loading
from app.customfields.conversion import (
    close_old_conversions,
    confirm_conversion,
    fill,
    misfit_lines,
    open_conversion,
    start_conversion,
)
from app.customfields.jobs import ConvertJob
from app.customfields.models import CustomField
from app.customfields.services import slot_counts
from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_now
from app.log.services import record_many
from app.security.actor import SYSTEM
from app.types import now
from tests.customfields.fields import a_field
from tests.customfields.test_everywhere import form_of, reload
from tests.factories import a_contact
from tests.people import ALICIA, BRUNO

TEXTS = ("31/12/2025", "2026-01-15", "no sé", "=1+1")


def run_jobs(kind: str) -> None:
    for job in db.session.scalars(select(Job).where(Job.kind == kind)).all():
        assert run_now(job.id) in ("done", "cancelled")


def field_now(field_id: int) -> CustomField:
    return db.session.get(CustomField, field_id, populate_existing=True)


@pytest.mark.both_databases
def test_texts_become_dates_and_texts_again_byte_for_byte(client_as, session):
    field, admin = a_field(label="Certificate"), client_as(ALICIA)
    name, number = field.name, field.id
    rows = [a_contact(**{name: text}) for text in TEXTS]
    address = f"/custom-fields/convert/{number}"
    assert admin.get(address).status_code == 200
    assert admin.post(address, data={"kind": "date"}).status_code == 302
    run_jobs("custom-field-convert")
    conversion = open_conversion(session, field_now(number))
    assert (conversion.fits, conversion.misfits) == (2, 2)
    assert "2" in admin.get(address).text
    file = admin.post(f"/custom-fields/misfits/{number}").text
    assert "no sé" in file
    assert "'=1+1" in file
    # Nothing has changed yet; somebody edits a value meanwhile.
    assert [getattr(reload(row), name) for row in rows] == list(TEXTS)
    browser = client_as(BRUNO)
    browser.post(
        f"/contacts/edit/{rows[2].id}", data=form_of(reload(rows[2]), **{name: "01/02/2026"})
    )
    assert admin.post(address, data={"decision": "confirm"}).status_code == 302
    loading.refresh()
    days = [date(2025, 12, 31), date(2026, 1, 15), date(2026, 2, 1), None]
    assert [getattr(reload(row), name) for row in rows] == days
    assert field_now(number).kind == "date"
    log = browser.get(f"/contacts/show/{rows[2].id}?tab=log")
    assert log.status_code == 200
    assert "no sé" in log.text
    # A date changed since is converted back, the others are as they were.
    browser.post(
        f"/contacts/edit/{rows[0].id}", data=form_of(reload(rows[0]), **{name: "24/12/2025"})
    )
    assert admin.post(address, data={"decision": "undo"}).status_code == 302
    loading.refresh()
    run_jobs("custom-slot-empty")
    texts = [getattr(reload(row), name) for row in rows]
    assert texts == ["2025-12-24", "2026-01-15", "01/02/2026", "=1+1"]
    assert open_conversion(session, field_now(number)) is None
    assert a_field("date", "Other").slot == "d01"


def test_cancelling_leaves_everything_as_it_was(client_as, session):
    field, admin = a_field(label="Certificate"), client_as(ALICIA)
    row = a_contact(**{field.name: "31/12/2025"})
    address = f"/custom-fields/convert/{field.id}"
    admin.post(address, data={"kind": "choice"})
    run_jobs("custom-field-convert")
    admin.post(address, data={"decision": "cancel"})
    assert admin.post(address, data={"decision": "confirm"}).status_code == 422
    loading.refresh()
    run_jobs("custom-slot-empty")
    assert getattr(reload(row), field.name) == "31/12/2025"
    assert not field_now(field.id).options
    assert a_field("choice", "Other", options=[("A", "A")]).slot == "c01"


def test_texts_become_the_options_of_a_choice(client_as, session):
    field, admin = a_field(label="Size"), client_as(ALICIA)
    rows = [a_contact(**{field.name: text}) for text in ("XL", "S", "XL")]
    name = field.name
    admin.post(f"/custom-fields/convert/{field.id}", data={"kind": "choice"})
    run_jobs("custom-field-convert")
    admin.post(f"/custom-fields/convert/{field.id}", data={"decision": "confirm"})
    loading.refresh()
    options = {option.label_en: str(option.id) for option in field_now(field.id).options}
    assert sorted(options) == ["S", "XL"]
    assert [getattr(reload(row), name) for row in rows] == [
        options["XL"], options["S"], options["XL"]
    ]  # fmt: skip
    assert admin.post(f"/custom-fields/convert/{field.id}", data={"kind": "x"}).status_code == 422


def test_a_value_of_another_kind_cannot_be_put_back(client_as, session):
    field, admin = a_field(label="Certificate"), client_as(ALICIA)
    contact, name = a_contact(**{field.name: "no sé"}), field.name
    browser = client_as(BRUNO)
    browser.post(
        f"/contacts/edit/{contact.id}", data=form_of(reload(contact), **{name: "31/12/2025"})
    )
    admin.post(f"/custom-fields/convert/{field.id}", data={"kind": "date"})
    run_jobs("custom-field-convert")
    admin.post(f"/custom-fields/convert/{field.id}", data={"decision": "confirm"})
    loading.refresh()
    entry = contact_entries(contact)[-1]
    page = browser.post(f"/contacts/putback/{contact.id}/{entry.id}/{name}", follow_redirects=True)
    assert page.status_code == 200
    assert "does not fit the field any more" in page.text
    assert getattr(reload(contact), name) == date(2025, 12, 31)


def contact_entries(contact):
    from app.log.models import LogEntry

    query = select(LogEntry).where(
        LogEntry.subject_type == "contact", LogEntry.subject_id == contact.id
    )
    return db.session.scalars(query.order_by(LogEntry.id)).all()


class Killed(BaseException):
    """What ends a worker in the middle of a chunk."""


@pytest.mark.both_databases
def test_a_conversion_that_is_killed_loses_nothing_and_counts_nothing_twice(session, monkeypatch):
    field = a_field(label="Certificate")
    texts = [*TEXTS, "01/02/2026", "nada", "03/02/2026"]
    rows = [a_contact(**{field.name: text}) for text in texts]
    step = ConvertJob.step
    monkeypatch.setattr(ConvertJob, "step", lambda self, *args: step(self, *args[:2], 2))
    conversion = start_conversion(session, field, "date", ALICIA.as_actor())
    session.commit()
    chunks: list[int] = []

    def fill_and_die(*args):
        result = fill(*args)
        chunks.append(len(args[2]))
        if len(chunks) in (2, 4):
            raise Killed
        return result

    monkeypatch.setattr("app.customfields.jobs.fill", fill_and_die)
    for _kill in range(2):
        with pytest.raises(Killed):
            run_now(conversion.job_id)
    assert open_conversion(session, field_now(field.id)).state == "filling"
    assert run_now(conversion.job_id) == "done"
    conversion = open_conversion(session, field_now(field.id))
    assert (conversion.state, conversion.fits, conversion.misfits) == ("filled", 4, 3)
    assert sum(chunks) == len(texts) + 2 * 2
    confirm_conversion(session, conversion, ALICIA.as_actor())
    session.commit()
    loading.refresh()
    assert [getattr(reload(row), field.name) for row in rows] == [
        date(2025, 12, 31), date(2026, 1, 15), None, None, date(2026, 2, 1), None, date(2026, 2, 3),
    ]  # fmt: skip


def convert(admin, field, kind: str) -> None:
    address = f"/custom-fields/convert/{field.id}"
    assert admin.post(address, data={"kind": kind}).status_code == 302
    run_jobs("custom-field-convert")
    assert admin.post(address, data={"decision": "confirm"}).status_code == 302
    loading.refresh()


def take_back(admin, field) -> None:
    reply = admin.post(f"/custom-fields/convert/{field.id}", data={"decision": "undo"})
    assert reply.status_code == 302
    loading.refresh()


def edit(admin, field, **typed) -> int:
    now_ = field_now(field.id)
    sent = {"version": str(now_.version), "label_en": "Renamed", "label_es": "Otro"} | typed
    return admin.post(f"/custom-fields/edit/{field.id}", data=sent).status_code


def test_a_converted_field_can_still_be_edited(client_as, session):
    admin = client_as(ALICIA)
    text = a_field(label="Size", identifies=True)
    a_contact(**{text.name: "XL"})
    convert(admin, text, "choice")
    assert not field_now(text.id).identifies
    assert edit(admin, text) == 302
    take_back(admin, text)
    field = field_now(text.id)
    assert (field.kind, field.options, field.identifies) == ("text", [], True)
    assert edit(admin, text, label_en="Size", identifies="1") == 302
    choice = a_field("choice", "Colour", options=[("Red", "Rojo")])
    a_contact(**{choice.name: str(choice.options[0].id)})
    convert(admin, choice, "text")
    assert edit(admin, choice, label_en="Paint", label_es="Pintura") == 302
    take_back(admin, choice)
    assert [option.label_en for option in field_now(choice.id).options] == ["Red"]


def test_undoing_gives_back_how_the_field_was_used(client_as, session):
    admin = client_as(ALICIA)
    field = a_field("date", "Certificate", validity_months=12, warn_days=30)
    assert field.is_sortable
    convert(admin, field, "lines")
    now_ = field_now(field.id)
    assert (now_.is_sortable, now_.validity_months, now_.warn_days) == (False, None, None)
    take_back(admin, field)
    now_ = field_now(field.id)
    assert (now_.is_sortable, now_.validity_months, now_.warn_days) == (True, 12, 30)


def test_both_slots_are_taken_until_the_conversion_cannot_be_undone(client_as, session):
    admin, field = client_as(ALICIA), a_field(label="Certificate")
    a_contact(**{field.name: "31/12/2025"})
    address = f"/custom-fields/convert/{field.id}"
    admin.post(address, data={"kind": "date"})
    assert a_field("date", "While it is filled").slot == "d02"
    run_jobs("custom-field-convert")
    admin.post(address, data={"decision": "confirm"})
    loading.refresh()
    assert a_field(label="While it can be undone").slot == "t02"
    counts = {
        one["kind"].name: one["used"]
        for one in slot_counts(session)
        if one["subject"] == "contact"
    }
    assert (counts["text"], counts["date"]) == (2, 2)
    conversion = open_conversion(session, field_now(field.id))
    conversion.undo_until = now() - timedelta(days=1)
    session.commit()
    assert admin.post(address, data={"decision": "undo"}).status_code == 422
    for _twice in range(2):
        close_old_conversions(session, SYSTEM)
        session.commit()
    run_jobs("custom-slot-empty")
    assert a_field(label="Afterwards").slot == "t01"
    assert field_now(field.id).slot == "d01"


def test_what_another_process_saves_as_the_old_kind_is_converted_later(client_as, session):
    admin, field = client_as(ALICIA), a_field(label="Certificate")
    a_contact(**{field.name: "31/12/2025"})
    late, other = a_contact(), a_contact()
    convert(admin, field, "date")
    # As a process does that has not learned of the conversion yet.
    column = Contact.__table__.c.custom_t01
    for contact, is_logged in ((late, True), (other, False)):
        here = Contact.__table__.c.id == contact.id
        session.execute(update(Contact.__table__).where(here).values({column: "05/06/2026"}))
        entry = {"subject_id": contact.id, "subject_name": "", "version": 2}
        changes = {field.name: [None, "05/06/2026"]} if is_logged else {"notes": [None, "x"]}
        record_many(session, "changed", "contact", [entry | {"changes": changes}], SYSTEM)
    session.commit()
    run_jobs("custom-field-sweep")
    assert getattr(reload(late), field.name) == date(2026, 6, 5)
    assert getattr(reload(other), field.name) is None


def test_the_list_of_misfits_has_nobody_out_of_reach(client_as, session):
    field = a_field(label="Certificate")
    a_contact("Norte", last_name="Peña", **{field.name: "nada"})
    a_contact("Sur", last_name="Ruiz", **{field.name: "tampoco"})
    start_conversion(session, field, "date", ALICIA.as_actor())
    session.commit()
    run_jobs("custom-field-convert")
    conversion = open_conversion(session, field_now(field.id))
    assert "tampoco" in str(list(misfit_lines(session, conversion, ALICIA.as_actor())))
    lines = str(list(misfit_lines(session, conversion, BRUNO.as_actor())))
    assert ("nada" in lines, "tampoco" in lines) == (True, False)


def test_a_field_is_converted_once_at_a_time(client_as, session):
    admin, field = client_as(ALICIA), a_field(label="Certificate")
    address = f"/custom-fields/convert/{field.id}"
    assert admin.post(address, data={"kind": "date"}).status_code == 302
    assert admin.post(address, data={"kind": "number"}).status_code == 422
    assert a_field("number", "Height").slot == "n01"
