"""Pickers in the browser: a list that floats, choosing by keyboard, creating in place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.browser.playwright import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def picker(page: Page | Locator, field: str) -> Locator:
    """Return the input of a picker of the form."""
    return page.locator(f"[data-field='{field}'] [role=combobox]")


def open_filter(page: Page, name: str) -> Locator:
    """Open a column in the filter dialog; return its form."""
    page.goto("/contacts/list/")
    page.get_by_role("link", name="Add filter").first.click()
    panel = page.locator("#panel")
    panel.get_by_placeholder("Find a filter").fill(name)
    panel.locator("summary", has_text=name).first.click()
    return panel.locator("details[open] form")


def test_a_filter_is_added_at_the_first_click_and_nothing_moves(page):
    form = open_filter(page, "Type")
    form.get_by_role("combobox").last.click()
    options = page.get_by_role("option").filter(visible=True)
    expect(options.filter(has_text="Volunteer")).to_be_visible()
    button = form.get_by_role("button", name="Add filter")
    with_list = button.bounding_box()
    # A place that reads offers nothing to create.
    expect(options.filter(has_text="New")).to_have_count(0)
    page.keyboard.press("Escape")
    assert button.bounding_box() == with_list
    form.get_by_role("combobox").last.press_sequentially("volun")
    options.filter(has_text="Volunteer").click()
    button.click()
    expect(page).to_have_url(re.compile("type__"))


def test_what_a_picker_says_moves_nothing_while_the_pointer_is_down(page):
    form = open_filter(page, "Type")
    form.get_by_role("combobox").last.press_sequentially("nobody has this type")
    expect(page.get_by_role("option").filter(visible=True)).to_have_count(1)
    button, error = form.get_by_role("button", name="Add filter"), form.locator(".picker-error")
    before = button.bounding_box()
    # Above the list, which covers the button.
    place = page.locator("#panel h1, #panel h2").first.bounding_box()
    page.mouse.move(place["x"] + 2, place["y"] + 2)
    page.mouse.down()
    expect(page.get_by_role("option").filter(visible=True)).to_have_count(0)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert (button.bounding_box(), error.count()) == (before, 0)
    page.mouse.up()
    expect(error).to_have_text("Choose one from the list.")
    assert button.bounding_box() != before


def test_enter_chooses_in_a_filter_and_enter_again_applies_it(page):
    form = open_filter(page, "Type")
    box = form.get_by_role("combobox").last
    box.press_sequentially("volun")
    expect(page.get_by_role("option", name="Volunteer").filter(visible=True)).to_be_visible()
    box.press("Enter")
    box.press("Enter")
    expect(page).to_have_url(re.compile("type__"))


def test_tab_takes_the_highlighted_row_and_says_so_if_there_is_none(page):
    page.goto("/contacts/add")
    box = picker(page, "account")
    box.press_sequentially("guadiana")
    expect(page.get_by_role("option", name="Transportes Guadiana")).to_be_visible()
    box.press("Tab")
    expect(box).to_have_value(re.compile("Transportes Guadiana"))

    box.fill("nobody has this name")
    box.press("Tab")
    expect(box).to_have_value("nobody has this name")
    expect(page.locator("[data-field='account'] .picker-error")).to_have_text(
        "Choose one from the list."
    )
    # Saving does not throw the text away either.
    page.get_by_label("Last name").fill("Nadie")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(box).to_be_focused()
    expect(page).to_have_url(re.compile("/contacts/add"))
    box.fill("")
    box.press("Tab")
    expect(page.locator("[data-field='account'] .picker-error")).to_have_count(0)


def test_arrow_down_and_enter_take_the_only_match(page):
    page.goto("/contacts/add")
    box = picker(page, "account")
    box.press_sequentially("transportes guad")
    expect(page.get_by_role("option", name="Transportes Guadiana")).to_be_visible()
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value(re.compile("Transportes Guadiana"))
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_an_account_is_created_over_the_form_and_chosen(page):
    page.goto("/contacts/add")
    page.get_by_label("Last name").fill("Pendiente")
    box = picker(page, "account")
    box.press_sequentially("Imprenta Nueva")
    page.get_by_role("option", name="New account “Imprenta Nueva”").click()
    dialog = page.locator("#create")
    name = dialog.locator("[name=name]")
    expect(name).to_have_value("Imprenta Nueva")
    dialog.get_by_label("E-mail", exact=True).fill("nobody")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.get_by_label("E-mail", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(name).to_have_value("Imprenta Nueva")
    dialog.get_by_label("E-mail", exact=True).fill("imprenta@example.org")
    dialog.get_by_role("button", name="Save", exact=True).click()

    expect(dialog).to_be_hidden()
    expect(box).to_have_value("Imprenta Nueva")
    expect(box).to_be_focused()
    expect(page.get_by_label("Last name")).to_have_value("Pendiente")
    # What exists is not offered again.
    box.fill("imprenta nueva")
    expect(page.get_by_role("option", name="Imprenta Nueva")).to_be_visible()
    expect(page.locator(".picker-new")).to_have_count(0)
    box.press("Enter")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile("/contacts/show/"))
    expect(page.locator("main")).to_contain_text("Imprenta Nueva")


def test_a_tag_is_created_over_the_form_and_chosen(page):
    page.goto("/contacts/add")
    box = picker(page, "tags")
    box.press_sequentially("Recién creada")
    expect(page.locator(".picker-new")).to_contain_text("Recién creada")
    box.press("Enter")
    dialog = page.locator("#create")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_be_hidden()
    expect(page.locator("[data-field='tags'] .picker-item")).to_have_text(
        re.compile("Recién creada")
    )
