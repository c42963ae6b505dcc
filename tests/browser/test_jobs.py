"""A job as people see it in a real browser: it goes on, it ends, it is stopped, wherever they are."""

from __future__ import annotations

import re
import threading

import pytest
from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import select

from app.extensions import db
from app.jobs.kinds import Step
from app.jobs.models import Job
from app.jobs.runner import run_job
from app.jobs.services import enqueue
from app.staff.models import StaffUser
from tests.browser.test_every_page import PHONE, violations
from tests.jobs.kinds import plug_in_paint_kind

CHUNK, ROWS = 100, 300
PROGRESS = re.compile(r"/jobs/\d+/progress$")


class Work:
    """A real job of the administrator, done by a real worker that waits for each chunk's turn."""

    def __init__(self, app: Flask) -> None:
        self.app, self.turns = app, threading.Semaphore(0)
        with app.app_context():
            admin = db.session.scalars(
                select(StaffUser).where(StaffUser.username == "admin")
            ).one()
            actor = admin.as_actor()
            # No worker of the program takes it up: this one does.
            job = enqueue(
                db.session(), "paint", {}, actor, title="Paint names", total=ROWS, delay=3600
            )
            db.session.commit()
            self.id = job.id
        self.worker = threading.Thread(target=self._work, daemon=True)
        self.worker.start()

    def _work(self) -> None:
        with self.app.app_context():
            run_job(self.id, ignore_run_at=True, should_stop=self._wait)
            db.session.remove()

    def _wait(self) -> bool:
        self.turns.acquire(timeout=60)
        return False

    def run_chunks(self, chunks: int = 1) -> None:
        """Let the worker do some chunks; the first turn is the one that takes the job up."""
        self.turns.release(chunks)

    def end(self) -> None:
        """Let it come to its end."""
        self.run_chunks(ROWS)
        self.worker.join(60)
        assert not self.worker.is_alive()


@pytest.fixture
def work(served, monkeypatch):
    """Give jobs that wait to be told to go on."""

    def step(self, session, job, size):
        return Step(job.cursor + CHUNK, CHUNK, is_last=job.cursor + CHUNK >= ROWS)

    plug_in_paint_kind(monkeypatch, step=step)
    begun = []

    def begin() -> Work:
        begun.append(Work(served[0]))
        begun[-1].run_chunks()
        return begun[-1]

    yield begin
    for one in begun:
        one.end()


def badge(page):
    return page.locator("[data-jobs]")


def test_the_page_of_a_job_updates_itself_until_the_end(page, work):
    job = work()
    page.goto(f"/jobs/{job.id}/")
    page.evaluate("window.isTheSamePage = true")
    bar = page.get_by_role("progressbar", name="Progress")
    expect(bar).to_have_attribute("value", "0")
    expect(badge(page)).to_be_visible()
    expect(badge(page)).to_have_attribute("title", "1 job is running")

    job.run_chunks()
    expect(page.get_by_text("100 of 300", exact=True)).to_be_visible()
    expect(bar).to_have_attribute("value", "33")
    expect(bar).to_have_attribute("aria-valuetext", "100 of 300")
    expect(page.locator("[data-job-announcer]")).to_contain_text("33%, 100 of 300")
    expect(page.locator('[data-count="changed"]')).to_have_text("67")
    assert page.title().startswith("33% · Paint names")

    job.end()
    expect(page.locator("[data-job] [data-state]")).to_have_text("done")
    expect(page.locator("[data-job-announcer]")).to_have_text("done, 300 of 300")
    expect(page.get_by_role("cell", name="Out of paint.").first).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(badge(page)).to_be_hidden()
    assert page.title().startswith("Paint names")
    assert page.evaluate("window.isTheSamePage")
    # The page itself tells of it; a message, which would leave by itself, would say it again.
    assert page.locator(".note").count() == 0


def test_a_message_on_any_page_says_that_a_job_has_ended(page, work):
    job = work()
    page.goto("/accounts/list/")
    expect(badge(page)).to_be_visible()
    job.end()
    note = page.locator(".note")
    expect(note).to_contain_text("Paint names: changed 200 · skipped 100")
    expect(badge(page)).to_be_hidden()
    note.get_by_role("link").click()
    page.wait_for_url(f"**/jobs/{job.id}/")


def test_a_job_that_ended_between_two_pages_is_reported_once(page, work):
    job = work()
    page.goto("/accounts/list/")
    expect(badge(page)).to_be_visible()
    page.goto("about:blank")
    job.end()
    page.goto("/tags/list/")
    expect(page.locator(".note")).to_contain_text("Paint names: changed 200")
    page.goto("/accounts/list/")
    page.wait_for_timeout(3000)
    assert page.locator(".note").count() == 0


def test_polling_stops_when_no_job_runs(page, work):
    work().end()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/jobs/")
    page.wait_for_timeout(3500)
    assert [url for url in asked if "/jobs/mine" in url or "progress" in url] == []


def test_the_list_of_jobs_updates_itself(page, work):
    job = work()
    page.goto("/jobs/?part=running")
    row = page.locator(f'[data-job-row="{job.id}"]')
    job.run_chunks()
    expect(row).to_contain_text("100 of 300")
    expect(row.get_by_role("progressbar")).to_have_attribute("value", "33")
    job.end()
    expect(row).to_have_count(0)


def test_cancelling_a_job_asks_for_confirmation(page, work):
    job = work()
    page.goto(f"/jobs/{job.id}/")
    page.get_by_role("button", name="Stop").click()
    page.locator("#ask").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    page.locator("#ask").get_by_role("button", name="Stop").click()
    expect(page.get_by_text("It ends as soon as")).to_be_visible()
    job.run_chunks()
    expect(page.locator("[data-job] [data-state]")).to_have_text("cancelled")
    job.worker.join(60)
    with job.app.app_context():
        assert db.session.get(Job, job.id).done < ROWS


def test_polling_survives_a_server_that_does_not_answer_for_a_while(open_page, work):
    job, page, refused = work(), open_page(), []

    def refuse(route):
        refused.append(route.request.url)
        route.abort() if len(refused) < 3 else route.continue_()

    page.route(PROGRESS, refuse)
    page.goto(f"/jobs/{job.id}/")
    job.run_chunks()
    expect(page.get_by_text("100 of 300", exact=True)).to_be_visible()
    assert len(refused) >= 3


def test_without_javascript_a_link_refreshes_the_progress(open_page, work):
    job = work()
    page = open_page(java_script_enabled=False)
    page.goto(f"/jobs/{job.id}/")
    job.run_chunks()
    job.run_chunks()
    for _again in range(20):
        page.get_by_role("link", name="Refresh progress").click()
        if page.get_by_text("200 of 300").count():
            break
        page.wait_for_timeout(250)
    expect(page.get_by_text("200 of 300")).to_be_visible()


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "es")])
def test_axe_finds_no_violations_on_the_page_of_a_job(open_page, work, theme, language):
    ended, job = work(), work()
    ended.end()
    with job.app.app_context():
        failed = db.session.get(Job, ended.id)
        failed.state, failed.error = "failed", "The status “Active” is no longer there."
        db.session.commit()
    job.run_chunks()
    page = open_page(color_scheme=theme)
    page.goto("/jobs/")
    page.locator(f".segment button[value={language}]").click()
    found = []
    for address in (
        "/jobs/?who=all",
        "/jobs/?part=cancelled",
        f"/jobs/{job.id}/",
        f"/jobs/{ended.id}/",
    ):
        page.goto(address)
        found += violations(page)
    page.locator(".segment button[value=en]").first.click()
    assert found == []


def test_the_page_of_a_job_fits_a_phone(open_page, work):
    job = work()
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    for address in ("/jobs/?who=all", f"/jobs/{job.id}/"):
        page.goto(address)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"], address
