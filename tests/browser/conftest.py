"""Fixtures: a running server with demo data, and pages that fail on any script error."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright
from waitress.server import create_server

from app.extensions import db
from tests.databases import empty_database, make_app
from tests.servers import running

PASSWORD = "demo-padron-2026"
# The test machine may be busy.
TIMEOUT_MS = 20_000
expect.set_options(timeout=TIMEOUT_MS)
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """Serve the app as ``make run`` does, on a free port; yield (app, URL)."""
    folder = tmp_path_factory.mktemp("served")
    with empty_database("sqlite", folder) as url:
        app = make_app(url, folder, WTF_CSRF_ENABLED=True, ADMIN_PASSWORD=PASSWORD, TESTING=False)
        made = app.test_cli_runner().invoke(args=["setup"])
        assert made.exit_code == 0, made.output
        server = create_server(app, host="127.0.0.1", port=0, threads=4)
        with running(server):
            yield app, f"http://127.0.0.1:{server.effective_port}"
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="session")
def address(served):
    """Return the URL of the server."""
    return served[1]


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
def signed_in(chromium, address):
    """Log in once; return the browser's storage state with the session cookie."""
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{address}/login/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/contacts/list/"))
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def open_page(chromium, address, signed_in):
    """Yield a function that opens pages; script, CSP and server errors fail the test."""
    contexts, errors = [], []

    def open_(*, visitor: bool = False, **options):
        options = {"locale": "en-GB", "viewport": {"width": 1440, "height": 900}} | options
        if not visitor:
            options["storage_state"] = signed_in
        context = chromium.new_context(base_url=address, reduced_motion="reduce", **options)
        context.set_default_timeout(TIMEOUT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(f"script: {error}"))
        page.on(
            "console", lambda message: errors.append(message.text) if _is_error(message) else None
        )
        page.on(
            "response",
            lambda reply: (
                errors.append(f"{reply.status} {reply.url}")
                if reply.status >= 500 or reply.status == 404
                else None
            ),
        )
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []


def _is_error(message) -> bool:
    # Chromium reports a response of 409 or 422 as a failed load.
    return message.type in ("error", "warning") and "Failed to load resource" not in message.text


@pytest.fixture
def page(open_page):
    """Yield a desktop page of the logged-in administrator, in English."""
    page = open_page()
    yield page
    # A new page: that of the test may still be loading.
    page = page.context.new_page()
    page.goto("/contacts/list/")
    if page.locator("html").get_attribute("lang") != "en":
        page.get_by_role("button", name="EN: English").click()
