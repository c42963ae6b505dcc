"""Security headers: caching, framing, Content-Security-Policy, cookies."""

from __future__ import annotations

import random
import re
import string

import pytest
from flask import render_template_string

from app.contacts.models import Status
from config import settings
from tests.databases import Browser, make_app
from tests.factories import a_contact, a_value
from tests.people import ALICIA, force_login

STRICT_POLICY = (
    "script-src 'self'; style-src 'self'; img-src 'self' data: blob:; object-src 'none'"
)


def strip_nonce(reply):
    """Return the policy of a response without its nonce."""
    return re.sub(" 'nonce-[^']+'", "", reply.headers["Content-Security-Policy"])


@pytest.fixture
def over_https(app, session, tmp_path):
    """Return a browser of Alicia's at an installation with an https:// URL."""
    https = settings(
        {"PADRON_DATA_DIR": str(tmp_path), "PADRON_PUBLIC_URL": "https://padron.example.org"}
    )
    names = ("SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_PATH", "PUBLIC_URL")
    more = {name: https[name] for name in (*names, "TRUSTED_HOSTS", "WTF_CSRF_SSL_STRICT")}
    house = make_app(str(app.config["SQLALCHEMY_DATABASE_URI"]), tmp_path, **more)
    return Browser(house, house.response_class)


PAGES = ("/contacts/list/", "/contacts/show/{}", "/nowhere", "/search?q=ana", "/contacts/export.csv",
         "/contacts/list/?sort=nope", "/contacts/lookup/type?q=a", "/account/", "/")  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_pages_of_a_logged_in_user_are_not_cached(page, client_as):
    reply = client_as(ALICIA).get(page.format(a_contact().id))
    assert reply.headers["Cache-Control"] == "no-store"
    assert "Cookie" in reply.vary
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "same-origin"
    assert reply.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in reply.headers["Permissions-Policy"]
    assert STRICT_POLICY in strip_nonce(reply)
    assert "unsafe" not in reply.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in reply.headers


@pytest.mark.parametrize("page", ["/login/", "/healthz", "/contacts/list/", "/nowhere"])
def test_pages_of_a_visitor_are_not_cached(page, client_as):
    reply = client_as(None).get(page)
    assert "no-store" in reply.headers["Cache-Control"]
    assert "Cookie" in reply.vary
    assert STRICT_POLICY in strip_nonce(reply)


def test_static_files_may_be_cached(client_as):
    reply = client_as(ALICIA).get("/static/padron.svg", buffered=True)
    assert "max-age=31536000" in reply.headers["Cache-Control"]
    assert "Cookie" not in reply.vary
    assert "Set-Cookie" not in reply.headers
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert STRICT_POLICY in strip_nonce(reply)


def test_a_missing_static_file_is_a_page_like_others(client_as):
    reply = client_as(ALICIA).get("/static/nope.css")
    assert (reply.status_code, reply.headers["Cache-Control"]) == (404, "no-store")


def test_a_not_modified_response_is_not_cached(client_as):
    reply = client_as(ALICIA).get("/contacts/list/", headers={"If-None-Match": "*"})
    assert reply.headers["Cache-Control"] == "no-store"


def test_only_a_page_that_asks_for_a_nonce_gets_one(app, session):
    with app.test_request_context("/login/"):
        quiet = app.process_response(app.response_class())
    with app.test_request_context("/login/"):
        nonce = render_template_string("{{ csp_nonce() }}{{ csp_nonce() }}")
        asked = app.process_response(app.response_class())
    half = nonce[: len(nonce) // 2]
    assert nonce == half * 2
    assert "nonce" not in quiet.headers["Content-Security-Policy"]
    assert f"script-src 'self' 'nonce-{half}';" in asked.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "address", ["/contacts/list/", "/account/", "/nowhere", "/login/choose/x"]
)
def test_every_inline_script_has_the_nonce_of_the_policy(client_as, address):
    reply = client_as(ALICIA).get(address)
    scripts = re.findall(r"<script\b([^>]*)>", reply.text)
    marks = {mark for tag in scripts for mark in re.findall(r'nonce="([^"]+)"', tag)}
    assert len(scripts) >= 2
    assert all('nonce="' in tag for tag in scripts)
    assert [f"'nonce-{mark}'" for mark in marks] == re.findall(
        r"'nonce-[^']+'", reply.headers["Content-Security-Policy"]
    )


def test_over_https_the_cookie_has_the_host_prefix(over_https):
    reply = over_https.post(
        "/language", data={"language": "en"}, base_url="https://padron.example.org"
    )
    cookie = reply.headers["Set-Cookie"]
    assert cookie.startswith("__Host-padron=")
    assert {part.strip() for part in cookie.split(";")} >= {
        "Secure", "HttpOnly", "SameSite=Lax", "Path=/",
    }  # fmt: skip
    assert "Domain" not in cookie


def test_over_https_responses_have_hsts(over_https):
    reply = over_https.get("/login/", base_url="https://padron.example.org")
    assert reply.headers["Strict-Transport-Security"].startswith("max-age=63072000")


def test_over_http_the_cookie_needs_no_https(client_as):
    cookie = client_as(None).post("/language", data={"language": "en"}).headers["Set-Cookie"]
    assert cookie.startswith("padron=")
    assert {part.strip() for part in cookie.split(";")} >= {"HttpOnly", "SameSite=Lax", "Path=/"}
    assert "Secure" not in cookie
    assert "Domain" not in cookie


def test_a_session_works_over_https(over_https):
    force_login(over_https, ALICIA.user.id)
    reply = over_https.get("/contacts/list/", base_url="https://padron.example.org")
    assert reply.status_code in (200, 302)


@pytest.mark.parametrize(
    ("said", "status", "kept"),
    [
        ("public, max-age=31536000", 200, "no-store"),
        ("no-cache", 304, "no-store"),
        ("private, max-age=86400", 404, "no-store"),
        ("private, max-age=86400, immutable", 200, "private, max-age=86400, immutable"),
        ("private, max-age=86400, immutable", 304, "private, max-age=86400, immutable"),
    ],
)
def test_only_private_pictures_may_be_cached_by_the_browser(app, session, said, status, kept):
    with app.test_request_context("/contacts/photo/1/a"):
        reply = app.response_class(status=status, headers={"Cache-Control": said})
        assert app.process_response(reply).headers["Cache-Control"] == kept


@pytest.mark.parametrize("letters", [string.ascii_letters, "ñçáéíóú&<>€", "𝒳𝒴𝒵𝓐𝓑𝓒𝓓𝓔𝓕𝓖"])
def test_messages_nobody_fetched_do_not_grow_the_cookie_until_it_is_dropped(client_as, letters):
    row, alicia = a_value(Status), client_as(ALICIA)
    for number in range(40):
        # Chosen at random: the cookie is compressed.
        name = "".join(random.Random(number).choices(letters, k=120))
        form = {"version": row.version, "label_en": name}
        reply = alicia.post(f"/statuses/edit/{row.id}", data=form)
        assert reply.status_code == 302
        assert len(reply.headers["Set-Cookie"]) < 4093

    assert alicia.get("/statuses/list/").text.count('class="note ') >= 1
