"""A forgotten password: from the login page over the mail to the next login."""

from __future__ import annotations

from app.outbox.delivery import deliver_due
from tests.browser.axe import find_violations

NEW_PASSWORD = "tren verde caracol martillo"


def test_a_forgotten_password_can_be_reset(open_page, live_server):
    app = live_server.app
    name = live_server.add_user(language="es")
    page = open_page(visitor=True, language="es")
    page.goto("/login/")
    page.locator("a[href='/login/forgotten']").click()
    page.locator("#name").fill(name)
    page.locator("main form button.btn-primary").click()
    page.wait_for_selector(".banner")
    violations = find_violations(page)
    with app.app_context():
        deliver_due(app)

    administrator = open_page()
    administrator.goto("/outbox/")
    administrator.locator(".mail").first.click()
    link = administrator.locator(".mail-part pre a").first.get_attribute("href")
    frame = administrator.frame_locator(".mail-part iframe")
    assert frame.locator("h1").inner_text()
    violations += find_violations(administrator)

    # The settings do not know the port of the server.
    assert link.startswith(f"{app.config['PUBLIC_URL']}/login/choose/")
    page.goto(link.removeprefix(app.config["PUBLIC_URL"]))
    page.locator("#password").fill("short")
    page.locator("main form button.btn-primary").click()
    page.wait_for_selector("#password-error")
    violations += find_violations(page)
    page.locator("#password").fill(NEW_PASSWORD)
    page.locator("#again").fill(NEW_PASSWORD)
    page.locator("main form button.btn-primary").click()
    # Logged in at once.
    page.wait_for_url(lambda url: "/login/" not in url)
    assert violations == []
