"""Login and logout pages."""

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


def log_in(browser, name="bruno", password=PASSWORD, target=""):
    form = {"username": name, "password": password}
    return browser.post(f"/login/?next={target}", data=form)


def test_the_right_password_logs_in(client_as, bruno):
    browser = client_as(None)
    reply = log_in(browser, target="/contacts/list/")
    assert reply.location == "/contacts/list/"
    assert browser.get("/contacts/list/").status_code == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [("bruno", "wrong"), ("nobody", PASSWORD), ("bruno", ""), ("", ""), ("bruno\x00", "x"),
     ("x" * 5000, "y" * 5000)],
)  # fmt: skip
def test_anything_else_is_refused_with_the_same_message(client_as, bruno, name, password):
    browser = client_as(None)
    reply = log_in(browser, name, password)
    assert reply.status_code in (200, 401)
    assert browser.get("/contacts/list/").status_code == 302


def test_a_form_without_name_or_password_asks_for_both(client_as, bruno):
    for name, password in (("", ""), ("bruno", ""), (" ", PASSWORD)):
        page = log_in(client_as(None), name, password)
        assert "Enter your username and password." in page.text


def test_a_wrong_name_and_a_wrong_password_get_the_same_message(client_as, bruno):
    one = log_in(client_as(None), "bruno", "wrong").text
    other = log_in(client_as(None), "nobody", "wrong").text
    assert "Wrong username or password" in one
    assert "Wrong username or password" in other


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_login_never_redirects_off_the_site(client_as, bruno, target):
    location = log_in(client_as(None), target=target).location
    assert not location.startswith(("https://evil", "//", "/\\", "javascript:"))


def test_a_deactivated_user_is_logged_out_at_the_next_request(client_as, bruno):
    browser = client_as(None)
    log_in(browser)
    bruno.active = False
    db.session.commit()
    assert browser.get("/contacts/list/").status_code == 302
    assert log_in(client_as(None)).status_code == 401


def test_logout_ends_the_session(client_as, bruno):
    browser = client_as(None)
    log_in(browser)
    browser.post("/logout/")
    assert browser.get("/contacts/list/").status_code == 302


def test_logout_requires_post(client_as):
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
