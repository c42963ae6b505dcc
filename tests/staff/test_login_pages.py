"""Signing in and out, one's own settings, and the screens of users."""

from __future__ import annotations

import pytest
from werkzeug.security import generate_password_hash

from app.extensions import db
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


def test_passwords_are_never_shown(client_as):
    browser = client_as(ALICIA)
    for page in (
        "list/",
        f"show/{DIEGO.user.id}",
        f"edit/{DIEGO.user.id}",
        f"duplicate/{DIEGO.user.id}",
    ):
        assert "cannot sign in by password" not in browser.get(f"/users/{page}").text
