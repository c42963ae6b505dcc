"""Sessions: what ends them, timeouts, the list on the account page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.extensions import db
from app.log.models import LogEntry
from app.periodic import run_once
from app.security.actor import acting_as
from app.security.models import SignInSession
from app.security.periodic import DeleteExpiredSessions, RecordLastUse
from app.security.user_agents import describe_user_agent
from app.staff.models import StaffUser
from app.trash.services import move_to_trash
from tests.people import ALICIA, BRUNO, CLARA
from tests.staff.logging_in import NEW_PASSWORD, PASSWORD, Clock, log_in, set_password

PAGE = "/contacts/list/"


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def bruno(session):
    set_password(BRUNO.user)
    return BRUNO.user


def change_own_password(client_as):
    form = {"present": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert client_as(BRUNO).post("/account/password/", data=form).status_code == 302


def log_out_everywhere(client_as):
    client_as(BRUNO).post("/account/sessions/end-all")


def log_out_elsewhere(client_as):
    client_as(BRUNO).post("/account/sessions/end-others")


def _as_alicia(change):
    def do(client_as):
        with acting_as(ALICIA.as_actor()):
            change(BRUNO.user)
            db.session.commit()

    do.__name__ = change.__name__
    return do


@_as_alicia
def rights_change(user):
    user.roles = [*user.roles, *db.session.scalars(select(Role).filter_by(name="Settings: read"))]


@_as_alicia
def entity_changes(user):
    user.entity = user.entity.parent


@_as_alicia
def deactivation(user):
    user.active = False


@_as_alicia
def trash(user):
    move_to_trash(user, ALICIA.as_actor())


@_as_alicia
def reset_by_staff(user):
    user.password = "unusable"


@_as_alicia
def last_day_is_over(user):
    user.employed_until = datetime.now(UTC).date() - timedelta(days=2)


@_as_alicia
def role_asks_for_a_second_factor(user):
    user.roles[0].needs_second_factor = True


TRIGGERS = (
    change_own_password, rights_change, entity_changes, deactivation, trash, reset_by_staff,
    last_day_is_over, role_asks_for_a_second_factor, log_out_everywhere, log_out_elsewhere,
)  # fmt: skip


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.__name__)
def test_a_change_of_the_account_ends_other_sessions_at_once(trigger, client_as, bruno):
    """Figure 16."""
    page, fragment, data = client_as(BRUNO), client_as(BRUNO), client_as(BRUNO)
    other = client_as(CLARA)
    for browser in (page, fragment, data, other):
        assert browser.get(PAGE).status_code == 200

    trigger(client_as)

    refused = page.get(PAGE)
    assert (refused.status_code, refused.location) == (302, "/login/?next=/contacts/list/")
    assert fragment.get(PAGE, headers={"X-Fragment": "1"}).status_code == 401
    assert data.get("/search?q=a", headers={"Accept": "application/json"}).status_code == 401
    if trigger.__name__ != "role_asks_for_a_second_factor":
        assert other.get(PAGE).status_code == 200


def test_changing_the_password_renews_the_current_session(client_as, bruno):
    browser = client_as(None)
    log_in(browser)
    with browser.session_transaction() as cookie:
        before = dict(cookie)
    form = {"present": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    browser.post("/account/password/", data=form)
    assert browser.get(PAGE).status_code == 200
    with browser.session_transaction() as cookie:
        assert cookie["token"] != before["token"]
        cookie.clear()
        cookie.update(before)
    assert browser.get(PAGE).status_code == 302


def test_a_session_idle_for_half_an_hour_ends(client_as, bruno, clock):
    browser = client_as(None)
    log_in(browser)
    for _n in range(3):
        clock.advance(minutes=29)
        assert browser.get(PAGE).status_code == 200
    clock.advance(minutes=30, seconds=1)
    assert browser.get(PAGE).status_code == 302


def test_no_session_lasts_longer_than_twelve_hours(client_as, bruno, clock):
    browser = client_as(None)
    log_in(browser)
    for _n in range(28):
        clock.advance(minutes=25)
        assert browser.get(PAGE).status_code == 200
    clock.advance(minutes=25)
    assert browser.get(PAGE).status_code == 302


def test_the_cookie_is_written_once_a_minute_and_no_get_writes_to_the_database(
    client_as, bruno, clock
):
    browser = client_as(None)
    log_in(browser)
    browser.get(PAGE)
    clock.advance(seconds=50)
    assert "Set-Cookie" not in browser.get("/search?q=x").headers
    clock.advance(seconds=11)
    assert "Set-Cookie" in browser.get("/search?q=x").headers
    assert "Set-Cookie" not in browser.get("/search?q=x").headers


@pytest.mark.parametrize(
    ("last_day", "before_midnight"),
    [
        ("2026-03-28", datetime(2026, 3, 28, 22, 59, 50, tzinfo=UTC)),
        ("2026-03-29", datetime(2026, 3, 29, 21, 59, 50, tzinfo=UTC)),
        ("2026-10-25", datetime(2026, 10, 25, 22, 59, 50, tzinfo=UTC)),
    ],
    ids=["winter", "the day summer begins", "the day summer ends"],
)
def test_the_last_day_ends_at_midnight_in_the_organisations_time_zone(
    last_day, before_midnight, client_as, bruno, clock
):
    bruno.employed_until = datetime.fromisoformat(last_day).date()
    db.session.commit()
    clock.moment = before_midnight
    browser = client_as(None)
    assert log_in(browser).status_code == 302
    assert browser.get(PAGE).status_code == 200
    clock.advance(seconds=11)
    assert browser.get(PAGE).status_code == 302
    assert log_in(client_as(None)).status_code == 401


def test_a_user_who_returns_must_log_in_again(client_as, bruno, session):
    browser = client_as(BRUNO)
    for last_day in (datetime.now(UTC).date() - timedelta(days=2), None):
        with acting_as(ALICIA.as_actor()):
            BRUNO.user.employed_until = last_day
            db.session.commit()
    assert browser.get(PAGE).status_code == 302
    assert session.scalars(select(SignInSession)).one().ended_because == "locked"


def test_a_future_last_day_ends_no_session(client_as, bruno):
    browser = client_as(BRUNO)
    with acting_as(ALICIA.as_actor()):
        BRUNO.user.employed_until = datetime.now(UTC).date() + timedelta(days=9)
        db.session.commit()
    assert browser.get(PAGE).status_code == 200


def test_users_can_list_and_end_their_sessions(client_as, bruno, session):
    firefox = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
    other, mine = client_as(None), client_as(None)
    form = {"username": "bruno", "password": PASSWORD}
    other.post("/login/", data=form, headers={"User-Agent": firefox})
    mine.post("/login/", data=form)
    page = mine.get("/account/sessions/").text
    assert "Firefox on Windows" in page
    assert page.count("This session") == 1
    ended = session.scalars(select(SignInSession).filter_by(agent=firefox)).one()
    mine.post(f"/account/sessions/end/{ended.id}")
    assert other.get(PAGE).status_code == 302
    assert mine.get(PAGE).status_code == 200
    assert "Firefox on Windows" not in mine.get("/account/sessions/").text


@pytest.mark.parametrize("number", ["0", "abc", "99999999999999999999"])
def test_the_session_of_another_user_cannot_be_ended(number, client_as, session):
    clara = client_as(CLARA)
    theirs = session.scalars(select(SignInSession)).one()
    for one in (theirs.id, number):
        assert client_as(BRUNO).post(f"/account/sessions/end/{one}").status_code == 404
    assert clara.get(PAGE).status_code == 200


def test_the_last_use_of_a_session_is_written_by_a_periodic_task(
    app, client_as, bruno, clock, session
):
    browser = client_as(None)
    log_in(browser)
    clock.advance(minutes=10)
    browser.get(PAGE)
    assert run_once(app, RecordLastUse)
    session.expire_all()
    assert session.scalars(select(SignInSession)).one().seen_at == clock.moment


def test_old_sessions_are_deleted(app, client_as, bruno, clock, session):
    log_in(client_as(None))
    clock.advance(days=31)
    log_in(client_as(None))
    assert run_once(app, DeleteExpiredSessions)
    assert len(session.scalars(select(SignInSession)).all()) == 1


def test_logout_ends_the_session_row_and_is_logged(client_as, bruno, session):
    browser = client_as(None)
    log_in(browser)
    with browser.session_transaction() as cookie:
        stolen = dict(cookie)
    browser.post("/logout/")
    with browser.session_transaction() as cookie:
        cookie.update(stolen)
    assert browser.get(PAGE).status_code == 302
    assert session.scalars(select(LogEntry).filter_by(event="signed_out")).one().actor_id


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E Safari/604.1",
         ("Safari", "iPhone")),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537 Chrome/140.0 Safari/537", ("Chrome", "Linux")),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", ("Edge", "Windows")),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", ("Chrome", "Android")),
        ("<script>alert(1)</script>", ("", "")),
        ("", ("", "")),
    ],
)  # fmt: skip
def test_a_user_agent_is_described(agent, words):
    assert describe_user_agent(agent) == words


def test_a_session_of_a_deleted_user_is_refused(client_as, session):
    browser = client_as(CLARA)
    session.execute(StaffUser.__table__.delete().where(StaffUser.__table__.c.username == "clara"))
    session.commit()
    assert browser.get(PAGE).status_code == 302
