"""No page is open by accident, and none changes anything when it is merely looked at."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from app.extensions import db
from tests.databases import make_app
from tests.contracts.routes import STATIC, build_path, is_api_rule, methods, rules
from tests.people import ALICIA, DIEGO

OPEN_TO_ALL = {
    "/healthz", "/language", "/login/", "/login/choose/<token>", "/login/forgotten", "/theme",
}  # fmt: skip


def test_every_other_page_asks_who_you_are(app, client_as):
    visitor = client_as(None)
    opened = []
    for rule in rules(app):
        for method in methods(rule):
            reply = visitor.open(build_path(rule), method=method)
            at_the_door = reply.status_code == 302 and "/login/" in reply.location
            at_the_door |= reply.status_code == 401 and rule.rule.startswith("/api/")
            if not at_the_door and rule.rule not in OPEN_TO_ALL:
                opened.append((method, rule.rule, reply.status_code))
    assert opened == []


def test_a_page_that_is_fetched_says_401_rather_than_show_the_door(client_as):
    reply = client_as(None).get("/search?q=ana", headers={"X-Fragment": "1"})
    assert reply.status_code == 401


def test_nothing_is_sent_without_the_token_against_forgery(app, client_as, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    taken = [
        (method, rule.rule)
        for rule in rules(app)
        for method in methods(rule)
        if method != "GET"
        and not is_api_rule(rule)
        # Whoever is signed in already is led on from the door, and nothing is done.
        and client_as(None if rule.rule == "/login/" else ALICIA)
        .open(build_path(rule), method=method)
        .status_code
        != 400
    ]
    assert taken == []


def test_a_cookie_opens_nothing_of_the_api_so_that_no_other_site_can_forge_a_request(
    app, client_as
):
    """Without cookies there is nothing to forge, so the API asks for no token against it."""
    alicia = client_as(ALICIA)
    opened = [
        (method, rule.rule, status)
        for rule in rules(app)
        for method in methods(rule)
        if is_api_rule(rule)
        and (status := alicia.open(build_path(rule), method=method).status_code) != 401
    ]
    assert opened == []


def test_no_page_breaks_when_it_is_merely_opened(app, client_as):
    alicia = client_as(ALICIA)
    broken = [
        (rule.rule, status)
        for rule in rules(app)
        if "GET" in methods(rule)
        and not is_api_rule(rule)
        and (status := alicia.get(build_path(rule)).status_code) not in (200, 302, 400, 404, 410)
    ]
    assert broken == []


def test_whoever_holds_no_role_gets_no_further_than_their_own_profile_and_jobs(app, client_as):
    diego = client_as(DIEGO)
    opened = {
        rule.rule
        for rule in rules(app)
        if not is_api_rule(rule)
        and "GET" in methods(rule)
        and diego.get(build_path(rule)).status_code == 200
    }
    assert opened <= {
        "/healthz", "/account/", "/account/api/", "/account/keys/", "/account/password/",
        "/account/sessions/", "/account/two-factor/", "/api/v1/openapi.json", "/jobs/",
        "/jobs/mine", "/login/forgotten", "/provinces/<string:country>", "/search", "/session",
    }  # fmt: skip


def test_pages_with_personal_data_are_kept_out_of_caches(client_as):
    reply = client_as(ALICIA).get("/contacts/list/")
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_static_files_are_the_only_ones_beside_the_rules(app):
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= set(STATIC[:1])


def test_starting_and_opening_the_door_writes_nothing(app, session):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("the file of SQLite is what is compared")
    file = Path(db.engine.url.database)
    before = _contents(file)

    again = make_app(str(app.config["SQLALCHEMY_DATABASE_URI"]), file.parent)
    reply = again.test_client().get("/login/")

    assert reply.status_code == 200
    assert _contents(file) == before


def _contents(file: Path) -> list[str]:
    found = [file, *file.parent.glob(f"{file.name}-wal")]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in found]
