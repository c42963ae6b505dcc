"""Fixtures: one running server with demo data, one Chromium, pages that fail on any error."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.browser.context_pool import ContextPool
from tests.browser.live_server import ENGLISH, start_server
from tests.browser.playwright import sync_playwright

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture(scope="session")
def page_errors():
    """Return the list of script, CSP and server errors of the pages that are open."""
    return []


@pytest.fixture(scope="session")
def live_server(tmp_path_factory, page_errors):
    """Serve the application once for all tests."""
    with start_server(tmp_path_factory.mktemp("served"), page_errors) as server:
        yield server


@pytest.fixture(scope="session")
def chromium():
    """Start Chromium once."""
    if not Path(CHROMIUM).exists():
        sentence = "Chromium is not installed (Debian's package chromium)"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def context_pool(chromium, live_server, page_errors):
    """Return what opens pages and closes them."""
    return ContextPool(chromium, live_server, page_errors)


@pytest.fixture
def open_page(context_pool):
    """Yield a function that opens pages; script, CSP and server errors fail the test."""

    def open_(user: str | None = ENGLISH, *, visitor: bool = False, **options):
        return context_pool.open_page(None if visitor else user, **options)

    yield open_
    assert context_pool.reset() == []


@pytest.fixture
def page(open_page):
    """Return a desktop page of a logged-in administrator, in English."""
    return open_page()


@pytest.fixture
def visitor_page(open_page):
    """Return a desktop page in which nobody is logged in."""
    return open_page(None)
