"""Elements of the screens, found by names and attributes that do not depend on the language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from app.contacts.models import Contact, Tag
from app.extensions import db
from tests.browser.live_server import LiveServer
from tests.factories import a_contact

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

JOB_URL = re.compile(r"/jobs/\d+/$")
DRAFT_URL = re.compile(r"/operations/\d+/$")


def unique_name() -> str:
    """Return a name that no row has."""
    return f"Zz{uuid4().hex[:8]}"


def add_contact(server: LiveServer, **fields: str) -> Contact:
    """Add a contact of the root entity to the database; return it detached."""
    with server.app.app_context():
        contact = a_contact("Federación", **fields)
        db.session.refresh(contact)
        db.session.expunge(contact)
    return contact


@pytest.fixture
def tag(live_server) -> str:
    """Add a tag that no contact has; return its label, the same in both languages."""
    label = unique_name()
    with live_server.app.app_context():
        db.session.add(Tag(label_en=label, label_es=label))
        db.session.commit()
    return label


def save(page: Page) -> None:
    """Press the button that saves a form."""
    page.locator("main .savebar .btn-primary").click()


def answer(page: Page, choice: str = "yes") -> None:
    """Answer the question asked before an action: yes or no."""
    page.locator(f"#ask [value={choice}]").click()


def press_delete(page: Page) -> None:
    """Choose Delete in the menu of a row's page."""
    button = page.locator("form[action*='/delete/'] button")
    menu = page.locator("main details", has=button)
    menu.locator("summary").click()
    menu.locator(button).click()


def tick_boxes(page: Page) -> Locator:
    """Return the checkboxes of the rows of a list."""
    return page.locator("table.rows tbody input")


def action_bar_text(page: Page) -> Locator:
    """Return the text of the action bar that says how many rows are ticked."""
    return page.locator("[data-tickbar] [role=status]")


def choose_action(page: Page, name: str) -> None:
    """Choose a collective action in the menu of the action bar."""
    page.locator("[data-acts] summary").click()
    page.locator(f"[data-acts] button[value={name}]").click()


def open_preview(page: Page, tag: str) -> None:
    """Choose the tag to add and go on to the preview."""
    page.locator("select[name=tag]").select_option(label=tag)
    save(page)
    page.wait_for_url("**/preview")


def preview_counts(page: Page) -> list[str]:
    """Return the numbers of the preview: rows to change, unchanged, refused, skipped."""
    return page.locator(".op-counts dd").all_inner_texts()


def run_button(page: Page) -> Locator:
    """Return the button of the preview that runs the action."""
    return page.locator("form[action$='/confirm'] .savebar button")


def go_to_page(page: Page, direction: str) -> None:
    """Follow the link to the next (after) or the previous (before) page of a list."""
    page.locator(f".pager a[href*='{direction}=']:not([href*=last])").click()


def job_state(page: Page) -> Locator:
    """Return the progress bar of a job that has ended with success."""
    return page.locator("[data-job]:not([data-live]) progress.is-done")


def undo_button(page: Page) -> Locator:
    """Return the button that undoes the operation of a job."""
    return page.locator("form[action$='/undo'] button")
