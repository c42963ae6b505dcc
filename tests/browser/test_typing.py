"""What scripts add while somebody types: a shown password, a suggestion, a province."""

from __future__ import annotations

from tests.browser.live_server import SPANISH
from tests.browser.playwright import expect


def test_a_password_can_be_shown_and_is_hidden_again_when_it_is_sent(open_page):
    page = open_page(visitor=True)
    page.goto("/login/")
    page.locator("#username").fill("admin")
    password = page.locator("#password")
    password.fill("lluvia tractor")
    show = page.get_by_role("button", name="Show password")
    show.click()
    expect(password).to_have_attribute("type", "text")
    expect(password).to_be_focused()
    expect(show).to_have_attribute("aria-pressed", "true")
    page.evaluate(
        "document.forms[0].addEventListener('submit', (event) => event.preventDefault())"
    )
    page.keyboard.press("Enter")
    expect(password).to_have_attribute("type", "password")


def test_a_misspelt_name_in_the_palette_leads_to_the_right_one(page):
    page.goto("/accounts/list/")
    page.keyboard.press("Control+k")
    page.keyboard.type("monteagduo")
    expect(page.get_by_role("option").first).to_have_text("Did you mean “Monteagudo”?")
    page.keyboard.press("Enter")
    expect(page.locator("#palette input")).to_have_value("Monteagudo")
    expect(page.get_by_role("option").first).to_contain_text("Monteagudo")


def test_a_postcode_fills_in_the_province_and_gets_its_zero_back(page):
    page.goto("/contacts/add")
    page.get_by_label("Postcode").fill("8001")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Province")).to_have_value("Barcelona")
    expect(page.get_by_label("Postcode")).to_have_value("08001")
    page.get_by_label("Postcode").fill("10003")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Province")).to_have_value("Barcelona")


def test_the_calendar_writes_the_date_as_the_reader_does(open_page):
    page = open_page(SPANISH)
    page.goto("/contacts/add")
    field = page.locator("[name=birth_date]")
    box = page.locator("[data-date]").filter(has=field)
    field.fill("1/2/1980")
    expect(box.get_by_role("button", name="Abrir calendario")).to_be_visible()
    # No script reaches into the browser's calendar: it is told the day that was typed…
    page.evaluate("""HTMLInputElement.prototype.showPicker = function () {
        document.body.dataset.opened = this.value;
    }""")
    box.get_by_role("button", name="Abrir calendario").click()
    expect(page.locator("body")).to_have_attribute("data-opened", "1980-02-01")
    # … and this is what it does when a day is chosen.
    box.locator("[type=date]").evaluate(
        "node => { node.value = '1980-12-31'; node.dispatchEvent(new Event('change')); }"
    )
    expect(field).to_have_value("31/12/1980")
    expect(field).to_be_focused()


def test_a_file_field_speaks_the_language_of_the_page(open_page):
    page = open_page(SPANISH)
    page.goto("/contacts/import")
    box = page.locator("[data-file]")
    page.get_by_role("button", name="Continuar").click()
    expect(page.get_by_role("alert")).to_have_text("Elige un archivo.")
    expect(box).to_contain_text("Elegir archivo")
    expect(box).to_contain_text("Ningún archivo elegido")
    page.locator("input[type=file]").set_input_files(
        {"name": "socios ñ.csv", "mimeType": "text/csv", "buffer": b"a;b\n"}
    )
    expect(box).to_contain_text("socios ñ.csv")
    with page.expect_file_chooser():
        box.click()


def test_a_long_file_name_stays_inside_its_card_on_a_phone(open_page):
    page = open_page(SPANISH, is_phone=True)
    for url, card in (("/contacts/add", ".photo"), ("/contacts/import", ".sheet")):
        page.goto(url)
        # A custom field may hold a file, too.
        page.locator(f"{card} input[type=file]").set_input_files(
            {"name": f"{'socios ' * 20}{'ñ' * 90}.png", "mimeType": "image/png", "buffer": b""}
        )
        name = page.locator(f"{card} .file-name")
        expect(name).to_contain_text("socios")
        room, box = page.locator(card).bounding_box(), name.bounding_box()
        assert box["x"] + box["width"] <= room["x"] + room["width"]
