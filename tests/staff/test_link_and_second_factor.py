"""A link to choose a password signs in, but stands for the password alone."""

from __future__ import annotations

import pytest

from app.extensions import db
from tests.people import BRUNO
from tests.staff.logging_in import current_code, enable_two_factor
from tests.staff.test_forgotten_password import (
    choose_password,
    deliver_mails,
    link_path,
    request_link,
)


@pytest.fixture
def link(app, client_as):
    """Return the path of the link sent to Bruno."""
    request_link(client_as(None))
    return link_path(deliver_mails(app))


def test_a_link_does_not_replace_the_second_factor(client_as, link):
    secret = enable_two_factor(BRUNO.user)
    browser = client_as(None)
    assert choose_password(browser, link).location == "/login/code"
    assert browser.get("/contacts/list/").status_code == 302
    assert browser.post("/login/code", data={"code": current_code(secret)}).location == "/"
    assert browser.get("/contacts/list/").status_code == 200


def test_a_link_does_not_replace_setting_up_a_required_second_factor(client_as, link):
    BRUNO.user.roles[0].needs_second_factor = True
    db.session.commit()
    browser = client_as(None)
    assert choose_password(browser, link).location == "/login/setup"
    assert browser.get("/contacts/list/").status_code == 302
