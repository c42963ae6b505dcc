"""Contacts in the browser: search, add, edit, duplicate, delete, restore."""

from __future__ import annotations

import re
from itertools import count

import pytest
from playwright.sync_api import Page, expect

_number = count(1)


@pytest.fixture
def unique_last_name() -> str:
    """Return a last name that no contact has."""
    return f"Prueba{next(_number):03d}"


def add_contact(page: Page, last_name: str, **fields: str) -> None:
    page.goto("/contacts/add")
    page.get_by_label("Last name").fill(last_name)
    for label, value in fields.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(value)
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text(last_name)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def choose_in_menu(page: Page, choice: str) -> None:
    page.locator("main summary[aria-label='More']").click()
    page.locator("main").get_by_text(choice, exact=True).first.click()


def test_a_failed_login_shows_an_error_and_a_successful_one_opens_the_list(open_page):
    page = open_page(visitor=True)
    page.goto("/contacts/list/?q=ana")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Wrong username or password.")).to_be_visible()
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("demo-padron-2026")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/contacts/list/\?q=ana"))


def test_the_search_palette_works_by_keyboard(page, unique_last_name):
    add_contact(page, unique_last_name, First_name="Íñigo")
    page.goto("/accounts/list/")
    page.keyboard.press("Control+k")
    page.keyboard.type(f"inigo {unique_last_name[-6:]}")
    expect(page.locator("#palette-list").get_by_role("option").first).to_contain_text(
        unique_last_name
    )
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(unique_last_name)


def test_escape_closes_the_palette(page):
    page.goto("/contacts/list/")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_an_error_is_shown_beside_its_field_and_the_typed_text_stays(page, unique_last_name):
    page.goto("/contacts/add")
    page.get_by_label("Last name").fill(unique_last_name)
    page.get_by_label("E-mail", exact=True).fill("nobody")
    page.get_by_label("City", exact=True).fill("Cáceres")
    save(page)

    field = page.get_by_label("E-mail", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("nobody")
    expect(page.get_by_label("City", exact=True)).to_have_value("Cáceres")
    expect(page.get_by_role("alert")).to_contain_text("is not an e-mail address")
    expect(page.get_by_label("Last name")).to_have_value(unique_last_name)

    field.fill("someone@example.org")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text(unique_last_name)


def test_a_change_of_a_contact_is_logged(page, unique_last_name):
    add_contact(page, unique_last_name, City="Cáceres")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("City", exact=True).fill("Badajoz")
    save(page)
    expect(page.locator("main")).to_contain_text("Badajoz")
    page.get_by_role("link", name="Log", exact=True).click()
    entry = page.locator("main")
    expect(entry).to_contain_text("Cáceres")
    expect(entry).to_contain_text("Badajoz")
    expect(entry).to_contain_text("Admin")


def test_a_duplicate_has_the_same_values(page, unique_last_name):
    add_contact(page, unique_last_name, City="Cáceres")
    choose_in_menu(page, "Duplicate")
    expect(page.get_by_label("Last name")).to_have_value(unique_last_name)
    expect(page.get_by_label("City", exact=True)).to_have_value("Cáceres")
    expect(page.get_by_label("Member number")).to_have_value("")
    page.get_by_label("First name").fill("Copia")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Copia {unique_last_name}")


def delete(page: Page) -> None:
    choose_in_menu(page, "Delete")
    page.locator("#ask").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("/contacts/list/"))


def test_deleting_asks_for_confirmation_and_can_be_undone(page, unique_last_name):
    add_contact(page, unique_last_name)
    choose_in_menu(page, "Delete")
    page.locator("#ask").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(unique_last_name)
    page.keyboard.press("Escape")
    page.reload()

    delete(page)
    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text(unique_last_name)


def test_a_contact_is_restored_from_the_trash(page, unique_last_name):
    add_contact(page, unique_last_name)
    delete(page)
    page.goto(f"/contacts/trash/list/?q={unique_last_name}")
    page.locator("table").get_by_role("checkbox", name=unique_last_name).check()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("1 file is back.")).to_be_visible()
    page.goto(f"/contacts/list/?q={unique_last_name}")
    expect(page.locator("table").get_by_role("link", name=unique_last_name)).to_be_visible()


def test_leaving_a_changed_form_warns(page):
    page.goto("/contacts/add")
    page.get_by_label("Last name").fill("Nobody")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto("/contacts/list/")
    assert asked == ["beforeunload"]


def test_a_concurrent_edit_shows_the_conflict(open_page, page, unique_last_name):
    add_contact(page, unique_last_name, City="Cáceres")
    address = page.url.replace("/show/", "/edit/")
    page.goto(address)
    other = open_page()
    other.goto(address)
    other.get_by_label("City", exact=True).fill("Badajoz")
    save(other)
    page.get_by_label("City", exact=True).fill("Mérida")
    save(page)
    expect(page.get_by_role("alert").first).to_contain_text("Somebody else saved this file")
    expect(page.get_by_label("City", exact=True)).to_have_value("Mérida")
    page.get_by_role("button", name="Use saved value").click()
    expect(page.get_by_label("City", exact=True)).to_have_value("Badajoz")
    save(page)
    expect(page.locator("main")).to_contain_text("Badajoz")


def test_the_picker_finds_an_account_by_a_part_of_its_name(page, unique_last_name):
    page.goto("/contacts/add")
    page.get_by_label("Last name").fill(unique_last_name)
    field = page.locator("[data-field='account']")
    field.locator("input:visible, [role=combobox]:visible").first.click()
    page.keyboard.type("guadiana")
    page.get_by_role("option", name="Transportes Guadiana").click()
    save(page)
    page.wait_for_url(re.compile("/contacts/show/"))
    expect(page.locator("main")).to_contain_text("Transportes Guadiana")
