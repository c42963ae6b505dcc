"""Contacts in the browser: search, add, edit, delete, restore."""

from __future__ import annotations

import re

from tests.browser.playwright import expect
from tests.browser.screens import add_contact, press_delete, save, unique_name


def test_the_search_palette_works_by_keyboard(page, live_server):
    name = unique_name()
    add_contact(live_server, first_name="Íñigo", last_name=name)
    page.goto("/accounts/list/")
    page.keyboard.press("Control+k")
    page.keyboard.type(f"inigo {name[-6:]}")
    expect(page.locator("#palette-list [role=option]").first).to_contain_text(name)
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    page.keyboard.press("Control+k")
    page.keyboard.type(f"inigo {name[-6:]}")
    expect(page.locator("#palette-list [role=option]").first).to_contain_text(name)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text(name)


def test_an_error_is_shown_beside_its_field_and_the_typed_text_stays(page):
    name = unique_name()
    page.goto("/contacts/add")
    page.locator("[name=last_name]").fill(name)
    page.locator("[name=email]").fill("nobody")
    save(page)

    expect(page.locator("[name=email]")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[name=email]")).to_have_value("nobody")
    expect(page.locator("[name=last_name]")).to_have_value(name)
    expect(page.locator("main [role=alert]")).to_be_focused()
    page.locator("[name=email]").fill("someone@example.org")
    save(page)
    expect(page.locator("h1")).to_contain_text(name)


def test_deleting_asks_nothing_and_can_be_undone(page, live_server):
    contact = add_contact(live_server, last_name=unique_name())
    page.goto(f"/contacts/show/{contact.id}")
    press_delete(page)
    expect(page).to_have_url(re.compile("/contacts/list/"))
    page.locator(".note form button").click()
    expect(page.locator("h1")).to_contain_text(contact.last_name)


def test_a_contact_is_restored_from_the_trash(page, live_server):
    contact = add_contact(live_server, last_name=unique_name())
    page.goto(f"/contacts/show/{contact.id}")
    press_delete(page)
    expect(page).to_have_url(re.compile("/contacts/list/"))
    page.goto(f"/contacts/trash/list/?q={contact.last_name}")
    page.locator("table.rows tbody input").check()
    page.locator("[data-tickbar] button[value=restore]").click()
    expect(page.locator(".note-success")).to_be_visible()
    page.goto(f"/contacts/show/{contact.id}")
    expect(page.locator("h1")).to_contain_text(contact.last_name)


def test_leaving_a_changed_form_warns(page):
    page.goto("/contacts/add")
    page.locator("[name=last_name]").fill("Nobody")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto("/contacts/list/")
    assert asked == ["beforeunload"]


def test_a_concurrent_edit_shows_the_conflict(open_page, live_server):
    contact = add_contact(live_server, last_name=unique_name(), city="Cáceres")
    first, second = open_page(), open_page()
    for page, city in ((first, "Mérida"), (second, "Badajoz")):
        page.goto(f"/contacts/edit/{contact.id}")
        page.locator("[name=city]").fill(city)
    save(second)
    expect(second.locator("main")).to_contain_text("Badajoz")
    save(first)
    expect(first.locator("main [role=alert]").first).to_be_visible()
    expect(first.locator("[name=city]")).to_have_value("Mérida")
    first.locator("[data-use]").click()
    expect(first.locator("[name=city]")).to_have_value("Badajoz")
    save(first)
    expect(first.locator("main")).to_contain_text("Badajoz")
