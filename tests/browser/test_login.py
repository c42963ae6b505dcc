"""Login in the browser: two-factor login, optional and required, and an expired session."""

from __future__ import annotations

import re
from time import time

import pyotp
import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.entities.queries import get_root
from app.extensions import db
from app.security.areas import Area, Level
from app.security.passwords import hash_password
from app.security.roles import role_name
from app.security.sessions import end_sessions
from app.security.two_factor import STEP_SECONDS
from app.staff.models import StaffUser

PASSWORD = "lluvia tractor violín nogal"
LIST = re.compile("/contacts/list/")


@pytest.fixture
def editor(served):
    """Create a user who edits contacts; return a function that changes their row."""
    with served[0].app_context():
        number = len(db.session.scalars(select(StaffUser.id)).all())
        role = select(Role).where(Role.name == role_name(Area.CONTACTS, Level.EDIT))
        user = StaffUser(
            username=f"rosa{number}", first_name="Rosa", last_name="Núñez", active=True,
            email=f"rosa{number}@example.org", password=hash_password(PASSWORD),
            entity=get_root(db.session()),
        )  # fmt: skip
        user.roles = [db.session.scalars(role).one()]
        db.session.add(user)
        db.session.commit()
        return user.username, user.id


def submit_password(page, name):
    page.goto("/login/?next=/contacts/list/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def displayed_secret(page) -> str:
    page.locator("summary", has_text="cannot be scanned").click()
    assert page.locator("img.qr").evaluate("image => image.naturalWidth") > 100
    return page.locator(".secret").inner_text().replace(" ", "")


def set_up_second_factor(page) -> tuple[str, list[str]]:
    secret = displayed_secret(page)
    page.get_by_label("Type the code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn on").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    return secret, page.locator(".recovery-codes code").all_inner_texts()


def test_two_factor_login_is_turned_on_used_and_turned_off(open_page, editor):
    page = open_page(visitor=True)
    submit_password(page, editor[0])
    page.wait_for_url(LIST)
    page.goto("/account/two-factor/")
    page.get_by_label("Current password").fill(PASSWORD)
    _secret, codes = set_up_second_factor(page)
    assert len(set(codes)) == 10

    other = open_page(visitor=True)
    submit_password(other, editor[0])
    other.get_by_label("Code of six digits").fill("000000")
    other.get_by_role("button", name="Continue").click()
    other.get_by_text("This code opens nothing").wait_for()
    other.get_by_label("Code of six digits").fill(codes[0].lower())
    other.get_by_role("button", name="Continue").click()
    other.wait_for_url(LIST)

    other.goto("/account/two-factor/")
    other.get_by_text("You have 9 recovery codes left.").wait_for()
    other.get_by_label("Current password").fill(PASSWORD)
    other.get_by_label("Code of six digits").fill(codes[1])
    other.get_by_role("button", name="Turn off").click()
    other.locator("#ask").get_by_role("button", name="Turn off").click()
    other.get_by_role("heading", name="Two-factor authentication is off").wait_for()


def test_a_role_that_requires_two_factor_login_enforces_it_at_the_next_login(
    open_page, served, editor
):
    with served[0].app_context():
        role = Role(name=f"With a telephone {editor[1]}", needs_second_factor=True)
        user = db.session.get(StaffUser, editor[1])
        user.roles = [*user.roles, role]
        db.session.commit()
    page = open_page(visitor=True)
    submit_password(page, editor[0])
    page.get_by_role("heading", name="Set up two-factor authentication").wait_for()
    page.goto("/contacts/list/")
    page.get_by_role("heading", name="Sign in to Padrón").wait_for()
    page.goto("/login/setup")
    secret, _codes = set_up_second_factor(page)
    page.get_by_role("link", name="I have kept them").click()
    page.wait_for_url(LIST)

    again = open_page(visitor=True)
    submit_password(again, editor[0])
    # The code of the next half minute: the one of this was used to set it up.
    again.get_by_label("Code of six digits").fill(
        pyotp.TOTP(secret).at(int(time()) + STEP_SECONDS)
    )
    again.get_by_role("button", name="Continue").click()
    again.wait_for_url(LIST)


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_form_submitted_after_the_session_ended_can_be_saved(
    has_scripts, open_page, served, editor
):
    page = open_page(visitor=True, java_script_enabled=has_scripts)
    submit_password(page, editor[0])
    page.wait_for_url(LIST)
    page.goto("/contacts/add")
    page.locator("#last_name").fill("O'Neil <i>Gómez</i>")
    notes = page.locator("[name=notes]")
    notes.fill("first line\nsecond “line”")
    with served[0].app_context():
        end_sessions(db.session(), [editor[1]], "ended")
        db.session.commit()
    page.get_by_role("button", name="Save", exact=True).click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in in a new tab").click()
    tab = opened.value
    submit_password(tab, editor[0])
    tab.wait_for_url(LIST)
    if has_scripts:
        page.get_by_role("button", name="Save now").click()
    else:
        page.get_by_role("button", name="Send again").click()
        page.get_by_role("button", name="Send again").click()
    page.wait_for_url(re.compile("/contacts/show/"))
    page.get_by_role("heading", name="O'Neil <i>Gómez</i>").wait_for()
    assert "first line\nsecond “line”" in page.locator("main").inner_text()
