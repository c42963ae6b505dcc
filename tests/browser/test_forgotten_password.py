"""From “Forgotten your password?” to signed in again, as a person does it, in both languages."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from app.entities.queries import get_root
from app.extensions import db
from app.mails.delivery import deliver_due
from app.staff.models import StaffUser

NEW = "tren verde caracol martillo"
WORDS = {
    "en": ("Forgotten your password?", "Send link", "Save password", "Sign in"),
    "es": ("¿Has olvidado tu contraseña?", "Enviar enlace", "Guardar contraseña",
           "Iniciar sesión"),
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_forgotten_password_can_be_reset(open_page, served, language):
    app, address = served
    name = f"olga-{language}"
    with app.app_context():
        db.session.add(
            StaffUser(
                username=name,
                first_name="Olga",
                last_name="Ruiz",
                email=f"{name}@example.org",
                active=True,
                password="!",
                language=language,
                entity=get_root(db.session()),
            )
        )
        db.session.commit()
    forgotten, send, keep, enter = WORDS[language]
    page = open_page(visitor=True, locale=language)
    page.goto("/login/")
    page.get_by_role("link", name=forgotten).click()
    page.locator("#name").fill(name)
    page.get_by_role("button", name=send).click()
    page.wait_for_selector(".banner")
    assert axe_violations(page) == []
    with app.app_context():
        deliver_due(app)

    # Not in the language of the mail: an administrator reads it in their own.
    reader = open_page()
    reader.goto("/outbox/")
    assert axe_violations(reader) == []
    reader.locator(".mail").first.click()
    link = reader.locator(".mail-part pre a").first.get_attribute("href")
    frame = reader.frame_locator(".mail-part iframe")
    assert frame.locator("h1").inner_text()
    assert axe_violations(reader) == []

    # The program is served on a port that its settings do not know.
    assert link.startswith(f"{app.config['PUBLIC_URL']}/login/choose/")
    page.goto(address + link.removeprefix(app.config["PUBLIC_URL"]))
    page.locator("#password").fill("short")
    page.get_by_role("button", name=keep).click()
    page.wait_for_selector("#password-error")
    assert axe_violations(page) == []
    page.locator("#password").fill(NEW)
    page.locator("#again").fill(NEW)
    page.get_by_role("button", name=keep).click()
    page.wait_for_url(re.compile("/login/$"))
    page.locator("#username").fill(name)
    page.locator("#password").fill(NEW)
    page.get_by_role("button", name=enter, exact=True).click()
    page.wait_for_url(re.compile("/(account|users/userinfo)"))


def axe_violations(page) -> list[str]:
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in Axe().run(page).response["violations"]
        for node in each["nodes"]
    ]
