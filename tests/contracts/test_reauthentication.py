"""What changes how one gets in takes the present password anew, on every page that does it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.errors import DomainError
from app.extensions import db
from app.log.models import LogEntry
from app.security.actor import acting_as
from app.staff.views.account import PasswordForm, ProfileProof
from app.staff.views.account_two_factor import CodeForm
from app.staff.views.api_keys import KeyForm
from app.staff.views.reauthentication import ProofForm
from tests.contracts.fingerprint import differing, fingerprint
from tests.contracts.routes import methods, rules
from tests.people import ALICIA, BRUNO
from tests.staff.logging_in import NEW, PASSWORD, code_of, give_password, give_telephone

# What each page that takes the password is sent besides; ``code`` is filled in below.
FORMS: dict[str, dict[str, str]] = {
    "/account/": {"first_name": "Bru", "last_name": "García", "email": "new@example.org"},
    "/account/keys/": {"name": "Website", "days": "30", "scope_contacts": "read"},
    "/account/password/": {"password": NEW, "again": NEW},
    "/account/two-factor/": {"code": ""},
    "/account/two-factor/codes": {"code": ""},
    "/account/two-factor/off": {"code": ""},
}
# What only ends something: nobody gains by it.
ENDS = {
    "/account/keys/<int:key_id>/revoke", "/account/sessions/end-all",
    "/account/sessions/end-others", "/account/sessions/end/<pk>",
}  # fmt: skip


class AtTheScreen:
    """Bruno's browser, signed in, with a page open."""

    def __init__(self, client_as, path: str) -> None:
        self.path, self.form = path, FORMS[path] | {"language": ""}
        give_password(BRUNO.user)
        if path in ("/account/two-factor/codes", "/account/two-factor/off"):
            secret = give_telephone(BRUNO.user)
        self.browser = client_as(BRUNO)
        if path == "/account/two-factor/":
            page = self.browser.get(path).text
            secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
        if "code" in self.form:
            self.form["code"] = code_of(secret)

    def send(self, **more: str):
        return self.browser.post(self.path, data=self.form | more)


@pytest.fixture(params=FORMS)
def screen(request, client_as):
    return AtTheScreen(client_as, request.param)


def test_every_change_of_an_account_either_takes_the_password_or_only_ends_something(app):
    changes = {
        rule.rule
        for rule in rules(app)
        if rule.rule.startswith("/account/") and "POST" in methods(rule)
    }
    assert changes == FORMS.keys() | ENDS


def test_every_form_that_takes_it_is_one_of_these():
    known = {ProfileProof, PasswordForm, CodeForm, KeyForm}
    assert {form for form in ProofForm.__subclasses__() if form.__module__ != "wtforms"} == known


@pytest.mark.parametrize("typed", [None, "", "not the one"])
def test_nothing_is_done_without_it_and_the_page_says_so_beside_the_field(
    typed, screen, connection
):
    before = fingerprint(connection)
    reply = screen.send() if typed is None else screen.send(present=typed)
    assert reply.status_code == 422
    assert differing(before, fingerprint(connection)) == []
    sentence = "This is not your present password." if typed else "Fill this in."
    said = re.search(r'id="present-error">.*?</svg>(.*?)</p>', reply.text, re.DOTALL)
    assert said[1] == sentence
    if typed:
        assert typed not in reply.text
    for name in ("first_name", "email", "name", "code"):
        if kept := screen.form.get(name):
            assert f'value="{kept}"' in reply.text


def test_with_it_it_is_done(screen, connection):
    before = fingerprint(connection)
    assert screen.send(present=PASSWORD).status_code in (200, 302)
    assert differing(before, fingerprint(connection))


def test_wrong_ones_are_counted_together_and_told_of(screen, client_as):
    for _try in range(5):
        client_as(BRUNO).post(
            "/account/password/", data={"present": "wrong"} | FORMS["/account/password/"]
        )
    for _again in range(2):
        reply = screen.send(present=PASSWORD)
        assert reply.status_code == 422
        assert "Too many wrong passwords" in reply.text
    [told] = db.session.scalars(select(LogEntry).filter_by(event="sign_in_throttled"))
    assert (told.subject_id, told.changes["step"]) == (BRUNO.user.id, [None, "present"])


def test_an_administrator_has_no_other_door_to_an_email_of_their_own(client_as):
    user = ALICIA.user
    page = client_as(ALICIA).get(f"/users/edit/{user.id}").text
    assert 'name="first_name"' in page
    assert 'name="email"' not in page
    assert "You change your own e-mail under your name" in page
    actor, user.email = user.as_actor(), "else@example.org"
    with acting_as(actor), pytest.raises(DomainError, match="your own e-mail"):
        db.session.flush()
    db.session.rollback()
    assert ALICIA.user.email == "alicia@example.org"
