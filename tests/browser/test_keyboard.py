"""Collective actions by keyboard: select rows, run an action, undo it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.test_every_page import both_languages
from tests.browser.test_operations import (
    LIST,
    WORDS,
    _reset_language,
    action_bar_text,
    switch_language,
    tag,
)

# Imported fixtures.
__all__ = ["_reset_language", "tag"]


def tab_to(page, selector: str, key: str = "Tab") -> None:
    """Press Tab until something has the focus, and never lose it on the way."""
    for _step in range(120):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached")


def focused(page, selector: str):
    expect(page.locator(selector).first).to_be_focused()


def open_preview_from_action_bar(page, tag: str) -> None:
    """Choose “Add a tag” in the menu that has the focus, and answer which."""
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-acts] button[value=add_tag]")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/operations/\d+/$"))
    tab_to(page, "select[name=tag]")
    page.keyboard.type(tag)
    tab_to(page, ".savebar .btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/preview")


@both_languages
def test_a_collective_action_is_done_and_undone_by_keyboard(open_page, tag, language):
    page, words = open_page(), WORDS[language]
    switch_language(page, language)
    page.goto(LIST)
    tab_to(page, "tbody tr:nth-child(1) input")
    page.keyboard.press("Space")
    tab_to(page, "tbody tr:nth-child(2) input")
    page.keyboard.press("Space")
    expect(action_bar_text(page)).to_contain_text(words["selected"].format(2))
    # Back and forth over the whole list: unticking the last tick leaves the focus where it is.
    tab_to(page, "[data-every]")
    page.keyboard.press("Space")
    expect(action_bar_text(page)).to_contain_text(words["all"])
    expect(page.locator("tbody input:checked")).to_have_count(25)
    page.keyboard.press("Space")
    expect(action_bar_text(page)).to_contain_text(words["selected"].format(25))
    tab_to(page, "[data-untick]")
    page.keyboard.press("Enter")
    expect(page.locator("[data-tick-all]")).to_be_focused()
    tab_to(page, "tbody tr:nth-child(1) input")
    # Nothing is ticked: there is nowhere to go to.
    page.keyboard.press("Enter")
    focused(page, "tbody tr:nth-child(1) input")
    page.keyboard.press("Space")

    # From the row to the bar and back, without the table between them; nothing is sent.
    page.keyboard.press("Enter")
    focused(page, "[data-acts] summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    focused(page, "[data-acts] summary")
    page.keyboard.press("Escape")
    focused(page, "tbody tr:nth-child(1) input")
    page.keyboard.press("Escape")
    expect(page.locator(".tickbar.is-up")).to_have_count(0)
    focused(page, "tbody tr:nth-child(1) input")
    page.keyboard.press("Space")
    tab_to(page, "[data-skip-link]", "Shift+Tab")
    page.keyboard.press("Enter")
    focused(page, "[data-acts] summary")
    open_preview_from_action_bar(page, tag)

    # Back to the questions, back to the list: the focus is where it was left.
    tab_to(page, ".savebar a")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/operations/\d+/$"))
    tab_to(page, ".savebar a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/contacts/list/**")
    expect(page.locator("tbody input:checked")).to_have_count(1)
    focused(page, "[data-acts] summary")
    open_preview_from_action_bar(page, tag)
    tab_to(page, ".savebar .btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/jobs/\d+/$"))
    tab_to(page, ".op-undo button")
    page.keyboard.press("Enter")
    expect(page.locator("#ask")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text(words["undo"])
    expect(page.locator("[data-state]")).to_have_text(words["done"])
