"""A population beside the staff: sessions, links, codes, counters and a cookie of its own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import jsonify
from sqlalchemy import select

from app.contacts.models import Tag
from app.extensions import db
from app.security.actor import current_actor
from app.security.guard import public
from app.security.last_seen import sessions as buffer
from app.security.models import OneTimeLink, RecoveryCode, SignInSession
from app.security.one_time_links import CHOOSE_PASSWORD, find_link_owner, make_link, use_link
from app.security.periodic import DeleteExpiredSessions, RecordLastUse
from app.security.populations import population_at
from app.security.scope import visible
from app.security.sessions import create_session, end_session, end_sessions, list_live_sessions
from app.security.throttle import count_attempt, get_count, key_for_user
from app.security.two_factor import make_recovery_codes, use_code
from app.staff.models import StaffUser
from app.types import now
from tests.databases import migrated_app, undone
from tests.people import BRUNO, force_login
from tests.portal import (
    Portal,
    PortalCode,
    PortalLink,
    PortalSession,
    PortalUser,
    portal_cookie,
    the_portal,
)

CONTACT_ID = 7


@pytest.fixture(scope="module")
def portal_app(tmp_path_factory):
    """Give an application with three pages of the portal."""
    folder = tmp_path_factory.mktemp("portal")
    with migrated_app("sqlite", folder, with_people=True) as app:

        @app.get("/portal/me")
        def portal_me():
            actor = current_actor()
            tags = db.session.scalars(visible(Tag, actor)).all()
            return jsonify(kind=actor.kind, contact=actor.contact_id, id=actor.id, tags=len(tags))

        @app.get("/portal/sign-in", endpoint="portal_login")
        @public
        def portal_login():
            return jsonify(kind=current_actor().kind)

        yield app


@pytest.fixture
def portal(portal_app):
    """Give the application with the population registered, and its tables."""
    with portal_app.app_context(), undone() as connection, the_portal(connection):
        yield portal_app


@pytest.fixture
def ana(portal) -> PortalUser:
    """Give the account of a contact; it has the id of Bruno, a user of the back-office."""
    user = PortalUser(id=BRUNO.user.id, contact_id=CONTACT_ID)
    db.session.add(user)
    db.session.commit()
    return user


def browser_of(app, user, name=None):
    browser = app.test_client()
    browser.set_cookie(name or Portal.cookie_name(app), portal_cookie(app, user.id))
    return browser


def test_a_contact_is_the_actor_in_the_pages_of_their_population(portal, ana):
    reply = browser_of(portal, ana).get("/portal/me")
    assert reply.get_json() == {"kind": "contact", "contact": CONTACT_ID, "id": None, "tags": 0}


def test_without_a_session_a_page_of_a_population_leads_to_its_own_login_page(portal, ana):
    reply = portal.test_client().get("/portal/me")
    assert (reply.status_code, reply.location) == (302, "/portal/sign-in?next=/portal/me")
    public_page = portal.test_client().get("/portal/sign-in")
    assert public_page.get_json() == {"kind": "visitor"}


def test_the_cookie_of_a_contact_opens_no_page_of_the_staff(portal, ana):
    for name in (Portal.cookie_name(portal), portal.config["SESSION_COOKIE_NAME"]):
        reply = browser_of(portal, ana, name).get("/")
        assert (reply.status_code, reply.location) == (302, "/login/")


def test_a_contact_s_token_in_a_cookie_of_the_staff_opens_no_page(portal, ana):
    """Even if it could be signed: the token is in another table, the id somebody else's."""
    browser = portal.test_client()
    token = create_session(db.session(), PortalSession, ana.id)
    with browser.session_transaction() as cookies:
        with browser.session_transaction("/portal/") as theirs:
            theirs["token"], theirs["seen"] = token, 4_000_000_000
        cookies |= {"_user_id": str(ana.id), "_fresh": True, "token": token, "seen": 4_000_000_000}
    assert browser.get("/portal/me").status_code == 200
    assert browser.get("/").location == "/login/"


def test_the_cookie_of_a_user_opens_no_page_of_another_population(portal, ana):
    browser = portal.test_client()
    force_login(browser, BRUNO.user.id)
    assert browser.get("/account/").status_code == 200
    assert browser.get("/portal/me").status_code == 302
    cookie = browser.get_cookie(portal.config["SESSION_COOKIE_NAME"])
    browser.set_cookie(Portal.cookie_name(portal), cookie.value)
    assert browser.get("/portal/me").status_code == 302


def test_two_people_can_be_logged_in_to_the_two_populations_in_one_browser(portal, ana):
    browser = browser_of(portal, ana)
    force_login(browser, BRUNO.user.id)
    assert browser.get("/account/").status_code == 200
    assert browser.get("/portal/me").get_json()["kind"] == "contact"


@pytest.mark.parametrize("how", ["one", "all", "inactive"])
def test_a_contact_whose_session_ended_is_logged_out_at_the_next_request(portal, ana, how):
    browser = browser_of(portal, ana)
    assert browser.get("/portal/me").status_code == 200
    if how == "one":
        (row,) = list_live_sessions(db.session(), PortalSession, ana.id)
        assert end_session(db.session(), PortalSession, ana.id, row.id, "ended")
    elif how == "all":
        end_sessions(db.session(), PortalSession, [ana.id], "ended")
    else:
        ana.is_active = False
    db.session.commit()
    assert browser.get("/portal/me").location.startswith("/portal/sign-in")


def test_ending_the_sessions_of_one_population_leaves_those_of_the_other(portal, ana):
    create_session(db.session(), SignInSession, ana.id)
    create_session(db.session(), PortalSession, ana.id)
    end_sessions(db.session(), PortalSession, [ana.id], "ended")
    assert list_live_sessions(db.session(), PortalSession, ana.id) == []
    assert len(list_live_sessions(db.session(), SignInSession, ana.id)) == 1


def test_a_link_of_a_contact_is_none_of_a_user_with_the_same_id(portal, ana):
    session = db.session()
    token = make_link(session, PortalLink, ana, CHOOSE_PASSWORD, 30)
    assert find_link_owner(session, OneTimeLink, StaffUser, token, CHOOSE_PASSWORD) is None
    assert use_link(session, OneTimeLink, StaffUser, token, CHOOSE_PASSWORD) is None
    assert use_link(session, PortalLink, PortalUser, token, CHOOSE_PASSWORD) is ana
    assert use_link(session, PortalLink, PortalUser, token, CHOOSE_PASSWORD) is None


def test_a_recovery_code_of_a_contact_is_none_of_a_user_with_the_same_id(portal, ana):
    session = db.session()
    code = make_recovery_codes(session, PortalCode, ana.id)[0]
    assert use_code(session, RecoveryCode, StaffUser, ana.id, None, code) is None
    assert use_code(session, PortalCode, PortalUser, ana.id, None, code) == "recovery"
    assert use_code(session, PortalCode, PortalUser, ana.id, None, code) is None


def test_attempts_at_an_account_do_not_count_for_the_same_id_in_another_population(portal, ana):
    session = db.session()
    keys = [key_for_user("sign-in", model, ana.id) for model in (PortalUser, StaffUser)]
    count_attempt(session, keys[0], 15)
    assert [get_count(session, key, 15) for key in keys] == [1, 0]


def test_the_time_of_last_use_is_written_to_the_table_of_the_population(portal, ana, monkeypatch):
    browser = browser_of(portal, ana)
    row = db.session.scalars(select(PortalSession)).one()
    before = row.seen_at
    monkeypatch.setattr("app.security.browser.TOUCH_SECONDS", -1)
    buffer.drain()
    browser.get("/portal/me")
    RecordLastUse().run(portal)
    db.session.refresh(row)
    assert row.seen_at > before


def test_expired_sessions_and_links_of_every_population_are_deleted(portal, ana):
    create_session(db.session(), PortalSession, ana.id)
    make_link(db.session(), PortalLink, ana, CHOOSE_PASSWORD, -60 * 24 * 3)
    row = db.session.scalars(select(PortalSession)).one()
    row.expires_at = now() - timedelta(days=31)
    db.session.commit()
    DeleteExpiredSessions().run(portal)
    assert db.session.scalars(select(PortalSession)).all() == []
    assert db.session.scalars(select(PortalLink)).all() == []


@pytest.mark.parametrize(
    "path", ["/", "/contacts/list/", "/portals/", "/portal.html", "/Portal/me"]
)
def test_a_path_outside_the_prefix_belongs_to_the_staff(portal, path):
    assert population_at(path) is None
    assert population_at("/portal") is population_at("/portal/me") is Portal
