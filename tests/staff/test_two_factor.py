"""Two-factor authentication: pending sessions, codes, recovery codes, requirement by role."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import func, select

from app.extensions import db
from app.log.models import LogEntry
from app.security.models import RecoveryCode
from app.security.two_factor import (
    decrypt_secret,
    encrypt_secret,
    has_required_second_factor,
    make_recovery_codes,
    matching_step,
    new_secret,
    use_code,
)
from app.staff.models import StaffUser
from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.contracts.routes import get_view, methods, rules
from tests.contracts.url_values import RowPool, url_cases
from tests.databases import migrated_app
from tests.people import ALICIA, BRUNO, CLARA
from tests.staff.logging_in import (
    PASSWORD,
    Clock,
    current_code,
    enable_two_factor,
    log_in,
    set_password,
)

PENDING_PAGES = {
    "/healthz", "/language", "/login/", "/login/code", "/login/setup", "/login/forgotten",
    "/login/choose/<token>", "/logout/", "/theme",
}  # fmt: skip


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def bruno(session):
    set_password(BRUNO.user)
    return BRUNO.user


def require_second_factor() -> None:
    """Require a second factor in Bruno's role."""
    db.session.execute(
        Role.__table__.update().where(Role.__table__.c.name == BRUNO.role)
        .values(needs_second_factor=True)
    )  # fmt: skip
    db.session.commit()


def shown_secret(page: str) -> str:
    """Return the secret shown on a page."""
    return re.search(r'class="secret">([A-Z2-7 ]+)<', page).group(1).replace(" ", "")


def shown_codes(page: str) -> list[str]:
    return re.findall(r"<li><code>([A-Z0-9-]{19})</code>", page)


def test_login_takes_the_password_and_then_the_code(client_as, bruno, clock):
    secret = enable_two_factor(bruno)
    browser = client_as(None)
    assert log_in(browser, target="/contacts/list/").location == "/login/code"
    reply = browser.post("/login/code", data={"code": current_code(secret, clock.moment)})
    assert reply.location == "/contacts/list/"
    assert browser.get("/contacts/list/").status_code == 200


@pytest.mark.parametrize("has_telephone", [True, False])
def test_a_pending_session_reaches_only_the_login_pages(
    has_telephone, app, client_as, bruno, connection
):
    """Figure T34: the whole matrix, with rows visible to the user."""
    if has_telephone:
        enable_two_factor(bruno)
    else:
        require_second_factor()
    things, browser = RowPool(), client_as(None)
    log_in(browser)
    asked = [
        (method, url)
        for rule in rules(app)
        if rule.rule not in PENDING_PAGES
        for url in own_addresses(app, rule, things)
        for method in methods(rule)
    ]
    before, opened = fingerprint(connection), []
    for method, url in asked:
        reply = browser.open(url, method=method)
        at_the_door = reply.status_code == 302 and "/login/" in reply.location
        if not at_the_door and reply.status_code != 401:
            opened.append((method, url, reply.status_code))
    assert opened == []
    assert changed_tables(before, fingerprint(connection)) == []


def own_addresses(app, rule, things) -> list[str]:
    """Return the URLs of a rule for rows visible to the user."""
    if not rule.arguments:
        return [rule.rule]
    found = list(url_cases(things, get_view(app, rule), rule, BRUNO.user))
    with app.test_request_context():
        return [app.url_for(rule.endpoint, **more) for which, more in found if which == "own"]


def test_a_code_works_once_only(client_as, bruno, clock):
    secret = enable_two_factor(bruno)
    code = current_code(secret, clock.moment)
    for expected in (302, 401):
        browser = client_as(None)
        log_in(browser)
        assert browser.post("/login/code", data={"code": code}).status_code == expected


@pytest.mark.parametrize(
    ("steps", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_clock_may_be_off_by_half_a_minute(steps, is_taken, session, clock):
    secret = new_secret()
    code = current_code(secret, clock.moment + timedelta(seconds=30 * steps))
    assert (matching_step(secret, f"{code[:3]} {code[3:]}") is not None) is is_taken


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "000000\x00", "x" * 5000]
)
def test_an_invalid_code_is_refused(typed, client_as, bruno):
    enable_two_factor(bruno)
    browser = client_as(None)
    log_in(browser)
    assert browser.post("/login/code", data={"code": typed}).status_code == 401
    assert browser.get("/contacts/list/").status_code == 302


def test_a_form_sent_without_a_code_asks_for_it_and_is_no_attempt(client_as, bruno, clock):
    secret = enable_two_factor(bruno)
    browser = client_as(None)
    log_in(browser)
    for _number in range(7):
        assert "Enter the code." in browser.post("/login/code", data={"code": " "}).text
    reply = browser.post("/login/code", data={"code": current_code(secret, clock.moment)})
    assert reply.status_code == 302


def test_five_codes_can_be_tried_and_a_new_login_gives_no_more(client_as, bruno, clock):
    secret = enable_two_factor(bruno)
    statuses = []
    for number in range(7):
        browser = client_as(None)
        assert log_in(browser, address=f"10.4.{number}.1").status_code == 302
        right = current_code(secret, clock.moment) if number >= 5 else "000000"
        statuses.append(browser.post("/login/code", data={"code": right}).status_code)
    assert statuses == [401] * 5 + [429] * 2
    clock.advance(minutes=15, seconds=1)
    browser = client_as(None)
    log_in(browser)
    reply = browser.post("/login/code", data={"code": current_code(secret, clock.moment)})
    assert reply.status_code == 302


def test_a_pending_session_expires_after_ten_minutes(client_as, bruno, clock):
    secret = enable_two_factor(bruno)
    browser = client_as(None)
    log_in(browser)
    clock.advance(minutes=10, seconds=1)
    reply = browser.post("/login/code", data={"code": current_code(secret, clock.moment)})
    assert reply.location == "/login/"
    assert browser.get("/contacts/list/").status_code == 302


def test_a_user_locked_meanwhile_cannot_log_in_with_a_code(client_as, bruno, clock):
    secret = enable_two_factor(bruno)
    browser = client_as(None)
    log_in(browser)
    bruno.active = False
    db.session.commit()
    browser.post("/login/code", data={"code": current_code(secret, clock.moment)})
    assert browser.get("/contacts/list/").status_code == 302


def test_a_recovery_code_works_once_however_it_is_typed(client_as, bruno, session):
    enable_two_factor(bruno)
    code = make_recovery_codes(session, RecoveryCode, bruno.id)[3]
    session.commit()
    for typed, expected in ((code.lower().replace("-", " "), 302), (code, 401)):
        browser = client_as(None)
        log_in(browser)
        assert browser.post("/login/code", data={"code": typed}).status_code == expected
    assert session.scalars(select(LogEntry).filter_by(event="recovery_code_used")).one()
    kept = session.scalars(select(RecoveryCode.code_hash)).all()
    assert not any(code in hashed or code.replace("-", "") in hashed for hashed in kept)


def test_a_role_that_requires_it_leads_to_the_set_up(client_as, bruno, clock, session):
    require_second_factor()
    browser = client_as(None)
    assert log_in(browser, target="/contacts/list/").location == "/login/setup"
    secret = shown_secret(browser.get("/login/setup").text)
    assert "Enter the code." in browser.post("/login/setup").text
    assert browser.post("/login/setup", data={"code": "000000"}).status_code == 422
    assert shown_secret(browser.get("/login/setup").text) == secret
    page = browser.post("/login/setup", data={"code": current_code(secret, clock.moment)}).text
    assert len(set(shown_codes(page))) == 10
    assert 'href="/contacts/list/"' in page
    assert browser.get("/contacts/list/").status_code == 200
    assert secret not in BRUNO.user.totp_secret
    clock.advance(seconds=31)
    again = client_as(None)
    assert log_in(again).location == "/login/code"
    reply = again.post("/login/code", data={"code": current_code(secret, clock.moment)})
    assert reply.status_code == 302


def test_an_open_session_does_not_bypass_a_role_that_requires_it(client_as, bruno):
    browser = client_as(BRUNO)
    assert browser.get("/contacts/list/").status_code == 200
    require_second_factor()
    assert not has_required_second_factor(BRUNO.user)
    assert browser.get("/contacts/list/").status_code == 302


def test_turning_it_on_ends_sessions_elsewhere_and_shows_the_codes_once(client_as, bruno, clock):
    elsewhere, browser = client_as(BRUNO), client_as(BRUNO)
    secret = shown_secret(browser.get("/account/two-factor/").text)
    form = {"code": current_code(secret, clock.moment), "present": PASSWORD}
    page = browser.post("/account/two-factor/", data=form).text
    assert len(shown_codes(page)) == 10
    assert shown_codes(browser.get("/account/two-factor/").text) == []
    assert secret not in browser.get("/account/two-factor/").text
    assert browser.get("/contacts/list/").status_code == 200
    assert elsewhere.get("/contacts/list/").status_code == 302


def test_turning_it_off_requires_the_password_and_a_code(client_as, bruno, clock):
    secret = enable_two_factor(bruno)
    browser = client_as(BRUNO)
    for wrong in ({"present": PASSWORD}, {"code": current_code(secret, clock.moment)},
                  {"present": "wrong", "code": current_code(secret, clock.moment)}):  # fmt: skip
        assert browser.post("/account/two-factor/off", data=wrong).status_code == 422
        assert BRUNO.user.totp_secret
    right = {"present": PASSWORD, "code": current_code(secret, clock.moment)}
    assert browser.post("/account/two-factor/off", data=right).status_code == 302
    assert BRUNO.user.totp_secret is None


def test_it_cannot_be_turned_off_if_a_role_requires_it(client_as, bruno, clock):
    secret = enable_two_factor(bruno)
    require_second_factor()
    right = {"present": PASSWORD, "code": current_code(secret, clock.moment)}
    assert client_as(BRUNO).post("/account/two-factor/off", data=right).status_code == 422
    assert BRUNO.user.totp_secret


def test_new_recovery_codes_replace_the_old_ones(client_as, bruno, clock, session):
    secret = enable_two_factor(bruno)
    old = make_recovery_codes(session, RecoveryCode, bruno.id)
    session.commit()
    right = {"present": PASSWORD, "code": current_code(secret, clock.moment)}
    new = shown_codes(client_as(BRUNO).post("/account/two-factor/codes", data=right).text)
    assert len(new) == 10
    assert not set(new) & set(old)
    assert session.scalar(select(func.count(RecoveryCode.id))) == 10
    assert use_code(session, RecoveryCode, StaffUser, bruno.id, None, old[0]) is None
    assert use_code(session, RecoveryCode, StaffUser, bruno.id, None, new[0]) == "recovery"


def test_an_administrator_can_remove_the_second_factor_of_a_user(client_as, bruno):
    enable_two_factor(bruno)
    browser = client_as(BRUNO)
    assert client_as(ALICIA).post(f"/users/nofactor/{bruno.id}").status_code == 302
    assert BRUNO.user.totp_secret is None
    assert browser.get("/contacts/list/").status_code == 302


def test_the_second_factor_of_a_user_above_cannot_be_removed(client_as, session):
    enable_two_factor(ALICIA.user)
    clara = CLARA.user
    clara.roles = [
        *clara.roles,
        session.scalars(select(Role).filter_by(name="Security: edit")).one(),
    ]
    clara.entity = ALICIA.user.entity
    session.commit()
    assert client_as(CLARA).post(f"/users/nofactor/{ALICIA.user.id}").status_code in (302, 400)
    assert ALICIA.user.totp_secret
    assert client_as(BRUNO).post(f"/users/nofactor/{ALICIA.user.id}").status_code in (302, 403)
    assert ALICIA.user.totp_secret


def test_a_secret_is_stored_encrypted_with_the_secret_key(session, app, monkeypatch):
    secret = new_secret()
    kept = encrypt_secret(secret)
    assert secret not in kept
    assert decrypt_secret(kept) == secret
    monkeypatch.setitem(app.config, "SECRET_KEY", "another key of more than thirty-two letters")
    assert decrypt_secret(kept) is None
    assert decrypt_secret(None) is None


@pytest.mark.both_databases
def test_only_one_of_two_browsers_can_use_the_same_code(database, tmp_path):
    with migrated_app(database, tmp_path, with_people=True) as app:
        with app.app_context():
            user = db.session.scalars(select(StaffUser).filter_by(username="bruno")).one()
            secret = enable_two_factor(user)
            user_id, kept, code = user.id, user.totp_secret, current_code(secret)
            recovery = make_recovery_codes(db.session(), RecoveryCode, user_id)[0]
            db.session.commit()

        def use(typed: str) -> bool:
            with app.app_context():
                used = use_code(db.session(), RecoveryCode, StaffUser, user_id, kept, typed)
                db.session.commit()
                return used is not None

        with ThreadPoolExecutor(4) as threads:
            assert sum(threads.map(use, [code] * 8)) == 1
            assert sum(threads.map(use, [recovery] * 8)) == 1
