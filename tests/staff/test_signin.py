"""Signing in and out, one's own settings, and the screens of users."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from werkzeug.security import check_password_hash, generate_password_hash

from app.extensions import db
from app.staff.models import StaffUser
from tests.factories import the_entity
from tests.people import ALICIA, BRUNO, DIEGO

PASSWORD = "a rather long password"


@pytest.fixture
def bruno(session):
    user = BRUNO.user
    user.password = generate_password_hash(PASSWORD, "pbkdf2:sha256:1")
    db.session.commit()
    return user


def sign_in(browser, name="bruno", password=PASSWORD, target=""):
    form = {"username": name, "password": password}
    return browser.post(f"/login/?next={target}", data=form)


def test_the_right_password_opens_the_door(client_as, bruno):
    browser = client_as(None)
    reply = sign_in(browser, target="/contacts/list/")
    assert reply.location == "/contacts/list/"
    assert browser.get("/contacts/list/").status_code == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [("bruno", "wrong"), ("nobody", PASSWORD), ("bruno", ""), ("", ""), ("bruno\x00", "x"),
     ("x" * 5000, "y" * 5000)],
)  # fmt: skip
def test_anything_else_does_not_and_says_the_same(client_as, bruno, name, password):
    browser = client_as(None)
    reply = sign_in(browser, name, password)
    assert reply.status_code in (200, 401)
    assert browser.get("/contacts/list/").status_code == 302


def test_a_wrong_name_and_a_wrong_password_get_the_same_words(client_as, bruno):
    one = sign_in(client_as(None), "bruno", "wrong").text
    other = sign_in(client_as(None), "nobody", "wrong").text
    assert "Wrong user name or password" in one
    assert "Wrong user name or password" in other


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_door_never_leads_out_of_the_house(client_as, bruno, target):
    location = sign_in(client_as(None), target=target).location
    assert not location.startswith(("https://evil", "//", "/\\", "javascript:"))


def test_whoever_may_no_longer_sign_in_is_out_at_the_next_click(client_as, bruno):
    browser = client_as(None)
    sign_in(browser)
    bruno.active = False
    db.session.commit()
    assert browser.get("/contacts/list/").status_code == 302
    assert sign_in(client_as(None)).status_code == 401


def test_signing_out_closes_the_door(client_as, bruno):
    browser = client_as(None)
    sign_in(browser)
    browser.post("/logout/")
    assert browser.get("/contacts/list/").status_code == 302


def test_signing_out_is_not_a_link(client_as):
    assert client_as(BRUNO).get("/logout/").status_code == 405


def test_ones_own_name_can_be_changed(client_as):
    client_as(BRUNO).post("/profile/form", data={"first_name": "Brunó", "last_name": "Gil"})
    assert BRUNO.user.get_full_name() == "Brunó Gil"


def test_a_password_can_be_changed_and_must_be_long(client_as, bruno):
    browser = client_as(BRUNO)
    short = {"password": "short", "conf_password": "short", "current_password": PASSWORD}
    browser.post("/resetmypassword/form", data=short)
    assert check_password_hash(BRUNO.user.password, PASSWORD)
    new = "another rather long password"
    form = {"password": new, "conf_password": new, "current_password": PASSWORD}
    browser.post("/resetmypassword/form", data=form)
    assert check_password_hash(BRUNO.user.password, new)


def user_form(**more):
    form = {
        "first_name": "Eva", "last_name": "Gil", "username": "eva", "email": "eva@example.org",
        "entity": the_entity("Norte").id, "roles": "", "active": "1", "password": PASSWORD,
    }  # fmt: skip
    return form | more


def test_a_new_user_can_sign_in(client_as):
    reply = client_as(ALICIA).post("/users/add", data=user_form())
    assert reply.status_code == 302, reply.text
    browser = client_as(None)
    assert sign_in(browser, "eva").status_code == 302


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "BRUNO"},
        {"email": "Bruno@Example.org"},
        {"password": "short"},
        {"entity": ""},
        {"username": ""},
        {"username": "x" * 300},
    ],
    ids=str,
)
def test_a_user_that_cannot_be_is_refused_beside_the_field(client_as, wrong):
    reply = client_as(ALICIA).post("/users/add", data=user_form(**wrong))
    assert reply.status_code == 422
    assert db.session.scalars(select(StaffUser).where(StaffUser.first_name == "Eva")).all() == []


def test_nobody_locks_themselves_out(client_as):
    user = ALICIA.user
    browser = client_as(ALICIA)
    roles = [role.id for role in user.roles]
    form = user_form(username="alicia", email="alicia@example.org", roles=roles, active="")
    assert browser.post(f"/users/edit/{user.id}", data=form).status_code == 422
    browser.post(f"/users/delete/{user.id}")
    assert ALICIA.user.active


def test_passwords_are_never_shown(client_as):
    browser = client_as(ALICIA)
    for page in (
        "list/",
        f"show/{DIEGO.user.id}",
        f"edit/{DIEGO.user.id}",
        f"duplicate/{DIEGO.user.id}",
    ):
        assert "cannot sign in by password" not in browser.get(f"/users/{page}").text
