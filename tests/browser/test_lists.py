"""Lists in the browser: filters, saved views, columns, paging, language and theme."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def rows(page: Page):
    return page.locator("table.rows tbody tr")


def test_a_filter_is_shown_as_a_chip_and_can_be_removed(page):
    page.goto("/contacts/list/")
    everybody = page.locator(".count").inner_text()
    page.get_by_role("link", name="Add filter").click()
    panel = page.locator("#panel")
    panel.get_by_placeholder("Find a filter").fill("city")
    panel.locator("summary", has_text="City").click()
    form = panel.locator("details[open] form")
    form.get_by_label("City", exact=True).fill("bilb")
    form.get_by_role("button", name="Add filter").click()

    chip = page.locator(".filters .pill", has_text="bilb")
    expect(chip).to_be_visible()
    expect(page).to_have_url(re.compile("city__contains=bilb"))
    assert page.locator(".count").inner_text() != everybody

    chip.get_by_role("link").click()
    expect(page.locator(".filters .pill", has_text="bilb")).to_have_count(0)
    expect(page.locator(".count")).to_have_text(everybody)


def test_a_view_is_saved_and_deleted(page):
    page.goto("/contacts/list/?country__is=ES&sort=-name")
    page.get_by_role("link", name="Save view").click()
    page.locator("#panel").get_by_label("Name").fill("Spaniards")
    page.locator("#panel").get_by_role("button", name="Save view").click()
    tab = page.locator(".tabs").get_by_role("link", name="Spaniards")
    expect(tab).to_have_attribute("aria-current", "page")
    page.goto("/contacts/list/")
    page.locator(".tabs").get_by_role("link", name="Spaniards").click()
    expect(page).to_have_url(re.compile("country__is=ES"))
    page.get_by_role("button", name="Delete view").click()
    page.locator("#ask").get_by_role("button", name="Delete").click()
    expect(page.locator(".tabs").get_by_role("link", name="Spaniards")).to_have_count(0)


def test_columns_and_page_size_are_saved(page):
    page.goto("/contacts/list/")
    page.get_by_role("link", name="Columns").click()
    panel = page.locator("#panel")
    panel.get_by_label("Birth date").check()
    panel.locator("label", has_text=re.compile("^25$")).click()
    panel.get_by_role("button", name="Save").click()
    expect(page.get_by_role("columnheader", name="Birth date")).to_be_visible()
    page.goto("/contacts/list/")
    expect(page.get_by_role("columnheader", name="Birth date")).to_be_visible()
    expect(rows(page)).to_have_count(25)
    page.get_by_role("link", name="Columns").click()
    page.get_by_role("button", name="Reset to default").click()
    expect(page.get_by_role("columnheader", name="Birth date")).to_have_count(0)


def test_the_pager_goes_forwards_and_backwards(page):
    page.goto("/contacts/list/?size=25")
    first = rows(page).first.inner_text()
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".count")).to_contain_text("26–50")
    assert rows(page).first.inner_text() != first
    page.get_by_role("link", name="Previous page").click()
    expect(page.locator(".count")).to_contain_text("1–25")
    assert rows(page).first.inner_text() == first
    page.get_by_role("link", name="Last page").click()
    expect(page.get_by_role("link", name="Next page")).to_have_count(0)
    page.get_by_role("link", name="First page").click()
    assert rows(page).first.inner_text() == first


def test_a_column_heading_sorts_and_reverses(page):
    page.goto("/contacts/list/")
    heading = page.get_by_role("columnheader", name="Name").first
    heading.get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Name").first).to_have_attribute(
        "aria-sort", re.compile("ascending|descending")
    )


def test_the_list_is_searched_on_submit(page):
    page.goto("/contacts/list/")
    field = page.get_by_role("searchbox", name="Search in this list")
    field.fill("zzzzzz")
    field.press("Enter")
    expect(rows(page)).to_have_count(0)
    expect(page.locator("main")).not_to_contain_text("Traceback")


def test_the_language_is_switched_and_saved(page):
    page.goto("/contacts/list/?sort=-name")
    page.get_by_role("button", name="ES: Español").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page).to_have_url(re.compile("sort=-name"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Contactos")
    page.goto("/accounts/list/")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.get_by_role("button", name="EN: English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_theme_is_switched_and_saved(page):
    page.goto("/contacts/list/")
    for theme in ("Dark", "Light", "Use system setting"):
        page.locator(".theme-menu summary").click()
        with page.expect_response("**/theme"):
            page.get_by_role("button", name=theme).click()
        kept = {"Dark": "dark", "Light": "light", "Use system setting": "auto"}[theme]
        expect(page.locator("html")).to_have_attribute("data-theme", kept)
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-theme", kept)
