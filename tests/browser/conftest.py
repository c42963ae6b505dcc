"""A served program with demo data, and a browser that forgives nothing."""

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
# Milliseconds: the machine of the tests may be busy with others.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


def pytest_collection_modifyitems(items):
    """Keep these tests in one process, which serves the program once."""
    for item in items:
        if Path(__file__).parent in Path(item.path).parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """Serve the program as ``make run`` does, on a port of its own; give it and its address."""
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
    """Give the address of the served program."""
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
    """Sign in once, through the door, and keep the cookie."""
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{address}/login/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/contacts/list/"))
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def open_page(chromium, address, signed_in):
    """Give pages in which any error of a script, a policy or the server fails the test."""
    contexts, wrong = [], []

    def open_(*, visitor: bool = False, **options):
        options = {"locale": "en-GB", "viewport": {"width": 1440, "height": 900}} | options
        if not visitor:
            options["storage_state"] = signed_in
        context = chromium.new_context(base_url=address, reduced_motion="reduce", **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
        page.on("console", lambda note: wrong.append(note.text) if _is_wrong(note) else None)
        page.on(
            "response",
            lambda reply: (
                wrong.append(f"{reply.status} {reply.url}")
                if reply.status >= 500 or reply.status == 404
                else None
            ),
        )
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


def _is_wrong(note) -> bool:
    # Chromium reports a form that came back with its mistakes (409, 422) as a failed load.
    return note.type in ("error", "warning") and "Failed to load resource" not in note.text


@pytest.fixture
def page(open_page):
    """Give a page of the signed-in administrator, in English, on a desktop."""
    page = open_page()
    yield page
    # A page of its own: the test's may still be on its way somewhere.
    page = page.context.new_page()
    page.goto("/contacts/list/")
    if page.locator("html").get_attribute("lang") != "en":
        page.get_by_role("button", name="EN: English").click()
