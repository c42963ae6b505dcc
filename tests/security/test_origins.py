"""Cross-site requests and forged hosts are refused."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from app.contacts.models import Contact
from app.extensions import db
from tests.people import ALICIA, BRUNO, CLARA

FORGED_HOSTS = (
    "evil.test", "evil.test:80", "localhost.evil.test", "evil.test#localhost", "localhost@evil.test",
    "127.0.0.1.evil.test", "evil.test/localhost", "evil.test, localhost", "localhost evil.test",
    "localhost:80@evil.test", "xn--lcalhost-x5a.test", "[::2]", "0.0.0.0", "127.1", "2130706433",
    "localhost\\.evil.test", "loca\tlhost", "LOCALHOST.evil.test", ".localhost", "localhost..",
    "evil", "[::1].evil.test",
)  # fmt: skip
FORWARDED = (
    {"X-Forwarded-Host": "evil.test"},
    {"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https"},
    {"Forwarded": "host=evil.test;proto=https"},
    {"X-Forwarded-Server": "evil.test", "X-Host": "evil.test"},
    {"X-Original-URL": "//evil.test/", "X-Rewrite-URL": "//evil.test/"},
    {"X-Forwarded-Prefix": "//evil.test"},
    {"X-Forwarded-For": "evil.test", "X-Real-IP": "evil.test"},
)
CROSS_SITE = (
    {"Origin": "https://evil.test"},
    {"Origin": "http://localhost.evil.test"},
    {"Origin": "http://localhost:9999"},
    {"Origin": "null"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": ""},
    {"Origin": "http://[evil"},
    {"Origin": "file://"},
    {"Origin": "http://localhost, http://evil.test"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "nonsense"},
)


def count_contacts() -> int:
    return db.session.scalar(select(func.count(Contact.id)))


@pytest.mark.parametrize("host", FORGED_HOSTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_forged_host_is_refused(host, method, client_as):
    reply = client_as(ALICIA).open("/contacts/list/", method=method, headers={"Host": host})
    assert reply.status_code == 400
    assert "evil" not in reply.text


@pytest.mark.parametrize("headers", FORWARDED, ids=str)
def test_forwarded_headers_are_ignored_without_a_proxy(headers, client_as):
    reply = client_as(None).get("/contacts/list/", headers=headers)
    assert reply.location == "/login/?next=/contacts/list/"
    assert "evil" not in client_as(ALICIA).get("/contacts/list/", headers=headers).text


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
def test_a_cross_site_change_is_refused(headers, client_as):
    browser, before = client_as(BRUNO), count_contacts()
    reply = browser.post("/contacts/add", data={"last_name": "Intruder"}, headers=headers)
    assert reply.status_code == 400
    assert count_contacts() == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://localhost"},
        {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "none"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
def test_a_same_site_change_is_made(headers, client_as):
    reply = client_as(BRUNO).post("/theme", data={"theme": "dark"}, headers=headers)
    assert reply.status_code == 302


def test_the_csrf_token_of_another_user_is_refused(app, client_as, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    bruno, clara = client_as(BRUNO), client_as(CLARA)
    mine = token(bruno.get("/contacts/add").text)
    theirs = token(clara.get("/account/").text)
    before = count_contacts()
    typed = {"last_name": "Ruiz", "entity": BRUNO.user.entity_id, "language": "es"}

    refused = bruno.post("/contacts/add", data=typed | {"csrf_token": theirs})
    assert (refused.status_code, count_contacts()) == (400, before)
    taken = bruno.post("/contacts/add", data=typed | {"csrf_token": mine})
    assert (taken.status_code, count_contacts()) == (302, before + 1)


def token(page: str) -> str:
    found = re.search(
        r'name="?csrf[-_]token"? (?:type="hidden" )?(?:content|value)="([^"]+)', page
    )
    assert found, page
    return found.group(1)
