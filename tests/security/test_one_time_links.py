"""A one-time link lives shortly, works once, and dies with whatever made it true."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from app.extensions import db
from app.security.models import OneTimeLink
from app.security.one_time_links import (
    CHOOSE_PASSWORD,
    find_link_owner,
    make_link,
    revoke_links,
    use_link,
)
from app.security.sessions import hash_token
from app.staff.models import StaffUser
from app.types import now
from tests.people import BRUNO, CLARA


@pytest.fixture
def token(session):
    made = make_link(db.session(), BRUNO.user, CHOOSE_PASSWORD, 30)
    db.session.commit()
    return made


def whose(token, purpose=CHOOSE_PASSWORD):
    db.session.commit()
    return find_link_owner(db.session(), StaffUser, token, purpose)


def the_link() -> OneTimeLink:
    return db.session.scalars(select(OneTimeLink)).one()


def test_a_link_has_256_random_bits_of_which_only_a_digest_is_kept(token):
    assert len(token) == 43
    link = the_link()
    assert link.token_hash == hash_token(token)
    assert token not in str(vars(link))


def test_looking_uses_nothing_up(token):
    assert [whose(token) for _look in range(5)] == [BRUNO.user] * 5


def test_a_link_works_once(token):
    assert use_link(db.session(), StaffUser, token, CHOOSE_PASSWORD) == BRUNO.user
    assert use_link(db.session(), StaffUser, token, CHOOSE_PASSWORD) is None
    assert whose(token) is None


def test_a_link_lives_for_thirty_minutes(token):
    link = the_link()
    assert timedelta(minutes=29) < link.expires_at - now() <= timedelta(minutes=30)
    link.expires_at = now() - timedelta(seconds=1)
    assert whose(token) is None


def test_a_newer_link_kills_the_older_one(token):
    newer = make_link(db.session(), BRUNO.user, CHOOSE_PASSWORD, 30)
    assert whose(token) is None
    assert whose(newer) == BRUNO.user


def test_of_two_links_made_at_the_same_moment_only_the_last_lives(token):
    link = the_link()
    fields = {"user_id": link.user_id, "purpose": link.purpose, "binding": link.binding}
    other = OneTimeLink(token_hash=hash_token("other"), expires_at=link.expires_at, **fields)
    db.session.add(other)
    assert whose(token) is None
    assert whose("other") == BRUNO.user


def test_the_link_of_somebody_else_lives_on(token):
    make_link(db.session(), CLARA.user, CHOOSE_PASSWORD, 30)
    assert whose(token) == BRUNO.user


def test_a_link_is_for_one_purpose(token):
    assert whose(token, "email") is None


@pytest.mark.parametrize(
    "change",
    [
        {"email": "otro@example.org"},
        {"password": "another hash"},
        {"active": False},
        {"trashed_at": now()},
        {"employed_until": now().date() - timedelta(days=2)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_happens_to_its_owner_kills_a_link(token, change):
    for name, value in change.items():
        setattr(BRUNO.user, name, value)
    db.session.commit()
    assert whose(token) is None
    assert use_link(db.session(), StaffUser, token, CHOOSE_PASSWORD) is None


def test_a_link_goes_with_its_owner(token):
    db.session.execute(delete(StaffUser).where(StaffUser.id == the_link().user_id))
    assert whose(token) is None
    assert db.session.scalars(select(OneTimeLink)).all() == []


def test_links_can_be_killed(token):
    revoke_links(db.session(), BRUNO.user.id, CHOOSE_PASSWORD)
    assert whose(token) is None


@pytest.mark.parametrize("wrong", ["", "x", "ñ" * 9999, "\x00", "' OR 1=1 --"], ids=ascii)
def test_what_is_no_token_is_nobodys(token, wrong):
    assert whose(wrong) is None
