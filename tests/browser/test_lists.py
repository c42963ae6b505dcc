"""Lists in the browser: filters, saved views, columns, sorting, paging, language and theme."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.live_server import LiveServer
from tests.browser.playwright import expect
from tests.browser.screens import answer, go_to_page

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def own_page(open_page, live_server: LiveServer) -> Page:
    """Return a page of a new administrator, whose settings a test may change."""
    return open_page(live_server.add_user())


def test_a_filter_is_shown_as_a_chip_and_can_be_removed(page):
    page.goto("/contacts/list/")
    everything = page.locator(".count").inner_text()
    page.locator("a[data-panel][href*='/contacts/filters']").click()
    panel = page.locator("#panel")
    panel.locator("[data-narrow]").fill("city")
    column = panel.locator("details").filter(visible=True)
    expect(column).to_have_count(1)
    column.locator("summary").click()
    form = column.locator("form")
    form.locator("input[name=value]").fill("bilb")
    form.locator("button.btn-primary").click()

    chip = page.locator(".filters .pill", has_text="bilb")
    expect(chip).to_be_visible()
    expect(page).to_have_url(re.compile("city__contains=bilb"))
    assert page.locator(".count").inner_text() != everything
    chip.locator("a").click()
    expect(chip).to_have_count(0)
    expect(page.locator(".count")).to_have_text(everything)


def test_a_view_is_saved_and_deleted(own_page):
    page = own_page
    page.goto("/contacts/list/?country__is=ES&sort=-name")
    page.locator(".tabs a[data-panel]").click()
    page.locator("#panel [name=name]").fill("Spaniards")
    page.locator("#panel form .btn-primary").click()
    tab = page.locator(".tabs > ul > li > a", has_text="Spaniards")
    expect(tab).to_have_attribute("aria-current", "page")
    expect(page).to_have_url(re.compile("country__is=ES"))
    page.locator(".tab-more summary").click()
    page.locator("form[action$='/delete'] button").click()
    answer(page)
    expect(tab).to_have_count(0)


def test_fourteen_rows_of_one_line_fit_a_laptop(page):
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto("/contacts/list/")
    rows = page.locator("table.rows tbody tr")
    assert set(rows.evaluate_all("rows => rows.map(row => row.offsetHeight)")) == {36}
    foot = page.locator(".foot").bounding_box()["y"]
    bottoms = rows.evaluate_all("rows => rows.map(row => row.getBoundingClientRect().bottom)")
    assert len([bottom for bottom in bottoms if bottom <= foot]) >= 14


def test_the_first_card_is_high_up_on_a_phone_and_has_a_button_to_call(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/contacts/list/?phone__filled=1")
    card = page.locator("table.rows tbody tr").first
    # The filter takes a line of its own.
    assert card.bounding_box()["y"] < 280
    button = card.locator('a[href^="tel:"]').first.bounding_box()
    assert (button["width"], button["height"]) == (40, 40)
    expect(page.locator(".tools-columns")).to_be_hidden()


def test_a_click_beside_the_name_opens_the_row_and_one_beside_the_tick_does_not(page):
    page.goto("/contacts/list/")
    row = page.locator("table.rows tbody tr").first
    address = row.locator("td > a").first.get_attribute("href")
    row.locator("td").first.click(position={"x": 2, "y": 2})
    row.locator("td").nth(3).click()
    expect(page).to_have_url(re.compile(f"{address}$"))


def test_the_tick_and_the_name_stay_when_the_columns_are_scrolled_and_cast_a_shadow(page):
    page.set_viewport_size({"width": 800, "height": 700})
    columns = "name email phone mobile position city postcode province country manager".split()
    page.goto("/contacts/list/?" + "cols=" + ",".join(columns))
    card = page.locator(".table-card")
    heads, cells = (
        page.locator("table.rows thead tr > *"),
        page.locator("table.rows tbody tr").nth(1),
    )
    tick, name, other = (cells.locator("td").nth(place) for place in range(3))
    kept = [tick.locator("input"), name.locator("a"), heads.nth(0), heads.nth(1)]

    def lefts(locators):
        return [it.bounding_box()["x"] for it in locators]

    before, first, shadow = lefts(kept), lefts([other]), "it => getComputedStyle(it).boxShadow"
    assert {name.evaluate(shadow), heads.nth(1).evaluate(shadow)} == {"none"}
    card.evaluate("it => { it.scrollLeft = 300; }")
    expect(card).to_have_class(re.compile("is-scrolled"))
    assert lefts(kept) == before
    assert lefts([other]) == [first[0] - 300]
    assert "none" not in {name.evaluate(shadow), heads.nth(1).evaluate(shadow)}
    # What scrolls goes under both, not through them.
    hidden = "it => { const { left, top, height } = it.getBoundingClientRect();"
    hidden += (
        " return document.elementFromPoint(left + 3, top + height / 2).closest('td') === it; }"
    )
    assert [it.evaluate(hidden) for it in (tick, name)] == [True, True]
    # Nothing jumps when a row is ticked.
    frames = [card, page.locator(".foot"), name]
    places = [it.bounding_box() for it in frames]
    tick.locator("input").check()
    expect(page.locator("[data-tickbar].is-up")).to_be_visible()
    assert [it.bounding_box() for it in frames] == places


def test_a_wrong_filter_value_is_told_in_the_dialog_on_enter(page):
    page.goto("/contacts/list/")
    page.locator("a[data-panel][href*='/contacts/filters']").click()
    column = page.locator("#panel details", has=page.locator("option[value='mobile__contains']"))
    column.locator("summary").click()
    field = column.locator("input[name=value]")
    field.fill("abc")
    field.press("Enter")
    expect(page.locator("#filter-error")).to_be_visible()
    expect(field).to_be_focused()
    expect(page).to_have_url(re.compile("/contacts/list/$"))


def test_columns_and_page_size_are_chosen_and_reset(own_page):
    page = own_page
    page.goto("/contacts/list/")
    headings = page.locator("thead th")
    usual = headings.count()
    columns = page.locator("a[data-panel][href*='/contacts/columns']")
    panel = page.locator("#panel")
    columns.click()
    panel.locator("[name=cols][value=birth_date]").check()
    panel.locator("label", has=page.locator("[name=size][value='25']")).click()
    panel.locator(".btn-primary").click()
    expect(headings).to_have_count(usual + 1)
    expect(page.locator("table.rows tbody tr")).to_have_count(25)
    columns.click()
    panel.locator("button[name=default]").click()
    expect(headings).to_have_count(usual)


def test_the_pager_and_the_headings_lead_through_the_list(page):
    page.goto("/contacts/list/?size=25")
    first_row = page.locator("table.rows tbody tr").first
    first = first_row.inner_text()
    go_to_page(page, "after")
    expect(page.locator(".count")).to_contain_text("26–50")
    assert first_row.inner_text() != first
    go_to_page(page, "before")
    expect(page.locator(".count")).to_contain_text("1–25")
    assert first_row.inner_text() == first
    heading = page.locator("thead th").first
    for order in ("descending", "ascending"):
        heading.locator("a").click()
        expect(heading).to_have_attribute("aria-sort", order)


def test_the_list_is_searched_on_enter(page):
    page.goto("/contacts/list/")
    field = page.locator(".quick [name=q]")
    field.fill("zzzzzz")
    field.press("Enter")
    expect(page.locator(".empty")).to_be_visible()
    expect(page).to_have_url(re.compile("q=zzzzzz"))


def test_the_language_is_switched_and_saved(own_page):
    page = own_page
    page.goto("/contacts/list/?sort=-name")
    for language in ("es", "en"):
        page.locator(f"button[name=language][value={language}]").click()
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page).to_have_url(re.compile("sort=-name"))
    page.goto("/accounts/list/")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_theme_is_switched_and_saved(own_page):
    page = own_page
    page.goto("/contacts/list/")
    html = page.locator("html")
    page.emulate_media(color_scheme="dark")
    expect(html).to_have_attribute("data-bs-theme", "dark")
    for theme, shown in (("light", "light"), ("auto", "dark"), ("dark", "dark")):
        page.locator(".theme-menu summary").click()
        with page.expect_response("**/theme"):
            page.locator(f"[data-theme-form] button[value={theme}]").click()
        expect(html).to_have_attribute("data-theme", theme)
        expect(html).to_have_attribute("data-bs-theme", shown)
    page.reload()
    expect(html).to_have_attribute("data-theme", "dark")
