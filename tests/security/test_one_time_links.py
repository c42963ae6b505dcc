"""One-time links: expiry, single use, revocation, binding to the owner's data."""

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
    made = make_link(db.session(), OneTimeLink, BRUNO.user, CHOOSE_PASSWORD, 30)
    db.session.commit()
    return made


def link_owner_name(token, purpose=CHOOSE_PASSWORD):
    db.session.commit()
    return find_link_owner(db.session(), OneTimeLink, StaffUser, token, purpose)


def stored_link() -> OneTimeLink:
    return db.session.scalars(select(OneTimeLink)).one()


def test_a_link_has_256_random_bits_and_only_its_hash_is_stored(token):
    assert len(token) == 43
    link = stored_link()
    assert link.token_hash == hash_token(token)
    assert token not in str(vars(link))


def test_finding_a_link_does_not_use_it(token):
    assert [link_owner_name(token) for _look in range(5)] == [BRUNO.user] * 5


def test_a_link_works_once(token):
    assert use_link(db.session(), OneTimeLink, StaffUser, token, CHOOSE_PASSWORD) == BRUNO.user
    assert use_link(db.session(), OneTimeLink, StaffUser, token, CHOOSE_PASSWORD) is None
    assert link_owner_name(token) is None


def test_a_link_is_valid_for_thirty_minutes(token):
    link = stored_link()
    assert timedelta(minutes=29) < link.expires_at - now() <= timedelta(minutes=30)
    link.expires_at = now() - timedelta(seconds=1)
    assert link_owner_name(token) is None


def test_a_newer_link_invalidates_the_older_one(token):
    newer = make_link(db.session(), OneTimeLink, BRUNO.user, CHOOSE_PASSWORD, 30)
    assert link_owner_name(token) is None
    assert link_owner_name(newer) == BRUNO.user


def test_of_two_links_created_at_the_same_moment_only_the_last_is_valid(token):
    link = stored_link()
    fields = {"user_id": link.user_id, "purpose": link.purpose, "binding": link.binding}
    other = OneTimeLink(token_hash=hash_token("other"), expires_at=link.expires_at, **fields)
    db.session.add(other)
    assert link_owner_name(token) is None
    assert link_owner_name("other") == BRUNO.user


def test_links_of_other_users_stay_valid(token):
    make_link(db.session(), OneTimeLink, CLARA.user, CHOOSE_PASSWORD, 30)
    assert link_owner_name(token) == BRUNO.user


def test_a_link_is_for_one_purpose(token):
    assert link_owner_name(token, "email") is None


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
def test_a_change_of_the_owner_invalidates_a_link(token, change):
    for name, value in change.items():
        setattr(BRUNO.user, name, value)
    db.session.commit()
    assert link_owner_name(token) is None
    assert use_link(db.session(), OneTimeLink, StaffUser, token, CHOOSE_PASSWORD) is None


def test_a_link_is_deleted_with_its_owner(token):
    db.session.execute(delete(StaffUser).where(StaffUser.id == stored_link().user_id))
    assert link_owner_name(token) is None
    assert db.session.scalars(select(OneTimeLink)).all() == []


def test_links_can_be_revoked(token):
    revoke_links(db.session(), OneTimeLink, BRUNO.user.id, CHOOSE_PASSWORD)
    assert link_owner_name(token) is None


@pytest.mark.parametrize("wrong", ["", "x", "ñ" * 9999, "\x00", "' OR 1=1 --"], ids=ascii)
def test_an_invalid_token_finds_nobody(token, wrong):
    assert link_owner_name(wrong) is None
