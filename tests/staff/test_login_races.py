"""What is changed while a password is judged counts: nobody comes in with what was right before."""

from __future__ import annotations

import pytest

from app.extensions import db
from app.security.actor import SYSTEM, acting_as
from app.staff import login
from app.staff.views import account, second_factor
from tests.people import BRUNO
from tests.staff.logging_in import NEW, PASSWORD, code_of, give_password, give_telephone, sign_in


@pytest.fixture
def bruno(session):
    give_password(BRUNO.user)
    return BRUNO.user


def locked_out_during(monkeypatch, module, name: str) -> None:
    """Let an administrator set Bruno's password anew at the end of a function, once."""
    slow = getattr(module, name)

    def interrupted(*args):
        result = slow(*args)
        monkeypatch.setattr(module, name, slow)
        with acting_as(SYSTEM):
            BRUNO.user.password = "nobody knows"
            db.session.commit()
        return result

    monkeypatch.setattr(module, name, interrupted)


def is_in(browser) -> bool:
    return browser.get("/contacts/list/").status_code == 200


def test_a_password_changed_while_it_was_judged_opens_nothing(client_as, bruno, monkeypatch):
    locked_out_during(monkeypatch, login, "check_password")
    browser = client_as(None)
    assert sign_in(browser).status_code == 401
    assert not is_in(browser)


def test_a_code_opens_nothing_once_the_password_before_it_was_changed(
    client_as, bruno, monkeypatch
):
    secret = give_telephone(bruno)
    browser = client_as(None)
    sign_in(browser)
    locked_out_during(monkeypatch, second_factor, "count_code_attempt")
    assert browser.post("/login/code", data={"code": code_of(secret)}).location == "/login/"
    assert not is_in(browser)


def test_a_thief_who_is_being_put_out_cannot_change_the_password_on_the_way(
    client_as, bruno, monkeypatch
):
    browser = client_as(BRUNO)
    locked_out_during(monkeypatch, account, "hash_password")
    form = {"present": PASSWORD, "password": NEW, "again": NEW}
    browser.post("/account/password/", data=form)
    assert not is_in(browser)
    assert BRUNO.user.password == "nobody knows"
