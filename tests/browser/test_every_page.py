"""Accessibility of the main pages in both themes and languages, and layout on a phone."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

PAGES = (
    "/contacts/list/",
    "/contacts/list/?country__is=ES&q=a",
    "/contacts/list/?q=zzzzzz",
    "/contacts/show/1",
    "/contacts/show/1?tab=log",
    "/contacts/show/1?tab=access",
    "/contacts/show/1?tab=sight",
    "/contacts/show/1?tab=sight&who=admin",
    "/contacts/add",
    "/contacts/edit/1",
    "/contacts/trash/list/",
    "/contacts/filters",
    "/contacts/columns",
    "/contacts/views/new",
    "/contacts/import",
    "/repositories/",
    "/accounts/list/",
    "/accounts/show/1",
    "/accounts/edit/1",
    "/entities/list/",
    "/tags/list/",
    "/tags/edit/1",
    "/users/list/",
    "/users/add",
    "/users/show/1",
    "/users/show/1?tab=access",
    "/users/show/1?tab=keys",
    "/users/trash/list/",
    "/account/",
    "/roles/list/",
    "/roles/edit/1",
    "/roles/show/1",
    "/roles/add",
    "/account/two-factor/",
    "/account/sessions/",
    "/account/password/",
    "/account/keys/",
    "/account/api/",
    "/security/",
    "/security/?part=sessions",
    "/security/?part=all",
    "/outbox/",
    "/jobs/",
    "/search?q=garcia",
)
PHONE = {"width": 390, "height": 844}

both_languages = pytest.mark.parametrize("language", ["en", "es"])
both_themes = pytest.mark.parametrize("theme", ["light", "dark"])


def violations(page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url}: {each['id']}: {node['html'][:160]}"
        for each in found
        for node in each["nodes"]
    ]


@both_languages
@both_themes
def test_axe_finds_no_violations(open_page, language, theme):
    page = open_page(color_scheme=theme)
    page.goto("/contacts/list/")
    page.locator(f".segment button[value={language}]").click()
    found = []
    for address in PAGES:
        page.goto(address)
        found += violations(page)
    page.locator(".segment button[value=en]").first.click()
    assert found == []


@both_languages
@both_themes
def test_axe_finds_no_violations_on_the_login_page(open_page, language, theme):
    page = open_page(visitor=True, color_scheme=theme, locale=language)
    page.goto("/login/")
    assert page.locator("html").get_attribute("lang") == language
    assert violations(page) == []


def test_no_page_scrolls_horizontally_on_a_phone(open_page):
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    wide = []
    for address in PAGES:
        page.goto(address)
        width = page.evaluate("document.scrollingElement.scrollWidth")
        if width > PHONE["width"]:
            wide.append((address, width))
    assert wide == []
    # This page needs an uploaded file.
    page.goto("/contacts/import")
    people = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"Name;City\nAna;Bilbao\n"}
    page.locator("input[type=file]").set_input_files(people)
    page.locator("main .btn-primary").tap()
    page.locator("#import-form").wait_for()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]


def test_the_current_tab_is_visible_on_a_phone(open_page):
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    page.goto("/account/keys/")
    tab = page.locator(".tabs [aria-current]")
    expect(tab).to_be_in_viewport(ratio=0.9)


def test_the_menu_opens_and_closes_on_a_phone(open_page):
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    page.goto("/contacts/list/")
    page.get_by_role("link", name="Open menu").tap()
    page.locator("#side").get_by_role("link", name="Accounts", exact=True).tap()
    page.wait_for_url("**/accounts/list/")


def test_every_menu_link_opens_a_page(open_page):
    page = open_page()
    page.goto("/contacts/list/")
    links = page.locator("#side .side-scroll a").evaluate_all("all => all.map(a => a.href)")
    assert len(links) >= 8
    for link in links:
        assert page.goto(link).status == 200


def test_the_skip_link_is_first_and_leads_to_the_content(open_page):
    page = open_page()
    page.goto("/contacts/list/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
