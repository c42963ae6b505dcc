"""Collective actions in the browser: select rows, preview, run, undo; with mouse and touch."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.contacts.models import Tag
from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_job
from tests.browser.test_every_page import PHONE, both_languages, both_themes, violations

LIST = "/contacts/list/?size=25"
SPANIARDS = f"{LIST}&country__is=ES"
WORDS = {
    "en": {
        "selected": "{} selected", "all": "All ", "run": "Add tag to",
        "undo": "Undo", "before": "Undone", "done": "done",
    },
    "es": {
        "selected": "{} seleccionados", "all": "Todos ", "run": "Añadir etiqueta a",
        "undo": "Deshacer", "before": "Deshecho", "done": "terminada",
    },
}  # fmt: skip


@pytest.fixture
def tag(served) -> str:
    """Write a tag nobody has, and give its label, the same in both languages."""
    app, _address = served
    label = f"Zz {uuid4().hex[:8]}"
    with app.app_context():
        db.session.add(Tag(label_en=label, label_es=label))
        db.session.commit()
    return label


@pytest.fixture(autouse=True)
def _reset_language(open_page):
    """Leave the language to the other tests as it was, also when one of these fails."""
    yield
    switch_language(open_page(), "en")


def switch_language(page, language: str) -> None:
    page.goto("/contacts/list/")
    if page.locator("html").get_attribute("lang") == language:
        return
    page.locator(f".segment button[value={language}]").first.click()
    expect(page.locator("html")).to_have_attribute("lang", language)


def rows(page):
    return page.locator("table.rows tbody input")


def action_bar_text(page):
    return page.locator("[data-tickbar] [role=status]")


def choose_action(page, name: str) -> None:
    page.locator("[data-acts] summary").click()
    page.locator(f"[data-acts] button[value={name}]").click()


def go_to_page(page, to: str) -> None:
    """Go to the next or the previous page, whatever the language."""
    page.locator(f".pager a[href*='{to}=']:not([href*=last])").click()


def open_preview(page, tag: str) -> None:
    """Answer which tag, and see what would change."""
    page.locator("select[name=tag]").select_option(label=tag)
    page.locator(".savebar .btn-primary").click()
    page.wait_for_url("**/preview")


def numbers(page) -> list[str]:
    return page.locator(".op-counts dd").all_inner_texts()


@both_languages
def test_rows_ticked_on_two_pages_are_changed_and_undone(open_page, tag, language):
    page, words = open_page(), WORDS[language]
    switch_language(page, language)
    page.goto(LIST)
    rows(page).nth(0).check()
    rows(page).nth(2).check()
    go_to_page(page, "after")
    expect(action_bar_text(page)).to_contain_text(words["selected"].format(2))
    rows(page).nth(1).check()
    expect(action_bar_text(page)).to_contain_text(words["selected"].format(3))
    go_to_page(page, "before")
    expect(page.locator("tbody input:checked")).to_have_count(2)
    expect(action_bar_text(page)).to_contain_text(words["selected"].format(3))

    choose_action(page, "add_tag")
    open_preview(page, tag)
    assert numbers(page) == ["3", "0", "0", "0"]
    expect(page.locator(".op-sample ins")).to_have_count(3)
    page.get_by_role("button", name=words["run"]).click()
    page.wait_for_url(re.compile(r"/jobs/\d+/$"))
    expect(page.locator("[data-state]")).to_have_text(words["done"])
    expect(page.locator("table.rows tbody tr")).to_have_count(3)

    page.locator(".op-undo button").click()
    page.locator("#ask").get_by_role("button", name=words["undo"]).click()
    expect(page.locator("[data-state]")).to_have_text(words["done"])
    expect(page.locator("table.rows tbody tr")).to_have_count(3)
    page.locator(".op-job dd a").click()
    expect(page.locator(".op-undo")).to_contain_text(words["before"])
    page.goto(LIST)
    expect(page.locator("tbody input:checked")).to_have_count(0)


@both_languages
def test_all_matching_rows_but_one_are_changed_in_the_background(
    open_page, served, tag, monkeypatch, language
):
    app, _address = served
    monkeypatch.setitem(app.config, "BACKGROUND_ABOVE", 3)
    page, words = open_page(), WORDS[language]
    switch_language(page, language)
    page.goto(SPANIARDS)
    total = page.locator("[data-total]").text_content()
    rows(page).nth(3).check()
    page.locator("[data-every]").check()
    expect(page.locator("tbody input:checked")).to_have_count(25)
    rows(page).nth(1).uncheck()
    go_to_page(page, "after")
    expect(page.locator("tbody input:not(:checked)")).to_have_count(0)
    go_to_page(page, "before")
    expect(page.locator("tbody input:not(:checked)")).to_have_count(1)
    expect(action_bar_text(page)).to_contain_text(total)

    choose_action(page, "add_tag")
    open_preview(page, tag)
    number = int(total) - 1
    assert numbers(page) == [str(number), "0", "0", "0"]
    page.get_by_role("button", name=words["run"]).click()
    page.wait_for_url(re.compile(r"/jobs/\d+/$"))
    expect(page.locator("[data-live]")).to_be_visible()
    with app.app_context():
        newest = db.session.scalar(select(Job.id).order_by(Job.id.desc()))
        run_job(newest, ignore_run_at=True)
        db.session.remove()
    # The page finds out by itself.
    expect(page.locator("[data-state]")).to_have_text(words["done"])
    expect(page.locator("[data-count-text]")).to_contain_text(str(number))
    expect(page.locator(".op-undo button")).to_be_visible()


def test_an_action_on_the_whole_list_asks_for_the_number_of_rows(open_page, tag):
    page = open_page()
    page.goto(LIST)
    total = page.locator("[data-total]").text_content()
    rows(page).nth(0).check()
    page.get_by_label(f"Select all {total}").check()
    choose_action(page, "add_tag")
    open_preview(page, tag)
    run = page.get_by_role("button", name="Add tag to")
    run.click()
    expect(page.get_by_text("This is not the number.")).to_be_visible()
    expect(page.locator("#typed")).to_be_focused()
    page.locator("#typed").fill(total)
    run.click()
    page.wait_for_url(re.compile(r"/jobs/\d+/$"))
    page.locator(".op-undo button").click()
    page.locator("#ask").get_by_role("button", name="Undo").click()
    expect(page.locator("[data-state]")).to_have_text("done")


def test_ticks_survive_sorting_and_filtering_but_all_matching_does_not(open_page):
    page = open_page()
    page.goto(SPANIARDS)
    rows(page).nth(0).check()
    page.get_by_role("columnheader", name="Name").get_by_role("link").click()
    expect(action_bar_text(page)).to_contain_text("1 selected")
    page.goto("/accounts/list/")
    page.goto(LIST)
    expect(action_bar_text(page)).to_contain_text("1 selected")
    page.goto(SPANIARDS)
    page.locator("[data-every]").check()
    page.goto(f"{SPANIARDS}&sort=-name")
    expect(action_bar_text(page)).to_contain_text("All")
    page.goto(LIST)
    expect(page.locator("tbody input:checked")).to_have_count(0)
    expect(page.locator(".tickbar.is-up")).to_have_count(0)


def test_ticks_belong_to_one_user_and_end_with_the_session(open_page):
    page = open_page()
    page.goto(LIST)
    rows(page).nth(0).check()
    key = "ticks:/contacts"
    kept = page.evaluate("key => sessionStorage.getItem(key)", key)
    other = re.sub(r'"user":"\d+"', '"user":"999999"', kept)
    assert other != kept
    page.evaluate("([key, value]) => sessionStorage.setItem(key, value)", [key, other])
    page.reload()
    expect(page.locator("tbody input:checked")).to_have_count(0)
    rows(page).nth(1).check()
    # The form is stopped on its way, for the session of the other tests goes on.
    page.evaluate(
        """() => {
            document.addEventListener("submit", (event) => event.preventDefault());
            document.querySelector("form[action='/logout/']").requestSubmit();
        }"""
    )
    assert page.evaluate("key => sessionStorage.getItem(key)", key) is None


def test_more_than_a_thousand_ticks_are_refused(open_page):
    page = open_page()
    page.goto(LIST)
    rows(page).nth(0).check()
    page.evaluate(
        """() => {
            const kept = JSON.parse(sessionStorage.getItem("ticks:/contacts"));
            kept.ids = Array.from({length: 1001}, (_each, place) => String(place + 1));
            sessionStorage.setItem("ticks:/contacts", JSON.stringify(kept));
        }"""
    )
    page.reload()
    expect(action_bar_text(page)).to_contain_text("1,001 selected")
    expect(action_bar_text(page)).to_contain_text("At most 1,000 can be ticked one by one.")
    assert page.locator("[data-acts]").evaluate("menu => menu.inert")
    page.get_by_label("Clear selection").click()
    expect(page.locator(".tickbar.is-up")).to_have_count(0)


@pytest.mark.parametrize("is_whole", [False, True], ids=["ticked", "all"])
def test_a_collective_action_works_without_javascript(open_page, tag, is_whole):
    page = open_page(java_script_enabled=False)
    page.goto(f"{SPANIARDS}")
    total = int(page.locator("[data-total]").text_content())
    if is_whole:
        page.locator("[data-every]").check()
    else:
        rows(page).nth(0).check()
        rows(page).nth(4).check()
    choose_action(page, "add_tag")
    open_preview(page, tag)
    assert numbers(page)[0] == str(total if is_whole else 2)
    page.get_by_role("button", name="Add tag to").click()
    expect(page.locator("[data-state]")).to_have_text("done")
    page.locator(".op-undo button").click()
    expect(page.locator("[data-state]")).to_have_text("done")


@both_languages
@both_themes
def test_axe_finds_no_violations_on_the_pages_of_an_action(open_page, tag, language, theme):
    page = open_page(color_scheme=theme)
    switch_language(page, language)
    page.goto(LIST)
    rows(page).nth(0).check()
    page.locator("[data-acts] summary").click()
    found = violations(page)
    page.locator("[data-acts] button[value=change_rights]").click()
    page.wait_for_url("**/operations/*/")
    found += violations(page)
    page.locator(".savebar .btn-primary").click()
    expect(page.locator(".banner-danger")).to_be_visible()
    found += violations(page)
    page.goto(LIST)
    page.locator("[data-every]").check()
    choose_action(page, "add_tag")
    open_preview(page, tag)
    found += violations(page)
    assert found == []


@both_languages
def test_the_action_bar_and_its_pages_fit_a_phone(open_page, tag, language):
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    switch_language(page, language)

    def fits() -> None:
        assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]

    page.goto(SPANIARDS)
    rows(page).nth(0).check()
    page.locator("[data-every]").check()
    rows(page).nth(1).uncheck()
    for part in ("[data-count]", "[data-matching]", "[data-acts] summary", "[data-untick]"):
        box = page.locator(f".tickbar {part}").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    text, menu = (
        page.locator(f".tickbar {part}").bounding_box() for part in ("[data-count]", "[data-acts]")
    )
    assert text["x"] + text["width"] <= menu["x"]
    page.locator("[data-acts] summary").click()
    sheet = page.locator("[data-acts] .menu-sheet").bounding_box()
    assert sheet["x"] >= 0
    assert sheet["x"] + sheet["width"] <= PHONE["width"]
    fits()
    page.locator("[data-acts] button[value=add_tag]").click()
    page.wait_for_url("**/operations/*/")
    fits()
    open_preview(page, tag)
    fits()


def test_a_deleted_row_is_no_longer_ticked(open_page):
    page = open_page()
    page.goto(LIST)
    rows(page).nth(0).check()
    rows(page).nth(1).check()
    page.locator("table.rows tbody a").first.click()
    page.locator("summary[aria-label=More]").click()
    page.get_by_role("button", name="Delete").click()
    page.locator("#ask").get_by_role("button", name="Delete").click()
    expect(action_bar_text(page)).to_contain_text("1 selected")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
