"""Jobs in the browser: progress, end, cancellation, on their own page and on every other."""

from __future__ import annotations

import re
import threading

import pytest

from app.extensions import db
from app.jobs.kinds import Step
from app.jobs.models import Job
from app.jobs.runner import run_job
from app.jobs.services import enqueue
from app.staff.models import StaffUser
from tests.browser.axe import find_violations
from tests.browser.context_pool import PHONE
from tests.browser.live_server import LiveServer
from tests.browser.playwright import expect
from tests.browser.screens import answer
from tests.jobs.kinds import plug_in_paint_kind

CHUNK, ROWS = 100, 300
# Milliseconds: longer than a page waits between two requests for the progress.
POLLING = 3_000
TITLE = "Paint names"
PROGRESS = re.compile(r"/jobs/\d+/progress$")
POLLED = re.compile(r"/jobs/(mine|\d+/progress)")


class ControlledJob:
    """A job of a user in a worker thread that waits before each chunk."""

    def __init__(self, server: LiveServer, user: str) -> None:
        self.app, self.turns = server.app, threading.Semaphore(0)
        user_id = server.user_id(user)
        with self.app.app_context():
            actor = db.session.get_one(StaffUser, user_id).as_actor()
            # The delay keeps it from the workers of the application.
            job = enqueue(db.session(), "paint", {}, actor, title=TITLE, total=ROWS, delay=3600)
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
        """Let the worker run some chunks; the first turn only starts the job."""
        self.turns.release(chunks)

    def finish(self) -> None:
        """Let the worker run to the end of the job."""
        self.run_chunks(ROWS)
        self.worker.join(60)
        assert not self.worker.is_alive()


@pytest.fixture
def owner(live_server) -> str:
    """Return a new user, who has no other jobs."""
    return live_server.add_user()


@pytest.fixture
def start_job(live_server, owner, monkeypatch):
    """Yield a function that starts a job of the owner."""

    def step(self, session, job, size):
        return Step(job.cursor + CHUNK, CHUNK, is_last=job.cursor + CHUNK >= ROWS)

    plug_in_paint_kind(monkeypatch, step=step)
    started = []

    def start() -> ControlledJob:
        started.append(ControlledJob(live_server, owner))
        started[-1].run_chunks()
        return started[-1]

    yield start
    for job in started:
        job.finish()


@pytest.fixture
def page(open_page, owner):
    """Return a page of the owner, in which time can be advanced."""
    return open_page(owner, has_clock=True)


def badge(page):
    return page.locator("[data-jobs]")


def count_text(page):
    return page.locator("[data-job] [data-count-text]")


def test_the_page_of_a_job_updates_itself_until_the_end(page, start_job):
    job = start_job()
    page.goto(f"/jobs/{job.id}/")
    page.evaluate("window.isTheSamePage = true")
    bar = page.locator("[data-job] progress")
    announcer = page.locator("[data-job-announcer]")
    expect(bar).to_have_attribute("value", "0")
    expect(badge(page)).to_be_visible()
    expect(badge(page)).to_have_attribute("title", re.compile(r"\b1\b"))

    job.run_chunks()
    page.clock.run_for(POLLING)
    expect(count_text(page)).to_contain_text(re.compile("100 .*300"))
    expect(bar).to_have_attribute("value", "33")
    expect(bar).to_have_attribute("aria-valuetext", count_text(page).inner_text())
    expect(announcer).to_contain_text("33%")
    expect(page.locator('[data-count="changed"]')).to_have_text("67")
    assert page.title().startswith(f"33% · {TITLE}")

    job.finish()
    page.clock.run_for(POLLING)
    expect(page.locator("[data-job]:not([data-live]) progress.is-done")).to_be_visible()
    expect(announcer).to_contain_text(page.locator("[data-job] [data-state]").inner_text())
    expect(page.locator("table.rows tbody tr").first).to_be_visible()
    expect(page.locator("form[action$='/cancel']")).to_have_count(0)
    page.clock.run_for(POLLING)
    expect(badge(page)).to_be_hidden()
    assert page.title().startswith(TITLE)
    assert page.evaluate("window.isTheSamePage")
    # The page itself shows the result; a notification would repeat it.
    assert page.locator(".note").count() == 0


def test_a_message_on_any_page_says_that_a_job_has_ended(page, start_job):
    job = start_job()
    page.goto("/accounts/list/")
    expect(badge(page)).to_be_visible()
    job.finish()
    page.clock.run_for(POLLING)
    note = page.locator(".note")
    expect(note).to_contain_text(re.compile(f"{TITLE}.*200.*100"))
    expect(badge(page)).to_be_hidden()
    note.locator("a").click()
    page.wait_for_url(f"**/jobs/{job.id}/")


def test_a_job_that_ended_between_two_pages_is_reported_once(page, start_job):
    job = start_job()
    page.goto("/accounts/list/")
    expect(badge(page)).to_be_visible()
    page.goto("about:blank")
    job.finish()
    page.goto("/tags/list/")
    page.clock.run_for(POLLING)
    expect(page.locator(".note")).to_contain_text(TITLE)
    polled = []
    page.on("request", lambda request: polled.append(request.url))
    page.goto("/accounts/list/")
    page.clock.run_for(20 * POLLING)
    assert page.locator(".note").count() == 0
    assert [url for url in polled if POLLED.search(url)] == []


def test_polling_stops_when_no_job_runs(page, start_job):
    start_job().finish()
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto("/jobs/")
    page.clock.run_for(20 * POLLING)
    assert [url for url in requested if POLLED.search(url)] == []


def test_the_list_of_jobs_updates_itself(page, start_job):
    job = start_job()
    page.goto("/jobs/?part=running")
    row = page.locator(f'[data-job-row="{job.id}"]')
    job.run_chunks()
    page.clock.run_for(POLLING)
    expect(row.locator("progress")).to_have_attribute("value", "33")
    expect(row).to_contain_text(re.compile("100 .*300"))
    job.finish()
    page.clock.run_for(POLLING)
    expect(row).to_have_count(0)


def test_cancelling_a_job_asks_for_confirmation(page, start_job):
    job = start_job()
    page.goto(f"/jobs/{job.id}/")
    cancel = page.locator("form[action$='/cancel'] button")
    cancel.click()
    answer(page, "no")
    expect(cancel).to_be_visible()
    cancel.click()
    answer(page)
    expect(cancel).to_have_count(0)
    expect(page.locator("[data-live]")).to_be_visible()
    job.run_chunks()
    page.clock.run_for(POLLING)
    expect(page.locator("[data-job]:not([data-live]) progress.is-cancelled")).to_be_visible()
    job.worker.join(60)
    with job.app.app_context():
        assert db.session.get(Job, job.id).done < ROWS


def test_polling_survives_a_server_that_does_not_answer_for_a_while(page, start_job):
    job, failed = start_job(), []

    def fail_twice(route):
        failed.append(route.request.url)
        route.abort() if len(failed) < 3 else route.continue_()

    page.route(PROGRESS, fail_twice)
    page.goto(f"/jobs/{job.id}/")
    job.run_chunks()
    for _attempt in range(3):
        with page.expect_request(PROGRESS):
            page.clock.run_for(4 * POLLING)
    expect(count_text(page)).to_contain_text(re.compile("100 .*300"))
    assert len(failed) >= 3


def test_without_javascript_a_link_refreshes_the_progress(open_page, owner, start_job):
    job = start_job()
    page = open_page(owner, has_scripts=False)
    page.goto(f"/jobs/{job.id}/")
    expect(count_text(page)).not_to_contain_text(re.compile("300 .*300"))
    job.finish()
    page.locator(".job-progress a").click()
    expect(page.locator("[data-job] progress.is-done")).to_be_visible()


def test_axe_finds_no_violations_on_the_page_of_a_job(open_page, owner, start_job):
    ended, running = start_job(), start_job()
    ended.finish()
    with ended.app.app_context():
        failed = db.session.get(Job, ended.id)
        failed.state, failed.error = "failed", "The status “Active” is no longer there."
        db.session.commit()
    running.run_chunks()
    page, violations = open_page(owner), []
    for url in ("/jobs/?who=all", f"/jobs/{running.id}/", f"/jobs/{ended.id}/"):
        page.goto(url)
        violations += find_violations(page)
    assert violations == []


def test_the_page_of_a_job_fits_a_phone(open_page, owner, start_job):
    job = start_job()
    page = open_page(owner, is_phone=True)
    for url in ("/jobs/?who=all", f"/jobs/{job.id}/"):
        page.goto(url)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"], url
