"""A form sent after the session has ended comes back and can be submitted again."""

from __future__ import annotations

import io

import pytest

from app.extensions import db
from app.security.models import SignInSession
from app.security.sessions import end_sessions
from tests.factories import a_contact
from tests.people import BRUNO, force_login

SAME_ORIGIN = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
TYPED = '<b>O\'Neil & "Co"</b>\nsecond line ünïcödé'


def logged_out_browser(client_as):
    """Return a browser whose session was ended from another one."""
    browser = client_as(BRUNO)
    end_sessions(db.session, SignInSession, [BRUNO.user.id], "ended")
    db.session.commit()
    return browser


def test_the_form_values_come_back_verbatim_for_the_same_address(client_as):
    contact = a_contact()
    form = {"notes": TYPED, "tags": ["1", "2"], "csrf_token": "old", "password": "secret word"}
    page = logged_out_browser(client_as).post(
        f"/contacts/edit/{contact.id}", data=form, headers=SAME_ORIGIN
    )
    assert page.status_code == 401
    assert f'action="/contacts/edit/{contact.id}"' in page.text
    assert "&lt;b&gt;O&#39;Neil &amp; &#34;Co&#34;&lt;/b&gt;\nsecond line ünïcödé" in page.text
    assert page.text.count('name="tags"') == 2
    assert "secret word" not in page.text
    assert 'value="old"' not in page.text


def test_after_login_in_another_tab_the_form_can_be_submitted_again(client_as):
    contact = a_contact()
    browser = logged_out_browser(client_as)
    form = {"version": contact.version, "last_name": "Gil"}
    browser.post(f"/contacts/edit/{contact.id}", data=form, headers=SAME_ORIGIN)
    force_login(browser, BRUNO.user.id)
    reply = browser.post(f"/contacts/edit/{contact.id}", data=form, headers=SAME_ORIGIN)
    assert reply.location == f"/contacts/show/{contact.id}"


def test_a_form_with_an_old_token_comes_back_with_a_new_one(client_as, app, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    contact = a_contact()
    form = {"version": contact.version, "last_name": "Gil", "csrf_token": "of another session"}
    page = client_as(BRUNO).post(f"/contacts/edit/{contact.id}", data=form, headers=SAME_ORIGIN)
    assert page.status_code == 401
    assert 'name="last_name" value="Gil"' in page.text


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_a_cross_site_form_is_not_given_back(headers, client_as):
    page = logged_out_browser(client_as).post(
        "/contacts/add", data={"last_name": "Mallory"}, headers=headers
    )
    assert "Mallory" not in page.text
    assert page.status_code in (302, 400)


def test_files_cannot_be_given_back_and_the_page_says_so(client_as):
    form = {"last_name": "Gil", "photo": (io.BytesIO(b"x"), "holiday.png")}
    page = logged_out_browser(client_as).post("/contacts/add", data=form, headers=SAME_ORIGIN)
    assert "holiday.png" in page.text
    assert "Your files weren’t kept" in page.text


def test_the_session_endpoint_says_whether_the_session_is_alive(client_as):
    json = {"Accept": "application/json"}
    assert client_as(BRUNO).get("/session", headers=json).get_json()["csrf"]
    assert client_as(None).get("/session", headers=json).status_code == 401


def test_the_login_page_says_that_the_session_has_ended(client_as):
    browser = logged_out_browser(client_as)
    browser.get("/contacts/list/")
    assert "Your session has ended" in browser.get("/login/").text
    assert "Your session has ended" not in browser.get("/login/").text


def test_the_login_page_redirects_a_logged_in_user(client_as, app, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    form = {"username": "bruno", "password": "whatever", "csrf_token": "from before"}
    reply = client_as(BRUNO).post("/login/?next=/accounts/list/", data=form, headers=SAME_ORIGIN)
    assert (reply.status_code, reply.location) == (302, "/accounts/list/")
    elsewhere = client_as(BRUNO).post(
        "/login/?next=//evil.example", data=form, headers=SAME_ORIGIN
    )
    assert elsewhere.location == "/"
    assert client_as(None).post("/login/", data=form, headers=SAME_ORIGIN).status_code == 400
