"""What a signed-out person sends comes back, and can be sent again."""

from __future__ import annotations

import io

import pytest

from app.extensions import db
from app.security.sessions import end_sessions
from tests.factories import a_contact
from tests.people import BRUNO, sign_in

OURS = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
TYPED = '<b>O\'Neil & "Co"</b>\nsecond line ünïcödé'


def out(client_as):
    """Return a browser whose session has just ended elsewhere."""
    browser = client_as(BRUNO)
    end_sessions(db.session, [BRUNO.user.id], "ended")
    db.session.commit()
    return browser


def test_what_was_typed_comes_back_verbatim_to_be_sent_to_the_same_address(client_as):
    contact = a_contact()
    form = {"notes": TYPED, "tags": ["1", "2"], "csrf_token": "old", "password": "secret word"}
    page = out(client_as).post(f"/contacts/edit/{contact.id}", data=form, headers=OURS)
    assert page.status_code == 401
    assert f'action="/contacts/edit/{contact.id}"' in page.text
    assert "&lt;b&gt;O&#39;Neil &amp; &#34;Co&#34;&lt;/b&gt;\nsecond line ünïcödé" in page.text
    assert page.text.count('name="tags"') == 2
    assert "secret word" not in page.text
    assert 'value="old"' not in page.text


def test_after_signing_in_elsewhere_it_is_sent_again(client_as):
    contact = a_contact()
    browser = out(client_as)
    form = {"version": contact.version, "last_name": "Gil"}
    browser.post(f"/contacts/edit/{contact.id}", data=form, headers=OURS)
    sign_in(browser, BRUNO.user.id)
    reply = browser.post(f"/contacts/edit/{contact.id}", data=form, headers=OURS)
    assert reply.location == f"/contacts/show/{contact.id}"


def test_a_form_with_an_old_token_comes_back_with_a_new_one(client_as, app, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    contact = a_contact()
    form = {"version": contact.version, "last_name": "Gil", "csrf_token": "of another session"}
    page = client_as(BRUNO).post(f"/contacts/edit/{contact.id}", data=form, headers=OURS)
    assert page.status_code == 401
    assert 'name="last_name" value="Gil"' in page.text


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_what_a_strangers_page_may_have_typed_is_not_sent_on(headers, client_as):
    page = out(client_as).post("/contacts/add", data={"last_name": "Mallory"}, headers=headers)
    assert "Mallory" not in page.text
    assert page.status_code in (302, 400)


def test_files_cannot_be_kept_and_the_page_says_so(client_as):
    form = {"last_name": "Gil", "photo": (io.BytesIO(b"x"), "holiday.png")}
    page = out(client_as).post("/contacts/add", data=form, headers=OURS)
    assert "holiday.png" in page.text
    assert "Files cannot be kept" in page.text


def test_a_page_can_ask_whether_somebody_is_still_signed_in(client_as):
    json = {"Accept": "application/json"}
    assert client_as(BRUNO).get("/session", headers=json).get_json()["csrf"]
    assert client_as(None).get("/session", headers=json).status_code == 401


def test_at_the_door_it_is_said_that_the_session_has_ended(client_as):
    browser = out(client_as)
    browser.get("/contacts/list/")
    assert "Your session has ended" in browser.get("/login/").text
    assert "Your session has ended" not in browser.get("/login/").text


def test_who_signed_in_in_another_tab_is_led_on_from_this_one(client_as, app, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    form = {"username": "bruno", "password": "whatever", "csrf_token": "from before"}
    reply = client_as(BRUNO).post("/login/?next=/accounts/list/", data=form, headers=OURS)
    assert (reply.status_code, reply.location) == (302, "/accounts/list/")
    elsewhere = client_as(BRUNO).post("/login/?next=//evil.example", data=form, headers=OURS)
    assert elsewhere.location == "/"
    assert client_as(None).post("/login/", data=form, headers=OURS).status_code == 400
