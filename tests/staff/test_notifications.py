"""Users are notified of changes of their account, in their language, without secrets."""

from __future__ import annotations

import re
from email import message_from_string, policy

import pytest
from flask_appbuilder.security.sqla.models import ApiKey
from sqlalchemy import select

from app.extensions import db
from app.outbox.delivery import deliver_due
from app.outbox.models import Message
from app.staff.emails import NOTICES
from tests.contracts.pagereader import find_post_form
from tests.people import ALICIA, BRUNO, api_key_header
from tests.staff.logging_in import (
    NEW_PASSWORD,
    PASSWORD,
    current_code,
    enable_two_factor,
    set_password,
)

WORKS = {"present": PASSWORD}


@pytest.fixture
def bruno(session):
    set_password(BRUNO.user)
    BRUNO.user.language = "es"
    session.commit()
    return BRUNO.user


def mails(app) -> list[tuple[str, str, str]]:
    """Deliver the queued mails; return (recipient, subject, text) of each."""
    deliver_due(app)
    found = []
    for mail in db.session.scalars(select(Message).order_by(Message.id)):
        message = message_from_string(mail.content, policy=policy.default)
        found.append((mail.recipient, mail.subject, message.get_body(("plain",)).get_content()))
    return found


def make_key(client_as):
    form = {"name": "Página web", "days": "30", "scope_contacts": "read"}
    assert client_as(BRUNO).post("/account/keys/", data=form | WORKS).status_code == 200


def turn_on(client_as):
    browser = client_as(BRUNO)
    page = browser.get("/account/two-factor/").text
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    form = {"code": current_code(secret)}
    assert browser.post("/account/two-factor/", data=form | WORKS).status_code == 200


def turn_off(client_as):
    form = {"code": current_code(enable_two_factor(BRUNO.user))}
    assert client_as(BRUNO).post("/account/two-factor/off", data=form | WORKS).status_code == 302


def remove_by_administrator(client_as):
    enable_two_factor(BRUNO.user)
    client_as(ALICIA).post(f"/users/nofactor/{BRUNO.user.id}")


def renew_codes(client_as):
    form = {"code": current_code(enable_two_factor(BRUNO.user))}
    assert client_as(BRUNO).post("/account/two-factor/codes", data=form | WORKS).status_code == 200


def change_password(client_as):
    form = {"password": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert client_as(BRUNO).post("/account/password/", data=form | WORKS).status_code == 302


CHANGES = {
    "api_key_made": make_key,
    "second_factor_on": turn_on,
    "second_factor_off": turn_off,
    "second_factor_off, by a colleague": remove_by_administrator,
    "recovery_codes_made": renew_codes,
    "password_changed": change_password,
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_owner_is_notified_once_in_their_language(what, app, client_as, bruno):
    CHANGES[what](client_as)
    subject = str(NOTICES[what.partition(",")[0]][0])
    [(to, told, text)] = mails(app)
    assert to == "bruno@example.org"
    assert told != subject
    assert "Hola" in text
    assert "bruno" in text
    assert ("Alicia García" in text) == what.endswith("by a colleague")
    for secret in (PASSWORD, NEW_PASSWORD, "padron_", "/login/choose/"):
        assert secret not in text
    links = set(re.findall(r"https?://\S+", text))
    assert {link.partition("8080")[2] for link in links} <= {"", "/login/forgotten"}


def test_the_notice_of_a_new_key_names_it_without_its_secret(app, client_as, bruno):
    make_key(client_as)
    assert "Página web" in mails(app)[0][2]


def by_oneself(client_as):
    form = {"first_name": "Bruno", "last_name": "García", "email": "new@example.org"}
    form |= {"language": "es"}
    assert client_as(BRUNO).post("/account/", data=form | WORKS).status_code == 302


def by_an_administrator(client_as):
    browser, user = client_as(ALICIA), BRUNO.user
    sent = find_post_form(browser.get(f"/users/edit/{user.id}").text).submitted()
    sent["email"] = "new@example.org"
    assert browser.post(f"/users/edit/{user.id}", data=sent).status_code == 302


@pytest.mark.parametrize("change", [by_oneself, by_an_administrator])
def test_a_new_email_is_notified_to_the_old_address(change, app, client_as, bruno):
    change(client_as)
    assert BRUNO.user.email == "new@example.org"
    [(to, _subject, text)] = mails(app)
    assert to == "bruno@example.org"
    assert ("Alicia García" in text) == (change is by_an_administrator)
    # Links to a new password go to the new address.
    assert "/login/forgotten" not in text
    assert "new@example.org" not in text


def test_a_new_name_is_not_notified(app, client_as, bruno):
    form = {"first_name": "Bru", "last_name": "Gil", "email": "bruno@example.org", "language": ""}
    client_as(BRUNO).post("/account/", data=form)
    assert mails(app) == []


def test_every_notice_renders_in_both_languages(app, bruno):
    for language in ("en", "es"):
        bruno.language = language
        for what in NOTICES:
            data = {"what": what, "keys": 2, "by": "Ana", "key": "Web <b>"}
            db.session.add(
                Message(kind="notice", recipient_type="ab_user", recipient_id=bruno.id, data=data)
            )
        db.session.commit()
    assert len(mails(app)) == 2 * len(NOTICES)
    assert {mail.state for mail in db.session.scalars(select(Message))} == {"kept"}


def test_the_notice_says_how_many_keys_were_revoked(app, client_as, bruno):
    api_key_header(bruno.id)
    api_key_header(bruno.id)
    form = {"password": NEW_PASSWORD, "again": NEW_PASSWORD, "keys": "y"}
    client_as(BRUNO).post("/account/password/", data=form | WORKS)
    assert "2 claves" in mails(app)[0][2]
    assert not any(db.session.scalars(select(ApiKey.active)))
