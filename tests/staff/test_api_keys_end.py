"""API keys are revoked with the password and the sessions, unless the owner unticks it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask_appbuilder.security.sqla.models import ApiKey
from sqlalchemy import select, update

from app.extensions import db
from app.i18n.clock import today
from app.log.models import LogEntry
from app.security.actor import acting_as
from app.staff.password_links import create_link_path
from app.trash.services import move_to_trash, restore
from app.types import now
from tests.people import ALICIA, BRUNO, CLARA, api_key_header
from tests.staff.test_api_keys import LIST, NEW_PASSWORD, PASSWORD, set_password


@pytest.fixture
def program(client_as):
    """Return a client without a session, as a program has."""
    return client_as(None)


def is_checked(page: str) -> bool:
    return bool(re.search(r'name="keys" value="y" checked', page))


PASSWORDS = {"present": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD}


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/account/password/", PASSWORDS),
        ("/account/sessions/end-all", {}),
        ("/account/sessions/end-others", {}),
    ],
)
@pytest.mark.parametrize("ends", [True, False])
def test_keys_are_revoked_with_the_password_and_the_sessions_unless_unticked(
    ends, path, form, client_as, program
):
    set_password(BRUNO)
    shown, other = api_key_header(BRUNO.user.id), api_key_header(CLARA.user.id)
    bruno = client_as(BRUNO)
    page = "/account/sessions/" if "end" in path else path
    assert is_checked(bruno.get(page).text)

    reply = bruno.post(path, data=form | ({"keys": "y"} if ends else {}))

    assert reply.status_code == 302
    assert program.get(LIST, headers=shown).status_code == (401 if ends else 200)
    assert program.get(LIST, headers=other).status_code == 200
    told = db.session.scalars(select(LogEntry).filter_by(event="api_key_revoked")).all()
    assert len(told) == int(ends)


def test_a_refused_password_keeps_the_checkbox_as_it_was(client_as):
    set_password(BRUNO)
    api_key_header(BRUNO.user.id)
    bruno = client_as(BRUNO)
    wrong = {"present": "no", "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert not is_checked(bruno.post("/account/password/", data=wrong).text)
    assert is_checked(bruno.post("/account/password/", data=wrong | {"keys": "y"}).text)


@pytest.mark.parametrize("page", ["/account/password/", "/account/sessions/"])
def test_users_without_valid_keys_are_not_asked_about_keys(page, client_as):
    api_key_header(BRUNO.user.id)
    db.session.execute(update(ApiKey).values(expires_on=now()))
    db.session.commit()
    assert 'name="keys"' not in client_as(BRUNO).get(page).text


@pytest.mark.parametrize("ends", [True, False])
def test_keys_are_revoked_with_a_forgotten_password_unless_unticked(ends, client_as, program):
    shown = api_key_header(BRUNO.user.id)
    link = create_link_path(db.session(), BRUNO.user, 30)
    db.session.commit()
    stranger = client_as(None)
    assert is_checked(stranger.get(link).text)
    form = {"password": NEW_PASSWORD, "again": NEW_PASSWORD} | ({"keys": "y"} if ends else {})
    assert is_checked(stranger.post(link, data=form | {"again": "else"}).text) == ends
    assert stranger.post(link, data=form).status_code == 302
    assert program.get(LIST, headers=shown).status_code == (401 if ends else 200)


def test_keys_are_revoked_when_an_administrator_resets_the_password(client_as, program):
    shown = api_key_header(BRUNO.user.id)
    client_as(ALICIA).post(f"/users/link/{BRUNO.user.id}")
    assert program.get(LIST, headers=shown).status_code == 401
    told = db.session.scalars(select(LogEntry).filter_by(event="api_key_revoked")).one()
    assert (told.actor_id, told.subject_id) == (ALICIA.user.id, BRUNO.user.id)


@pytest.mark.parametrize("how", ["locked", "trashed", "left"])
def test_keys_end_with_their_owner_and_stay_ended(how, client_as, program):
    shown, other = api_key_header(BRUNO.user.id), api_key_header(CLARA.user.id)
    user = BRUNO.user
    with acting_as(ALICIA.as_actor()):
        if how == "locked":
            user.active = False
        elif how == "trashed":
            move_to_trash(user, ALICIA.as_actor())
        else:
            user.employed_until = today() - timedelta(days=1)
        db.session.commit()
    assert program.get(LIST, headers=shown).status_code == 401
    with acting_as(ALICIA.as_actor()):
        if how == "trashed":
            restore(user)
        user.active, user.employed_until = True, None
        db.session.commit()
    assert program.get(LIST, headers=shown).status_code == 401
    assert program.get(LIST, headers=other).status_code == 200
    [entry] = db.session.scalars(select(LogEntry).filter_by(event="api_key_revoked")).all()
    assert (entry.subject_id, entry.actor_id) == (user.id, ALICIA.user.id)
