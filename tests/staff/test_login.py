"""Login: identical responses to every refusal, throttling, sessions, logging."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from app.extensions import db
from app.log.models import LogEntry
from app.security.models import AttemptCounter, SignInSession
from app.staff import login
from app.staff.models import StaffUser
from tests.databases import migrated_app
from tests.people import BRUNO, Person, add_person
from tests.staff.logging_in import (
    ACCOUNT_KINDS,
    PASSWORD,
    Clock,
    log_in,
    make_account,
    record_hashes,
    set_password,
)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def bruno(session):
    set_password(BRUNO.user)
    return BRUNO.user


def observe_login(client, name, password, counting, monkeypatch) -> dict:
    """Return everything observable of a login: the response, the statements, the hashes."""
    with counting() as statements, record_hashes(monkeypatch) as hashes:
        reply = log_in(client, name, password)
    headers = {key: value for key, value in reply.headers if key != "Set-Cookie"}
    policy = headers["Content-Security-Policy"]
    mark = re.search(r"'nonce-([^']+)'", policy)[1]
    headers["Content-Security-Policy"] = policy.replace(mark, "MARK")
    body = re.sub(r'name="csrf_token" value="[^"]*"', "", reply.text).replace(mark, "MARK")
    return {
        "status": reply.status_code,
        "body": body.replace(name, "NAME"),
        "headers": headers,
        "statements": [" ".join(text.split()) for text in statements],
        "hashes": hashes,
    }


@pytest.mark.parametrize("kind", ACCOUNT_KINDS[1:])
def test_every_refused_login_gets_the_same_response(kind, client_as, counting, monkeypatch):
    usual = observe_login(
        client_as(None), make_account("existing"), "wrong password", counting, monkeypatch
    )
    db.session.execute(AttemptCounter.__table__.delete())
    db.session.delete(db.session.scalars(select(StaffUser).filter_by(username="elena")).one())
    db.session.commit()
    name = make_account(kind)
    right = PASSWORD if kind != "missing" else "wrong password"
    seen = observe_login(client_as(None), name, right, counting, monkeypatch)
    assert usual["status"] == 401
    assert len(usual["hashes"]) == 1
    assert seen == usual


def test_the_typed_user_name_is_not_logged(client_as, session):
    log_in(client_as(None), "my secret password", "x")
    entry = session.scalars(select(LogEntry).filter_by(event="sign_in_failed")).one()
    assert (entry.subject_id, entry.subject_name) == (0, "")
    assert "secret" not in str(entry.changes)


def test_after_five_wrong_passwords_even_the_right_one_looks_wrong(client_as, bruno, clock):
    browser = client_as(None)
    wrong = [log_in(browser, "bruno", f"wrong {n}") for n in range(5)]
    right = log_in(browser, "bruno", PASSWORD)
    assert {reply.status_code for reply in [*wrong, right]} == {401}
    clock.advance(minutes=15, seconds=1)
    assert log_in(browser, "bruno", PASSWORD).status_code == 302


def test_user_name_and_email_share_one_count(client_as, bruno, clock):
    names = ("bruno", "BRUNO", " bruno@example.org", "Bruno@Example.ORG ", "brunO")
    for name in names:
        log_in(client_as(None), name, "wrong")
    assert log_in(client_as(None), "bruno", PASSWORD).status_code == 401


def test_the_right_password_resets_the_count(client_as, bruno, clock):
    for _time in range(4):
        for _n in range(4):
            log_in(client_as(None), "bruno", "wrong")
        assert log_in(client_as(None), "bruno", PASSWORD).status_code == 302
        clock.advance(minutes=15)


def test_a_link_by_mail_resets_the_count(client_as, bruno, clock):
    for _n in range(6):
        log_in(client_as(None), "bruno", "wrong")
    login.clear_failures(db.session, BRUNO.user.id, "10.1.1.1")
    db.session.commit()
    assert log_in(client_as(None), "bruno", PASSWORD).status_code == 302


def test_an_address_is_blocked_after_twenty_attempts_and_nothing_is_hashed(
    client_as, bruno, clock, monkeypatch
):
    with record_hashes(monkeypatch) as hashes:
        replies = [log_in(client_as(None), f"somebody{n}", "wrong") for n in range(25)]
    assert [reply.status_code for reply in replies] == [401] * 20 + [429] * 5
    assert len(hashes) == 20
    assert replies[-1].headers["Retry-After"] == "900"
    assert log_in(client_as(None), "bruno", address="10.9.9.9").status_code == 302


def test_throttling_is_logged_once(client_as, bruno, clock, session):
    for _n in range(9):
        log_in(client_as(None), "bruno", "wrong")
    query = select(LogEntry.event).where(LogEntry.subject_type == "security")
    events = session.scalars(query.order_by(LogEntry.id)).all()
    assert events == ["sign_in_failed"] * 5 + ["sign_in_throttled"] + ["sign_in_failed"] * 3


@pytest.mark.parametrize("addresses", [1, 200])
def test_of_a_thousand_wrong_passwords_few_are_checked(addresses, bruno, clock, monkeypatch):
    """Figure 18: at most 25 for an account in an hour, over an hour of trying."""
    judged = []
    right = login.check_password

    def watch(kept, text):
        judged.append(kept is not None)
        return right(kept, text)

    monkeypatch.setattr(login, "check_password", watch)
    for number in range(1000):
        attempt = login.begin_attempt(db.session, "bruno", f"10.2.{number % addresses}.1")
        if not attempt.is_blocked:
            attempt.has_password("wrong")
        clock.advance(seconds=3.6)
    assert 1 <= sum(judged) <= 25


@pytest.mark.both_databases
def test_of_forty_parallel_wrong_passwords_five_are_checked(database, tmp_path, monkeypatch):
    judged = []
    monkeypatch.setattr(login, "check_password", lambda kept, text: judged.append(kept) or False)
    with migrated_app(database, tmp_path, with_people=True) as app:

        def knock(number: int) -> int:
            name = ("bruno", "bruno@example.org")[number % 2]
            address = f"10.3.{number}.1"
            with app.app_context():
                return log_in(app.test_client(), name, "wrong", address=address).status_code

        with ThreadPoolExecutor(8) as threads:
            statuses = list(threads.map(knock, range(40)))
    assert set(statuses) == {401}
    assert sum(kept is not None for kept in judged) == 5


def test_every_login_opens_a_new_session_so_none_can_be_fixated(client_as, bruno):
    browser = client_as(None)
    with browser.session_transaction() as cookie:
        cookie["token"] = "chosen by somebody else"
        cookie["_user_id"] = str(BRUNO.user.id)
    assert browser.get("/account/").status_code == 302
    tokens = set()
    for _n in range(2):
        assert log_in(browser).status_code == 302
        with browser.session_transaction() as cookie:
            tokens.add(cookie["token"])
        browser.post("/logout/")
    assert len(tokens) == 2
    assert "chosen by somebody else" not in tokens


def test_an_outdated_hash_is_renewed_at_login(client_as, bruno, app, monkeypatch):
    elsewhere = client_as(BRUNO)
    monkeypatch.setitem(app.config, "FAB_PASSWORD_HASH_METHOD", "pbkdf2:sha256:2")
    version = BRUNO.user.version
    assert log_in(client_as(None)).status_code == 302
    assert BRUNO.user.password.startswith("pbkdf2:sha256:2$")
    assert BRUNO.user.version == version
    assert elsewhere.get("/contacts/list/").status_code == 200
    assert log_in(client_as(None)).status_code == 302


def test_a_login_is_logged_with_its_address_and_redirects_to_the_requested_page(
    client_as, bruno, session
):
    browser = client_as(None)
    asked = browser.get("/contacts/list/?sort=-created_at")
    reply = browser.post(asked.location, data={"username": "bruno", "password": PASSWORD})
    assert reply.location == "/contacts/list/?sort=-created_at"
    entry = session.scalars(select(LogEntry).filter_by(event="signed_in")).one()
    assert (entry.actor_id, entry.subject_id) == (BRUNO.user.id, BRUNO.user.id)
    assert entry.changes["address"] == [None, "127.0.0.1"]
    opened = session.scalars(select(SignInSession)).one()
    assert opened.address == "127.0.0.1"
    assert BRUNO.user.login_count == 1


def test_the_user_name_has_precedence_over_another_users_email(client_as, bruno):
    twin = add_person(Person("twin", "Norte", None))
    # As an older version allowed it.
    db.session.execute(update(StaffUser).where(StaffUser.id == twin.id).values(email="bruno"))
    db.session.commit()
    browser = client_as(None)
    assert log_in(browser, "bruno").status_code == 302
    with browser.session_transaction() as cookie:
        assert cookie["_user_id"] == str(BRUNO.user.id)
