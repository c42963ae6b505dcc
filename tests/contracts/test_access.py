"""Every route requires a login and a CSRF token unless it is listed, and opens without errors."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from app.extensions import db
from tests.contracts.routes import STATIC, build_path, is_api_rule, methods, rules
from tests.databases import make_app
from tests.people import ALICIA, DIEGO

PUBLIC_PATHS = {
    "/healthz", "/language", "/login/", "/login/choose/<token>", "/login/forgotten", "/theme",
}  # fmt: skip


def test_every_other_page_requires_a_login(app, client_as):
    visitor = client_as(None)
    opened = []
    for rule in rules(app):
        for method in methods(rule):
            reply = visitor.open(build_path(rule), method=method)
            is_refused = reply.status_code == 302 and "/login/" in reply.location
            is_refused |= reply.status_code == 401 and rule.rule.startswith("/api/")
            if not is_refused and rule.rule not in PUBLIC_PATHS:
                opened.append((method, rule.rule, reply.status_code))
    assert opened == []


def test_a_fetched_page_answers_401_instead_of_redirecting_to_login(client_as):
    reply = client_as(None).get("/search?q=ana", headers={"X-Fragment": "1"})
    assert reply.status_code == 401


def test_every_post_requires_the_csrf_token(app, client_as, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    accepted = [
        (method, rule.rule)
        for rule in rules(app)
        for method in methods(rule)
        if method != "GET"
        and not is_api_rule(rule)
        # The login page only redirects a logged-in user.
        and client_as(None if rule.rule == "/login/" else ALICIA)
        .open(build_path(rule), method=method)
        .status_code
        != 400
    ]
    assert accepted == []


def test_the_api_ignores_cookies_which_rules_out_csrf(app, client_as):
    """So the API needs no CSRF token."""
    alicia = client_as(ALICIA)
    opened = [
        (method, rule.rule, status)
        for rule in rules(app)
        for method in methods(rule)
        if is_api_rule(rule)
        and (status := alicia.open(build_path(rule), method=method).status_code) != 401
    ]
    assert opened == []


def test_every_page_opens_without_an_error(app, client_as):
    alicia = client_as(ALICIA)
    broken = [
        (rule.rule, status)
        for rule in rules(app)
        if "GET" in methods(rule)
        and not is_api_rule(rule)
        and (status := alicia.get(build_path(rule)).status_code) not in (200, 302, 400, 404, 410)
    ]
    assert broken == []


def test_users_without_a_role_reach_only_their_profile_and_jobs(app, client_as):
    diego = client_as(DIEGO)
    opened = {
        rule.rule
        for rule in rules(app)
        if not is_api_rule(rule)
        and "GET" in methods(rule)
        and diego.get(build_path(rule)).status_code == 200
    }
    assert opened <= {
        "/", "/healthz", "/account/", "/account/api/", "/account/keys/", "/account/password/",
        "/account/sessions/", "/account/two-factor/", "/api/v1/openapi.json", "/jobs/",
        "/jobs/mine", "/login/forgotten", "/provinces/<string:country>", "/search", "/session",
    }  # fmt: skip


def test_pages_with_personal_data_are_not_cached(client_as):
    reply = client_as(ALICIA).get("/contacts/list/")
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_only_static_files_are_outside_of_the_rules(app):
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= set(STATIC[:1])


def test_starting_and_opening_the_login_page_writes_nothing(app, session):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("compares the file of SQLite")
    file = Path(db.engine.url.database)
    before = _contents(file)

    again = make_app(str(app.config["SQLALCHEMY_DATABASE_URI"]), file.parent)
    reply = again.test_client().get("/login/")

    assert reply.status_code == 200
    assert _contents(file) == before


def _contents(file: Path) -> list[str]:
    files = [file, *file.parent.glob(f"{file.name}-wal")]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
