"""A password changed while the old one is being checked does not let anybody in."""

from __future__ import annotations

import pytest

from app.extensions import db
from app.security.actor import SYSTEM, acting_as
from app.staff import login
from app.staff.views import account, second_factor
from tests.people import BRUNO
from tests.staff.logging_in import (
    NEW_PASSWORD,
    PASSWORD,
    current_code,
    enable_two_factor,
    log_in,
    set_password,
)

pytestmark = pytest.mark.both_databases


@pytest.fixture
def bruno(session):
    set_password(BRUNO.user)
    return BRUNO.user


def reset_password_during(monkeypatch, module, name: str) -> None:
    """Let an administrator reset Bruno's password when a function returns, once."""
    slow = getattr(module, name)

    def interrupted(*args):
        result = slow(*args)
        monkeypatch.setattr(module, name, slow)
        with acting_as(SYSTEM):
            BRUNO.user.password = "nobody knows"
            db.session.commit()
        return result

    monkeypatch.setattr(module, name, interrupted)


def is_logged_in(browser) -> bool:
    return browser.get("/contacts/list/").status_code == 200


def test_a_password_changed_during_its_check_does_not_log_in(client_as, bruno, monkeypatch):
    reset_password_during(monkeypatch, login, "check_password")
    browser = client_as(None)
    assert log_in(browser).status_code == 401
    assert not is_logged_in(browser)


def test_a_code_is_refused_after_the_password_was_changed(client_as, bruno, monkeypatch):
    secret = enable_two_factor(bruno)
    browser = client_as(None)
    log_in(browser)
    reset_password_during(monkeypatch, second_factor, "count_code_attempt")
    assert browser.post("/login/code", data={"code": current_code(secret)}).location == "/login/"
    assert not is_logged_in(browser)


def test_an_ended_session_cannot_change_the_password_in_a_parallel_request(
    client_as, bruno, monkeypatch
):
    browser = client_as(BRUNO)
    reset_password_during(monkeypatch, account, "hash_password")
    form = {"present": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    browser.post("/account/password/", data=form)
    assert not is_logged_in(browser)
    assert BRUNO.user.password == "nobody knows"
