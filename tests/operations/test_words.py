"""Texts of the pages of a collective action: titles of jobs, numbers, labels."""

from __future__ import annotations

import pytest
from flask import current_app

from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Contact, ContactType, Status, Tag
from app.entities.models import Entity
from app.extensions import db
from tests.factories import a_contact, a_value, some_contacts, the_value
from tests.operations.run_actions import do, job_of
from tests.operations.test_pages import (
    begin,
    hidden,
    previewed,
    text_of,
    the_operation,
    ticked,
)
from tests.people import ALICIA, BRUNO, CLARA

pytestmark = pytest.mark.usefixtures("session")


def confirmed(browser, at: str, **answers) -> str:
    """Go through the pages; return the address of the job."""
    page = previewed(browser, at, **answers)
    return browser.post(f"{at}confirm", data=hidden(page)).location


def test_the_title_of_a_job_has_the_answers_and_the_number_but_not_the_reason(client_as):
    browser, contact = client_as(ALICIA), a_contact()
    bilbao = db.session.query(Entity).filter_by(name="Bilbao").one()
    at = begin(browser, "change_entity", **ticked(contact))
    job = confirmed(browser, at, entity=bilbao.id, reason="Moved house · for good: yes")
    assert job_of(the_operation(at)).title == "Change entity: Bilbao (1 contact)"
    assert "Reason: Moved house · for good: yes" in text_of(browser.get(job))
    undoing = browser.post(f"{at}undo", follow_redirects=True)
    assert "<h1>Undo: Change entity: Bilbao (1 contact)</h1>" in text_of(undoing)


def test_the_title_of_an_undo_repeats_the_stored_title(client_as):
    browser, status = client_as(BRUNO), a_value(Status)
    name = str(status)
    at = begin(browser, **ticked(a_contact()))
    confirmed(browser, at, status=status.id)
    the_operation(at).answers = {"status": ["999999"]}
    db.session.commit()
    undoing = browser.post(f"{at}undo", follow_redirects=True)
    assert f"Undo: Change status: {name} (1 contact)" in text_of(undoing)


def test_the_title_of_changed_rights_names_the_area(client_as):
    browser = client_as(ALICIA)
    contact = a_contact()
    contact.user = BRUNO.user
    db.session.commit()
    at = begin(browser, "change_rights", **ticked(contact))
    confirmed(browser, at, contacts="read")
    assert job_of(the_operation(at)).title == "Change rights: Contacts: View (1 contact)"


def test_numbers_are_formatted_for_the_reader(client_as):
    browser = client_as(ALICIA)
    some_contacts(1_000)
    at = begin(browser, "change_status", all="1", on="")
    matched = db.session.query(Contact).count()
    page = previewed(browser, at, status=a_value(Status).id)
    assert f"Change status of {matched:,} contacts<" in page
    operation = the_operation(at)
    browser.post(f"{at}confirm", data=hidden(page) | {"typed": matched})
    db.session.expire_all()
    job = f"/jobs/{operation.job_id}/"
    operation.job.state, operation.changed = "done", 12_345
    db.session.commit()
    assert "Undo this for 12,345 contacts?" in text_of(browser.get(job))


def test_a_wrong_confirmation_number_stays_in_the_field(client_as):
    browser = client_as(ALICIA)
    some_contacts(2)
    at = begin(browser, "change_status", all="1", on="")
    page = previewed(browser, at, status=a_value(Status).id)
    typed = hidden(page) | {"typed": '12 "monkeys"'}
    again = browser.post(f"{at}confirm", data=typed)
    assert again.status_code == 422
    assert 'value="12 &#34;monkeys&#34;"' in again.text


def test_the_unchanged_count_of_remove_tag_says_do_not_have_it(client_as):
    browser, tag = client_as(BRUNO), a_value(Tag)
    with_it, without = a_contact(tags=[tag]), a_contact()
    at = begin(browser, "remove_tag", **ticked(with_it, without))
    page = previewed(browser, at, tag=tag.id)
    assert "Don’t have it" in page
    assert "Already have it" not in page
    job = browser.post(f"{at}confirm", data=hidden(page)).location
    page = text_of(browser.get(job))
    assert "Didn’t have it" in page
    assert "Already had it" not in page


def test_the_preview_says_how_many_of_the_changes_it_shows(client_as):
    browser, status = client_as(BRUNO), a_value(Status)
    contacts = [a_contact() for _ in range(7)]
    at = begin(browser, **ticked(*contacts))
    assert "Changes · first 5 of 7" in previewed(browser, at, status=status.id)
    at = begin(browser, **ticked(*contacts[:5]))
    assert "Changes (5)" in previewed(browser, at, status=status.id)


def test_the_preview_says_how_many_rows_are_excluded(client_as):
    browser = client_as(BRUNO)
    at = begin(browser, "delete", **ticked(a_contact(user=CLARA.user)))
    page = text_of(browser.get(f"{at}preview"))
    assert "Why 1 contact won’t change" in page
    assert "1 contact can’t be changed this way." in page


def test_a_running_job_lists_no_rows(client_as, monkeypatch):
    browser, contact = client_as(BRUNO), a_contact()
    monkeypatch.setitem(current_app.config, "BACKGROUND_ABOVE", 0)
    at = begin(browser, **ticked(contact))
    job = confirmed(browser, at, status=a_value(Status).id)
    page = text_of(browser.get(job))
    assert "appear here when the process ends" in page
    assert str(contact) not in page
    assert "Not started" not in page


def test_entities_can_be_chosen_without_scripts(client_as):
    """A button looks up visible entities; others are neither offered nor accepted."""
    browser = client_as(BRUNO)
    at = begin(browser, "change_entity", **ticked(a_contact()))
    page = text_of(browser.post(at, data={"_find": "entity", "entity_find": ""}), 422)
    known = {e.name: e.id for e in db.session.query(Entity)}
    assert f'<option value="{known["Bilbao"]}">Bilbao</option>' in page
    assert f'<option value="{known["Norte"]}">Norte</option>' in page
    assert ">Sur</option>" not in page
    answer = browser.post(at, data={"entity": known["Sur"], "reason": "x"})
    assert "This option is not available." in text_of(answer, 422)


def test_a_job_is_shown_in_the_language_of_each_reader(client_as):
    """An operation that was run in Spanish is shown in English to an English reader."""
    maite = client_as(BRUNO)
    maite.post("/language", data={"language": "es"})
    status, kind = the_value(Status, "Active"), the_value(ContactType, "Member")
    a_contact(type=kind)
    at = begin(maite, all="1", on=f"type__is={kind.id}")
    job = maite.post(f"{at}confirm", data=hidden(previewed(maite, at, status=status.id))).location
    undoing = maite.post(f"{at}undo").location

    reader = client_as(ALICIA)
    page = text_of(reader.get(job))
    assert "<h1>Change status: Active (1 contact)</h1>" in page
    assert "New status: Active" in page
    assert "Type is Member" in page
    assert "<h1>Undo: Change status: Active (1 contact)</h1>" in text_of(reader.get(undoing))
    everybodys = text_of(reader.get("/jobs/?who=all"))
    assert "Change status: Active" in everybodys
    assert "Editar" not in everybodys
    assert "<h1>Cambiar estatus: Activo (1 contacto)</h1>" in text_of(maite.get(job))
    assert "Tipo es Miembro" in text_of(maite.get(job))


def test_a_list_of_jobs_takes_the_same_number_of_statements_however_long(client_as, counting):
    browser, counted = client_as(BRUNO), []
    for number in (1, 5):
        for _each in range(number):
            do(ChangeStatus, BRUNO.as_actor(), [a_contact()], status=a_value(Status).id)
        with counting() as statements:
            page = text_of(browser.get("/jobs/"))
        counted.append(len(statements))
    assert page.count("data-job-row=") == 6
    assert counted[0] == counted[1] <= 12
