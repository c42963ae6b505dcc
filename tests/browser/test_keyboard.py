"""Collective actions by keyboard: select rows, run an action, undo it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.browser.playwright import expect
from tests.browser.screens import DRAFT_URL, JOB_URL, action_bar_text, job_state, tag

if TYPE_CHECKING:
    from playwright.sync_api import Page

# An imported fixture.
__all__ = ["tag"]

# Short rows: Tab passes through every link of a list.
LIST = "/contacts/list/?size=25&cols=name"


def tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Press Tab until an element has the focus."""
    for _step in range(120):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached")


def expect_focus(page: Page, selector: str) -> None:
    expect(page.locator(selector).first).to_be_focused()


def open_preview_from_action_bar(page: Page, tag: str) -> None:
    """Choose “Add a tag” in the menu that has the focus, and a tag."""
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect_focus(page, "[data-acts] button[value=add_tag]")
    page.keyboard.press("Enter")
    page.wait_for_url(DRAFT_URL)
    tab_to(page, "select[name=tag]")
    page.keyboard.type(tag)
    tab_to(page, ".savebar .btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/preview")


def test_rows_are_selected_by_keyboard(page):
    page.goto(LIST)
    tab_to(page, "tbody tr:nth-child(1) input")
    page.keyboard.press("Space")
    tab_to(page, "tbody tr:nth-child(2) input")
    page.keyboard.press("Space")
    expect(action_bar_text(page)).to_contain_text(re.compile(r"\b2\b"))
    # Select the whole list and back; clearing the selection keeps the focus in the list.
    tab_to(page, "[data-every]")
    page.keyboard.press("Space")
    expect(page.locator("tbody input:checked")).to_have_count(25)
    page.keyboard.press("Space")
    expect(action_bar_text(page)).to_contain_text(re.compile(r"\b25\b"))
    tab_to(page, "[data-untick]")
    page.keyboard.press("Enter")
    expect_focus(page, "[data-tick-all]")
    tab_to(page, "tbody tr:nth-child(1) input")
    # Nothing is ticked: Enter stays on the row.
    page.keyboard.press("Enter")
    expect_focus(page, "tbody tr:nth-child(1) input")
    page.keyboard.press("Space")

    # From the row to the bar and back, past the table; no form is sent.
    page.keyboard.press("Enter")
    expect_focus(page, "[data-acts] summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect_focus(page, "[data-acts] summary")
    page.keyboard.press("Escape")
    expect_focus(page, "tbody tr:nth-child(1) input")
    page.keyboard.press("Escape")
    expect(page.locator(".tickbar.is-up")).to_have_count(0)
    expect_focus(page, "tbody tr:nth-child(1) input")
    page.keyboard.press("Space")
    tab_to(page, "[data-skip-link]", "Shift+Tab")
    page.keyboard.press("Enter")
    expect_focus(page, "[data-acts] summary")


def test_a_collective_action_is_done_and_undone_by_keyboard(page, tag):
    page.goto(LIST)
    tab_to(page, "tbody tr:nth-child(1) input")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    open_preview_from_action_bar(page, tag)

    # Back to the questions and to the list: the focus is where it was.
    tab_to(page, ".savebar a")
    page.keyboard.press("Enter")
    page.wait_for_url(DRAFT_URL)
    tab_to(page, ".savebar a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/contacts/list/**")
    expect(page.locator("tbody input:checked")).to_have_count(1)
    expect_focus(page, "[data-acts] summary")
    open_preview_from_action_bar(page, tag)
    tab_to(page, ".savebar .btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url(JOB_URL)
    tab_to(page, ".op-undo button")
    page.keyboard.press("Enter")
    expect(page.locator("#ask")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".op-job dd a[href*='/jobs/']")).to_be_visible()
    expect(job_state(page)).to_be_visible()
