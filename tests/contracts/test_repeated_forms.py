"""The same add form sent twice creates one row; the second request leads to the first one's."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import ApiKey
from sqlalchemy import func, select, update

from app.contacts.models import Contact
from app.crud.models import FormSubmission, SavedView
from app.crud.modelview import ModelView
from app.crud.periodic import DeleteOldFormSubmissions
from app.entities.models import Entity
from app.extensions import db
from app.security.passwords import hash_password
from app.staff.models import StaffUser
from app.types import now
from tests.contracts.pagereader import Form, find_post_form, parse_forms
from tests.databases import BOTH, migrated_app
from tests.factories import a_contact, the_entity
from tests.people import ALICIA, BRUNO, api_key_header, force_login

WITH_ADD_FORM = [
    view
    for view in ModelView.all()
    if "add" not in view.exclude_route_methods and view.add_title is not None
]
PASSWORD = "tortuga lámpara diecisiete"


def count(model: type) -> int:
    query = select(func.count()).select_from(model.__table__)
    return db.session.execute(query).scalar_one()


def filled(screen: ModelView, form: Form, name: str = "Prueba") -> dict[str, list[str]]:
    """Return what an add form sends with its plain text fields filled in."""
    data = form.submitted()
    for column in screen.add_columns:
        if screen.datamodel.is_relation(column) or data.get(column, [""]) != [""]:
            continue
        kind = screen.datamodel.field_type(column).name
        is_number = screen.datamodel.column(column).unique and column == "number"
        if (
            kind in ("text", "identifier")
            and not is_number
            and column not in ("tax_number", "postcode")
        ):
            data[column] = [name]
        elif kind == "email" or column == "email":
            data[column] = [f"{name.lower()}@example.org"]
    if screen.datamodel.obj is Entity:
        data["parent"] = [str(the_entity("Norte").id)]
    return data


@pytest.mark.both_databases
@pytest.mark.parametrize("view", WITH_ADD_FORM, ids=lambda view: view.__name__)
def test_an_add_form_sent_twice_creates_one_row(view, app, client_as):
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    browser, url, model = client_as(ALICIA), f"{screen.route_base}/add", screen.datamodel.obj
    form = find_post_form(browser.get(url).text)
    before, data = count(model), filled(screen, form)

    first, second, third = (browser.post(url, data=data) for _time in range(3))

    assert first.status_code == second.status_code == third.status_code == 302, first.text[-3000:]
    assert first.location == second.location == third.location
    assert count(model) == before + 1
    created = browser.post(url, data=data, headers={"X-Create": "1", "X-Fragment": "1"})
    assert str(created.json["id"]) == first.location.rpartition("/")[2]


@pytest.mark.both_databases
def test_thirty_identical_forms_create_one_contact(session, client_as):
    browser = client_as(BRUNO)
    form = find_post_form(browser.get("/contacts/add").text)
    before = count(Contact)
    locations = {
        browser.post("/contacts/add", data=form.submitted(last_name="Peña")).location
        for _time in range(30)
    }
    assert len(locations) == 1
    assert count(Contact) == before + 1


@pytest.mark.parametrize("database", BOTH)
def test_identical_forms_sent_at_once_create_one_contact(database, tmp_path):
    with migrated_app(database, tmp_path, with_people=True) as app:
        before, data, cookie = _prepare(app)
        locations: list[str] = []

        def send() -> None:
            with app.app_context():
                browser = app.test_client()
                browser.set_cookie(app.config["SESSION_COOKIE_NAME"], cookie)
                locations.append(browser.post("/contacts/add", data=data).location)
                db.session.remove()

        threads = [threading.Thread(target=send) for _number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with app.app_context():
            assert count(Contact) == before + 1
        assert locations == locations[:1] * 6


def _prepare(app: Flask) -> tuple[int, dict[str, list[str]], str]:
    with app.app_context():
        browser = app.test_client()
        force_login(browser, BRUNO.user.id)
        form = find_post_form(browser.get("/contacts/add").text)
        cookie = browser.get_cookie(app.config["SESSION_COOKIE_NAME"])
        before = count(Contact)
        db.session.remove()
    return before, form.submitted(last_name="Peña"), cookie.value


def test_a_form_shown_again_with_errors_keeps_its_key(client_as, session):
    browser = client_as(BRUNO)
    form = find_post_form(browser.get("/contacts/add").text)
    reply = browser.post("/contacts/add", data=form.submitted(email="nobody"))
    assert reply.status_code == 422
    again = find_post_form(reply.text)
    assert again["_key"].values == form["_key"].values
    assert (
        browser.post("/contacts/add", data=again.submitted(last_name="Peña", email="")).status_code
        == 302
    )
    # Another page of the form has another key.
    other = find_post_form(browser.get("/contacts/add").text)
    assert other["_key"].values != form["_key"].values


def test_a_form_changed_and_sent_again_creates_another_row(client_as, session):
    """What was typed after going back in the browser is not thrown away."""
    browser = client_as(BRUNO)
    form = find_post_form(browser.get("/contacts/add").text)
    before = count(Contact)
    for name in ("Peña", "Ruiz", "Peña"):
        browser.post("/contacts/add", data=form.submitted(last_name=name))
    assert count(Contact) == before + 2


def test_the_key_of_somebody_else_stands_for_nothing(client_as, session):
    form = find_post_form(client_as(BRUNO).get("/contacts/add").text)
    before = count(Contact)
    for person in (BRUNO, ALICIA):
        client_as(person).post("/contacts/add", data=form.submitted(last_name="Peña"))
    assert count(Contact) == before + 2


def test_a_form_sent_again_after_its_row_was_deleted_leads_to_the_list(client_as, session):
    browser = client_as(BRUNO)
    form = find_post_form(browser.get("/contacts/add").text)
    shown = browser.post("/contacts/add", data=form.submitted(last_name="Peña")).location
    browser.post(shown.replace("/show/", "/delete/"))
    again = browser.post("/contacts/add", data=form.submitted(last_name="Peña"))
    assert again.location == "/contacts/list/"


def test_a_view_saved_twice_is_one_view(client_as, session):
    browser = client_as(BRUNO)
    page = browser.get("/contacts/views/new?city__contains=a").text
    form = next(f for f in parse_forms(page) if "_key" in f.submitted())
    before = count(SavedView)
    first, second = (
        browser.post("/contacts/views/new", data=form.submitted(name="Mine")) for _time in range(2)
    )
    assert first.location == second.location
    assert count(SavedView) == before + 1


def test_access_given_twice_creates_one_user_and_no_error(client_as, session):
    contact, browser = a_contact(email="ana@example.org"), client_as(ALICIA)
    page = browser.get(f"/contacts/show/{contact.id}?tab=access").text
    form = find_post_form(page, f"/contacts/access/give/{contact.id}")
    before = count(StaffUser)
    for _time in range(2):
        browser.post(form.action, data=form.submitted())
    assert count(StaffUser) == before + 1
    assert "already has a user" not in browser.get(f"/contacts/show/{contact.id}").text


def test_an_api_key_created_twice_is_one_key_and_its_secret_is_shown_once(client_as, session):
    BRUNO.user.password = hash_password(PASSWORD)
    browser = client_as(BRUNO)
    form = find_post_form(browser.get("/account/keys/").text, "/account/keys/")
    data = form.submitted(name="Website", scope_contacts="read", present=PASSWORD)
    first = browser.post(form.action, data=data)
    second = browser.post(form.action, data=data, follow_redirects=True)
    assert re.search(r"padron_[\w-]{43}", first.text)
    assert "This key has already been created." in second.text
    assert not re.search(r"padron_[\w-]{43}", second.text)
    assert count(ApiKey) == 1


def test_a_resource_created_twice_with_an_idempotency_key_is_one_row(client_as, session, app):
    headers = api_key_header(BRUNO.user.id) | {"Idempotency-Key": "night-1"}
    before, browser = count(Contact), app.test_client()
    first, second = (
        browser.post("/api/v1/contacts/", json={"last_name": "Peña"}, headers=headers)
        for _time in range(2)
    )
    assert first.status_code == second.status_code == 201
    assert first.json == second.json
    assert first.headers["Location"] == second.headers["Location"]
    assert count(Contact) == before + 1
    other = browser.post("/api/v1/contacts/", json={"last_name": "Ruiz"}, headers=headers)
    assert other.status_code == 422
    headers["Idempotency-Key"] = "x" * 300
    other = browser.post("/api/v1/contacts/", json={"last_name": "Ruiz"}, headers=headers)
    assert other.status_code == 400
    assert count(Contact) == before + 1


def test_an_idempotency_key_belongs_to_its_user_and_its_resource(client_as, session, app):
    key, browser = {"Idempotency-Key": "night-1"}, app.test_client()
    bruno, alicia = (api_key_header(person.user.id) | key for person in (BRUNO, ALICIA))
    sent = {"last_name": "Peña"}, {"name": "Peña"}
    made = [
        browser.post("/api/v1/contacts/", json=sent[0], headers=bruno),
        browser.post("/api/v1/contacts/", json=sent[0], headers=alicia),
        browser.post("/api/v1/accounts/", json=sent[1], headers=bruno),
        browser.post("/api/v1/contacts/", json=sent[0], headers=bruno | {"Idempotency-Key": "2"}),
    ]
    assert [reply.status_code for reply in made] == [201] * 4
    assert len({reply.headers["Location"] for reply in made}) == 4


def test_keys_are_deleted_after_a_day(client_as, session, app):
    browser = client_as(BRUNO)
    for _time in range(2):
        form = find_post_form(browser.get("/contacts/add").text)
        browser.post("/contacts/add", data=form.submitted(last_name="Peña"))
    first = session.scalars(select(FormSubmission.key)).first()
    session.execute(
        update(FormSubmission)
        .where(FormSubmission.key == first)
        .values(created_at=now() - timedelta(days=1, minutes=1))
    )
    session.commit()
    DeleteOldFormSubmissions().run(app)
    assert count(FormSubmission) == 1
