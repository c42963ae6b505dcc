"""Collective actions in the browser: select rows, preview, run, undo; with mouse and touch."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_job
from tests.browser.axe import find_violations
from tests.browser.context_pool import PHONE
from tests.browser.live_server import ENGLISH, SPANISH
from tests.browser.playwright import expect
from tests.browser.screens import (
    JOB_URL,
    action_bar_text,
    add_contact,
    answer,
    choose_action,
    go_to_page,
    job_state,
    open_preview,
    press_delete,
    preview_counts,
    run_button,
    save,
    tag,
    tick_boxes,
    undo_button,
    unique_name,
)

# An imported fixture.
__all__ = ["tag"]

LIST = "/contacts/list/?size=25"
SPANIARDS = f"{LIST}&country__is=ES"
TICKED = "tbody input:checked"


def test_rows_ticked_on_two_pages_are_changed_and_undone(open_page, tag):
    page = open_page(SPANISH)
    page.goto(LIST)
    tick_boxes(page).nth(0).check()
    tick_boxes(page).nth(2).check()
    go_to_page(page, "after")
    expect(action_bar_text(page)).to_contain_text(re.compile(r"\b2\b"))
    tick_boxes(page).nth(1).check()
    go_to_page(page, "before")
    expect(page.locator(TICKED)).to_have_count(2)
    expect(action_bar_text(page)).to_contain_text(re.compile(r"\b3\b"))

    choose_action(page, "add_tag")
    open_preview(page, tag)
    assert preview_counts(page) == ["3", "0", "0", "0"]
    expect(page.locator(".op-sample ins")).to_have_count(3)
    run_button(page).click()
    page.wait_for_url(JOB_URL)
    expect(job_state(page)).to_be_visible()
    expect(page.locator("table.rows tbody tr")).to_have_count(3)

    undo_button(page).click()
    answer(page)
    # The page of the undo links to that of the action, which offers no undo any more.
    page.locator(".op-job dd a[href*='/jobs/']").click()
    expect(page.locator(".op-undo a[href*='/jobs/']")).to_be_visible()
    expect(undo_button(page)).to_have_count(0)
    page.goto(LIST)
    expect(page.locator(TICKED)).to_have_count(0)


def test_all_matching_rows_but_one_are_changed_in_the_background(
    open_page, live_server, tag, monkeypatch
):
    page = open_page(has_clock=True)
    monkeypatch.setitem(live_server.app.config, "BACKGROUND_ABOVE", 3)
    page.goto(SPANIARDS)
    total = page.locator("[data-total]").text_content()
    tick_boxes(page).nth(3).check()
    page.locator("[data-every]").check()
    expect(page.locator(TICKED)).to_have_count(25)
    tick_boxes(page).nth(1).uncheck()
    go_to_page(page, "after")
    expect(page.locator("tbody input:not(:checked)")).to_have_count(0)
    go_to_page(page, "before")
    expect(page.locator("tbody input:not(:checked)")).to_have_count(1)
    expect(action_bar_text(page)).to_contain_text(total)

    choose_action(page, "add_tag")
    open_preview(page, tag)
    changed = str(int(total) - 1)
    assert preview_counts(page) == [changed, "0", "0", "0"]
    run_button(page).click()
    page.wait_for_url(JOB_URL)
    expect(page.locator("[data-live]")).to_be_visible()
    with live_server.app.app_context():
        newest = db.session.scalar(select(Job.id).order_by(Job.id.desc()))
        run_job(newest, ignore_run_at=True)
        db.session.remove()
    # The page updates itself.
    page.clock.run_for(2_000)
    expect(job_state(page)).to_be_visible()
    expect(page.locator("[data-count-text]")).to_contain_text(changed)
    expect(undo_button(page)).to_be_visible()


def test_an_action_on_the_whole_list_asks_for_the_number_of_rows(page, tag):
    page.goto(LIST)
    tick_boxes(page).nth(0).check()
    page.locator("[data-every]").check()
    choose_action(page, "add_tag")
    open_preview(page, tag)
    run_button(page).click()
    expect(page.locator("#typed")).to_be_focused()
    expect(page.locator("#typed")).to_have_attribute("aria-invalid", "true")


def test_ticks_survive_sorting_and_filtering_but_all_matching_does_not(page):
    page.goto(SPANIARDS)
    tick_boxes(page).nth(0).check()
    page.locator("thead th a").first.click()
    expect(action_bar_text(page)).to_contain_text(re.compile(r"\b1\b"))
    page.goto("/accounts/list/")
    page.goto(LIST)
    expect(action_bar_text(page)).to_contain_text(re.compile(r"\b1\b"))
    page.goto(SPANIARDS)
    page.locator("[data-every]").check()
    page.goto(f"{SPANIARDS}&sort=-name")
    expect(page.locator(TICKED)).to_have_count(25)
    page.goto(LIST)
    expect(page.locator(TICKED)).to_have_count(0)
    expect(page.locator(".tickbar.is-up")).to_have_count(0)


def test_ticks_belong_to_one_user_and_end_with_the_session(open_page, live_server):
    page = open_page(live_server.add_user())
    page.goto(LIST)
    tick_boxes(page).nth(0).check()
    key = "ticks:/contacts"
    stored = page.evaluate("key => sessionStorage.getItem(key)", key)
    other = re.sub(r'"user":"\d+"', '"user":"999999"', stored)
    assert other != stored
    page.evaluate("([key, value]) => sessionStorage.setItem(key, value)", [key, other])
    page.reload()
    expect(page.locator(TICKED)).to_have_count(0)
    tick_boxes(page).nth(1).check()
    page.locator("summary.user").click()
    page.locator("form[action='/logout/'] button").click()
    page.wait_for_url("**/login/**")
    assert page.evaluate("key => sessionStorage.getItem(key)", key) is None


def test_more_than_a_thousand_ticks_are_refused(page):
    page.goto(LIST)
    tick_boxes(page).nth(0).check()
    page.evaluate(
        """() => {
            const stored = JSON.parse(sessionStorage.getItem("ticks:/contacts"));
            stored.ids = Array.from({length: 1001}, (_each, index) => String(index + 1));
            sessionStorage.setItem("ticks:/contacts", JSON.stringify(stored));
        }"""
    )
    page.reload()
    expect(action_bar_text(page)).to_contain_text("1,001")
    too_many = page.locator("[data-tickbar]").get_attribute("data-too-many")
    expect(page.locator("[data-note]")).to_have_text(too_many)
    assert page.locator("[data-acts]").evaluate("menu => menu.inert")
    page.locator("[data-untick]").click()
    expect(page.locator(".tickbar.is-up")).to_have_count(0)


def test_a_collective_action_works_without_javascript(open_page, tag):
    page = open_page(has_scripts=False)
    page.goto(SPANIARDS)
    total = page.locator("[data-total]").text_content()
    page.locator("[data-every]").check()
    choose_action(page, "add_tag")
    open_preview(page, tag)
    assert preview_counts(page)[0] == total
    page.goto(SPANIARDS)
    tick_boxes(page).nth(0).check()
    tick_boxes(page).nth(4).check()
    choose_action(page, "add_tag")
    open_preview(page, tag)
    assert preview_counts(page)[0] == "2"
    run_button(page).click()
    expect(job_state(page)).to_be_visible()
    undo_button(page).click()
    expect(page.locator(".op-job dd a[href*='/jobs/']")).to_be_visible()
    expect(job_state(page)).to_be_visible()


def test_axe_finds_no_violations_on_the_pages_of_an_action(page, tag):
    page.goto(LIST)
    tick_boxes(page).nth(0).check()
    page.locator("[data-acts] summary").click()
    violations = find_violations(page)
    page.locator("[data-acts] button[value=change_rights]").click()
    page.wait_for_url("**/operations/*/")
    save(page)
    expect(page.locator(".banner-danger")).to_be_visible()
    violations += find_violations(page)
    page.goto(LIST)
    page.locator("[data-every]").check()
    choose_action(page, "add_tag")
    open_preview(page, tag)
    violations += find_violations(page)
    assert violations == []


@pytest.mark.parametrize("user", [ENGLISH, SPANISH])
def test_the_action_bar_fits_a_phone(open_page, user):
    page = open_page(user, is_phone=True)
    page.goto(SPANIARDS)
    tick_boxes(page).nth(0).check()
    page.locator("[data-every]").check()
    tick_boxes(page).nth(1).uncheck()
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
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]


def test_the_preview_fits_a_phone_in_the_longer_language(open_page, tag):
    page = open_page(SPANISH, is_phone=True)
    page.goto(SPANIARDS)
    tick_boxes(page).nth(0).check()
    choose_action(page, "add_tag")
    open_preview(page, tag)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]


def test_a_deleted_row_is_no_longer_ticked(page, live_server):
    name = unique_name()
    for first_name in ("Ana", "Eva"):
        add_contact(live_server, first_name=first_name, last_name=name)
    page.goto(f"/contacts/list/?q={name}")
    tick_boxes(page).nth(0).check()
    tick_boxes(page).nth(1).check()
    page.locator("table.rows tbody a").first.click()
    press_delete(page)
    expect(action_bar_text(page)).to_contain_text(re.compile(r"\b1\b"))
