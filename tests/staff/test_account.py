"""Account pages: profile and password."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.extensions import db
from app.log.models import LogEntry
from app.security.models import OneTimeLink
from app.security.one_time_links import CHOOSE_PASSWORD, find_link_owner, make_link
from app.security.passwords import check_password
from app.staff.models import StaffUser
from tests.people import BRUNO, CLARA
from tests.staff.logging_in import NEW_PASSWORD, PASSWORD, set_password


@pytest.fixture
def bruno(session):
    set_password(BRUNO.user)
    return BRUNO.user


def profile(**more):
    form = {
        "first_name": "Bruno", "last_name": "García", "email": "bruno@example.org", "language": "",
    }  # fmt: skip
    return form | more


def test_account_pages_link_to_each_other(client_as):
    page = client_as(BRUNO).get("/account/").text
    for part in ("/account/password/", "/account/two-factor/", "/account/sessions/"):
        assert f'href="{part}"' in page
        assert client_as(BRUNO).get(part).status_code == 200
    assert client_as(BRUNO).get("/users/userinfo/").location == "/account/"


def test_users_can_change_their_name_and_language(client_as, bruno):
    browser = client_as(BRUNO)
    form = profile(first_name="Brunó", last_name="Gil", language="es")
    assert browser.post("/account/", data=form).status_code == 302
    assert BRUNO.user.get_full_name() == "Brunó Gil"
    assert '<html lang="es"' in browser.get("/account/").text


@pytest.mark.parametrize(
    "wrong",
    [{"first_name": ""}, {"last_name": "x" * 300}, {"email": "no address"}, {"email": ""},
     {"email": "new@example.org"}, {"email": "new@example.org", "present": "wrong"},
     {"email": "Clara@example.org", "present": PASSWORD}, {"language": "fr"}],
    ids=str,
)  # fmt: skip
def test_invalid_values_are_refused_beside_the_field_and_stay(wrong, client_as, bruno):
    reply = client_as(BRUNO).post("/account/", data=profile(first_name="Brunó") | wrong)
    assert reply.status_code == 422
    assert re.search(r"Check \d fields?", reply.text)
    assert BRUNO.user.get_full_name() == "Bruno García"
    for name, typed in wrong.items():
        if name != "language" and typed and name != "present":
            assert typed in reply.text
    assert PASSWORD not in reply.text


def test_an_email_that_is_another_users_name_is_refused(client_as, bruno):
    CLARA.user.username = "clara@example.net"
    db.session.commit()
    form = profile(email="Clara@example.net", present=PASSWORD)
    assert client_as(BRUNO).post("/account/", data=form).status_code == 422
    assert BRUNO.user.email == "bruno@example.org"


def test_a_new_email_requires_the_password_and_revokes_links(client_as, bruno):
    token = make_link(db.session(), OneTimeLink, bruno, CHOOSE_PASSWORD, 30)
    db.session.commit()
    form = profile(email="new@example.org", present=PASSWORD)
    assert client_as(BRUNO).post("/account/", data=form).status_code == 302
    assert BRUNO.user.email == "new@example.org"
    assert find_link_owner(db.session(), OneTimeLink, StaffUser, token, CHOOSE_PASSWORD) is None


def test_nothing_else_can_be_changed_through_the_form(client_as, bruno):
    more = {"username": "root", "active": "", "roles": "1", "entity": "", "totp_secret": "x"}
    client_as(BRUNO).post("/account/", data=profile(**more))
    assert BRUNO.user.username == "bruno"
    assert BRUNO.user.active
    assert [role.name for role in BRUNO.user.roles] == [BRUNO.role]


def passwords(present=PASSWORD, new=NEW_PASSWORD, again=None):
    return {"present": present, "password": new, "again": new if again is None else again}


def test_a_password_change_is_logged(client_as, bruno, session):
    assert client_as(BRUNO).post("/account/password/", data=passwords()).status_code == 302
    assert check_password(BRUNO.user.password, NEW_PASSWORD)
    entry = session.scalars(select(LogEntry).filter_by(event="password_changed")).one()
    assert entry.actor_id == entry.subject_id == BRUNO.user.id


@pytest.mark.parametrize(
    "form",
    [
        passwords(present="wrong"), passwords(present=""), passwords(new="short"),
        passwords(new="brunogarcia2026"), passwords(again="something else"), passwords(new=""),
        passwords(new="x" * 5000), {},
    ],
    ids=lambda form: str(form)[:60],
)  # fmt: skip
def test_a_password_is_refused_beside_its_field_and_never_shown(form, client_as, bruno):
    reply = client_as(BRUNO).post("/account/password/", data=form)
    assert reply.status_code == 422
    assert check_password(BRUNO.user.password, PASSWORD)
    assert PASSWORD not in reply.text


def test_the_current_password_cannot_be_guessed_in_an_open_session(client_as, bruno):
    browser = client_as(BRUNO)
    for _n in range(5):
        browser.post("/account/password/", data=passwords(present="wrong"))
    reply = browser.post("/account/password/", data=passwords())
    assert "Too many wrong passwords" in reply.text
    assert check_password(BRUNO.user.password, PASSWORD)
    assert client_as(CLARA).get("/account/password/").status_code == 200
