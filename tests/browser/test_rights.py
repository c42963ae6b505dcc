"""Roles and permissions in the browser."""

from __future__ import annotations

import re
from uuid import uuid4

from playwright.sync_api import expect


def test_a_level_ticks_its_permissions_and_ticks_select_the_level(page):
    page.goto("/roles/add")
    contacts = page.locator("[data-area]").first
    every = contacts.locator("input[type=checkbox]")
    contacts.get_by_text("edit", exact=True).click()
    expect(contacts.locator("input[type=checkbox]:not(:checked)")).to_have_count(0)
    contacts.get_by_text("read", exact=True).click()
    assert 0 < contacts.locator("input[type=checkbox]:checked").count() < every.count()
    contacts.locator("summary").click()
    contacts.get_by_label("delete").first.check()
    expect(contacts.locator("[data-between]")).to_be_visible()
    contacts.get_by_text("forbidden", exact=True).click()
    expect(contacts.locator("input[type=checkbox]:checked")).to_have_count(0)
    expect(contacts.locator("[data-between]")).to_be_hidden()
    page.locator("form[data-guard]").evaluate("form => form.reset()")
    page.once("dialog", lambda dialog: dialog.accept())


def test_a_contact_is_given_a_user_account_on_their_page(page):
    name = uuid4().hex[:8]
    page.goto("/contacts/add")
    page.get_by_label("Last name").fill(f"Ruiz {name}")
    page.get_by_label("E-mail", exact=True).fill(f"{name}@example.org")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Access rights").click()
    page.get_by_role("button", name="Give back-office access").click()
    page.locator("dialog[open]").get_by_role("button", name="Give access").click()
    expect(page.get_by_text("Invitation sent.")).to_be_visible()
    rights = page.get_by_role("form", name="Change rights")
    rights.get_by_role("radiogroup", name="Contacts").get_by_text("read").click()
    rights.get_by_role("button", name="Save rights").click()
    page.wait_for_url(re.compile(r"/contacts/show/\d+\?tab=access"))
    row = page.get_by_role("row", name="Contacts")
    expect(row).to_contain_text("Contacts: read")
