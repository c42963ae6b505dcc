"""Login in the browser: password, two-factor login, and an expired session."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyotp
import pytest
from flask_appbuilder.security.sqla.models import Role

from app.extensions import db
from app.security.areas import Area, Level
from app.security.models import SignInSession
from app.security.roles import role_name
from app.security.sessions import end_sessions
from app.staff.models import StaffUser
from tests.browser.axe import find_violations
from tests.browser.live_server import PASSWORD
from tests.browser.playwright import expect
from tests.browser.screens import answer, save, unique_name

if TYPE_CHECKING:
    from playwright.sync_api import Page

EDITOR = role_name(Area.CONTACTS, Level.EDIT)
LIST, START = re.compile("/contacts/list/"), re.compile(r"^http://[^/]+/$")


def submit(page: Page, **values: str) -> None:
    """Fill in fields of a login page, by id, and submit their form."""
    for field, value in values.items():
        page.locator(f"#{field}").fill(value)
    page.locator("main form", has=page.locator(f"#{field}")).locator("button.btn").last.click()


def submit_password(page: Page, name: str, password: str = PASSWORD) -> None:
    """Submit the form of the login page."""
    submit(page, username=name, password=password)


def test_a_failed_login_shows_an_error_and_a_successful_one_opens_the_page(
    visitor_page, live_server
):
    page, name = visitor_page, live_server.add_user(EDITOR)
    page.goto("/contacts/list/?q=ana")
    submit_password(page, name, "wrong")
    expect(page.locator("#problem")).to_be_visible()
    submit_password(page, name)
    expect(page).to_have_url(re.compile(r"/contacts/list/\?q=ana"))


def test_two_factor_login_required_by_a_role_is_set_up_used_and_turned_off(open_page, live_server):
    name = live_server.add_user(EDITOR)
    user_id = live_server.user_id(name)
    with live_server.app.app_context():
        role = Role(name=unique_name(), needs_second_factor=True)
        user = db.session.get_one(StaffUser, user_id)
        user.roles = [*user.roles, role]
        db.session.commit()
        role_id = role.id
    page = open_page(visitor=True)
    page.goto("/login/")
    submit_password(page, name)
    page.wait_for_url("**/login/setup")
    violations = find_violations(page)
    assert page.locator("img.qr").evaluate("image => image.naturalWidth") > 100
    page.locator("main details summary").click()
    secret = page.locator(".secret").inner_text().replace(" ", "")
    submit(page, code=pyotp.TOTP(secret).now())
    expect(page.locator(".recovery-codes code")).to_have_count(10)
    codes = page.locator(".recovery-codes code").all_inner_texts()
    violations += find_violations(page)
    page.locator("main a.btn-primary").click()
    page.wait_for_url(START)

    other = open_page(visitor=True)
    other.goto("/login/?next=/contacts/list/")
    submit_password(other, name)
    other.wait_for_url("**/login/code")
    submit(other, code="000000")
    expect(other.locator("#problem")).to_be_visible()
    violations += find_violations(other)
    other.locator("main details summary").click()
    submit(other, recovery=codes[0].lower())
    other.wait_for_url(LIST)

    with live_server.app.app_context():
        db.session.get_one(Role, role_id).needs_second_factor = False
        db.session.commit()
    other.goto("/account/two-factor/")
    violations += find_violations(other)
    other.locator("main [name=present]").fill(PASSWORD)
    other.locator("main [name=code]").fill(codes[1])
    other.locator("button[formaction$='/off']").click()
    answer(other)
    expect(other.locator("img.qr")).to_be_visible()
    assert violations == []


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_form_submitted_after_the_session_ended_can_be_saved(
    open_page, live_server, has_scripts
):
    name = live_server.add_user(EDITOR)
    user_id = live_server.user_id(name)
    page = open_page(name, has_scripts=has_scripts)
    page.goto("/contacts/add")
    page.locator("[name=last_name]").fill("O'Neil <i>Gómez</i>")
    page.locator("[name=notes]").fill("first line\nsecond “line”")
    with live_server.app.app_context():
        end_sessions(db.session(), SignInSession, [user_id], "ended")
        db.session.commit()
    save(page)
    with page.context.expect_page() as opened:
        page.locator("a[href='/login/'][target]").filter(visible=True).click()
    submit_password(opened.value, name)
    opened.value.wait_for_url(START)
    if has_scripts:
        page.locator("#signed-out [data-again]").click()
    else:
        # The first time it comes back with the token of the new session.
        page.locator("main form .btn-primary").click()
        page.locator("main form .btn-primary").click()
    page.wait_for_url(re.compile("/contacts/show/"))
    expect(page.locator("h1")).to_have_text("O'Neil <i>Gómez</i>")
    assert "first line\nsecond “line”" in page.locator("main").inner_text()
