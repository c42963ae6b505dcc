"""Every change of how a user logs in requires the current password."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.errors import DomainError
from app.extensions import db
from app.log.models import LogEntry
from app.security.actor import acting_as
from app.staff.views.account import PasswordForm, ProfileConfirmedForm
from app.staff.views.account_two_factor import CodeForm
from app.staff.views.api_keys import KeyForm
from app.staff.views.reauthentication import PasswordConfirmedForm
from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.contracts.routes import methods, rules
from tests.people import ALICIA, BRUNO
from tests.staff.logging_in import (
    NEW_PASSWORD,
    PASSWORD,
    current_code,
    enable_two_factor,
    set_password,
)

# The other form values of each page that requires the password; ``code`` is filled in below.
FORMS: dict[str, dict[str, str]] = {
    "/account/": {"first_name": "Bru", "last_name": "García", "email": "new@example.org"},
    "/account/keys/": {"name": "Website", "days": "30", "scope_contacts": "read"},
    "/account/password/": {"password": NEW_PASSWORD, "again": NEW_PASSWORD},
    "/account/two-factor/": {"code": ""},
    "/account/two-factor/codes": {"code": ""},
    "/account/two-factor/off": {"code": ""},
}
# Routes that only revoke something, which do not require the password.
REVOKING_PATHS = {
    "/account/keys/<int:key_id>/revoke", "/account/sessions/end-all",
    "/account/sessions/end-others", "/account/sessions/end/<pk>",
}  # fmt: skip


class AccountForm:
    """An account page that requires the password, open in Bruno's browser."""

    def __init__(self, client_as, path: str) -> None:
        self.path, self.form = path, FORMS[path] | {"language": ""}
        set_password(BRUNO.user)
        if path in ("/account/two-factor/codes", "/account/two-factor/off"):
            secret = enable_two_factor(BRUNO.user)
        self.browser = client_as(BRUNO)
        if path == "/account/two-factor/":
            page = self.browser.get(path).text
            secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
        if "code" in self.form:
            self.form["code"] = current_code(secret)

    def send(self, **more: str):
        return self.browser.post(self.path, data=self.form | more)


@pytest.fixture(params=FORMS)
def screen(request, client_as):
    return AccountForm(client_as, request.param)


def test_every_account_change_requires_the_password_or_only_revokes(app):
    changes = {
        rule.rule
        for rule in rules(app)
        if rule.rule.startswith("/account/") and "POST" in methods(rule)
    }
    assert changes == FORMS.keys() | REVOKING_PATHS


def test_every_form_that_requires_the_password_is_covered():
    known = {ProfileConfirmedForm, PasswordForm, CodeForm, KeyForm}
    assert {
        form for form in PasswordConfirmedForm.__subclasses__() if form.__module__ != "wtforms"
    } == known


@pytest.mark.parametrize("typed", [None, "", "not the one"])
def test_without_the_password_nothing_changes_and_the_field_says_so(typed, screen, connection):
    before = fingerprint(connection)
    reply = screen.send() if typed is None else screen.send(present=typed)
    assert reply.status_code == 422
    assert changed_tables(before, fingerprint(connection)) == []
    sentence = "The current password is not correct." if typed else "This field is required."
    error = re.search(r'id="present-error">.*?</svg>(.*?)</p>', reply.text, re.DOTALL)
    assert error[1] == sentence
    if typed:
        assert typed not in reply.text
    for name in ("first_name", "email", "name", "code"):
        if kept := screen.form.get(name):
            assert f'value="{kept}"' in reply.text


def test_with_the_password_the_change_is_made(screen, connection):
    before = fingerprint(connection)
    assert screen.send(present=PASSWORD).status_code in (200, 302)
    assert changed_tables(before, fingerprint(connection))


def test_wrong_passwords_share_one_count_and_are_logged(screen, client_as):
    for _try in range(5):
        client_as(BRUNO).post(
            "/account/password/", data={"present": "wrong"} | FORMS["/account/password/"]
        )
    for _again in range(2):
        reply = screen.send(present=PASSWORD)
        assert reply.status_code == 422
        assert "Too many wrong passwords" in reply.text
    [entry] = db.session.scalars(select(LogEntry).filter_by(event="sign_in_throttled"))
    assert (entry.subject_id, entry.changes["step"]) == (BRUNO.user.id, [None, "present"])


def test_administrators_cannot_change_their_own_email_on_the_user_page(client_as):
    user = ALICIA.user
    page = client_as(ALICIA).get(f"/users/edit/{user.id}").text
    assert 'name="first_name"' in page
    assert 'name="email"' not in page
    assert "Change your own e-mail in your account" in page
    actor, user.email = user.as_actor(), "else@example.org"
    with acting_as(actor), pytest.raises(DomainError, match="your own e-mail"):
        db.session.flush()
    db.session.rollback()
    assert ALICIA.user.email == "alicia@example.org"
