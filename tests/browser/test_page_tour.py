"""All pages, each opened once: accessibility, errors, layout on a phone, and links."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.browser.axe import find_violations
from tests.browser.context_pool import PHONE
from tests.browser.page_urls import find_pages
from tests.browser.playwright import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

LINKS = "[...document.querySelectorAll('a[href]')].map((link) => link.href)"
# They speak the browser's language, unless a part of the page stands in for them.
BARE_INPUTS = """[...document.querySelectorAll(
    "input:is([type=date], [type=datetime-local], [type=time], [type=month], [type=week], [type=file])")]
    .filter((input) => !input.closest("[data-date], [data-file]"))
    .map((input) => `${location.pathname}: ${input.name}`)"""
BROKEN_ANCHORS = """[...document.querySelectorAll("a[href^='#']")]
    .map((link) => link.getAttribute("href"))
    .filter((href) => !document.getElementById(href.slice(1)))"""


@dataclass
class Findings:
    """The problems found on all pages."""

    user: str
    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    # Where each link of a page was first found.
    links: dict[str, str] = field(default_factory=dict)


# Tests run in random order, so a fixture of the module would be made several times.
@pytest.fixture(scope="session")
def tour(live_server, context_pool):
    """Open every page: in English on a desktop, then in Spanish on a phone."""
    user = live_server.add_user()
    pages = find_pages(live_server, user)
    found = Findings(user)
    for name, urls in ((user, pages.administrator), (None, pages.visitor)):
        page = context_pool.open_page(name)
        for url in urls:
            page.goto(url)
            found.violations += find_violations(page)
            found.links = dict.fromkeys(page.evaluate(LINKS), url) | found.links
            found.bare += page.evaluate(BARE_INPUTS)
            found.anchors += [f"{url}: {href}" for href in page.evaluate(BROKEN_ANCHORS)]
    live_server.set_language(user, "es")
    for name, urls in ((user, pages.administrator), (None, pages.visitor)):
        page = context_pool.open_page(name, is_phone=True, language="es")
        for url in urls:
            page.goto(url)
            found.wide += find_overflow(page)
    live_server.set_language(user, "en")
    found.errors = context_pool.reset()
    return found


def find_overflow(page: Page) -> list[str]:
    """Return a message if a page on a phone is wider than the screen."""
    width = page.evaluate("document.scrollingElement.scrollWidth")
    return [f"{page.url}: {width} pixels"] if width > PHONE["width"] else []


def test_axe_finds_no_violations(tour):
    assert tour.violations == []


def test_no_page_reports_an_error(tour):
    assert tour.errors == []


def test_no_page_scrolls_horizontally_on_a_phone(tour):
    assert tour.wide == []


def test_no_input_speaks_the_browsers_language(tour):
    assert tour.bare == []


def test_every_anchor_is_on_its_page(tour):
    assert tour.anchors == []


def test_every_link_leads_to_a_page(tour, live_server):
    samples = {}
    for link, page in tour.links.items():
        url = urlsplit(link)
        if f"{url.scheme}://{url.netloc}" == live_server.url:
            with live_server.app.test_request_context(url.path, method="GET") as context:
                rule = str(context.request.url_rule or url.path)
            # One link of each kind: those of a list differ in a number alone.
            names = tuple(sorted({name for name, _value in parse_qsl(url.query)}))
            samples[rule, names] = (f"{url.path}?{url.query}", page)
    assert len(samples) > 50
    broken = []
    with live_server.app.app_context():
        client = live_server.app.test_client()
        cookie = live_server.session_cookie(tour.user)
        client.set_cookie(cookie["name"], cookie["value"])
        for path, page in samples.values():
            reply = client.get(path, buffered=True)
            if reply.status_code >= 400:
                broken.append(f"{page}: {path}: {reply.status_code}")
    assert broken == []


def test_the_current_tab_is_visible_on_a_phone(open_page):
    page = open_page(is_phone=True)
    page.goto("/account/keys/")
    expect(page.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=0.9)


def test_the_menu_opens_and_closes_on_a_phone(open_page):
    page = open_page(is_phone=True)
    page.goto("/contacts/list/")
    link = page.locator("#side a[href='/accounts/list/']")
    expect(link).not_to_be_in_viewport()
    page.locator("[data-side=open]").tap()
    page.locator("#side [data-side=close]").tap()
    expect(link).not_to_be_in_viewport()
    page.locator("[data-side=open]").tap()
    link.tap()
    page.wait_for_url("**/accounts/list/")


def test_the_skip_link_is_first_and_leads_to_the_content(page):
    page.goto("/contacts/list/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
