"""Roles and permissions in the browser."""

from __future__ import annotations

from app.security.areas import Area, Level
from tests.browser.playwright import expect
from tests.browser.screens import add_contact, answer, unique_name


def test_a_level_ticks_its_permissions_and_ticks_select_the_level(page):
    page.goto("/roles/add")
    area = page.locator("[data-area]").first
    boxes = area.locator("input[type=checkbox]")

    def choose(level: Level) -> None:
        radio = page.locator(f"[type=radio][data-level='{level:d}']")
        area.locator("label", has=radio).click()

    choose(Level.EDIT)
    expect(area.locator("input[type=checkbox]:not(:checked)")).to_have_count(0)
    choose(Level.READ)
    assert 0 < area.locator("input[type=checkbox]:checked").count() < boxes.count()
    area.locator("summary").click()
    area.locator("input[type=checkbox]:not(:checked)").first.check()
    expect(area.locator("[data-between]")).to_be_visible()
    choose(Level(0))
    expect(area.locator("input[type=checkbox]:checked")).to_have_count(0)
    expect(area.locator("[data-between]")).to_be_hidden()
    page.locator("form[data-guard]").evaluate("form => form.reset()")
    page.once("dialog", lambda dialog: dialog.accept())


def test_a_contact_is_given_a_user_account_on_their_page(page, live_server):
    name = unique_name()
    contact = add_contact(live_server, last_name=name, email=f"{name}@example.org")
    page.goto(f"/contacts/show/{contact.id}?tab=access")
    page.locator("form[action*='/access/give/'] button").click()
    answer(page)
    expect(page.locator(".note-success")).to_be_visible()
    rights = page.locator("form[action*='/users/rights/']")
    levels = rights.locator(f"[role=radiogroup][aria-labelledby$='-{Area.CONTACTS.value}'] label")
    levels.nth(Level.READ).click()
    with page.expect_navigation(url="**/contacts/show/*?tab=access"):
        rights.locator(".card-foot .btn-primary").click()
    expect(levels.nth(Level.READ).locator("input")).to_be_checked()
