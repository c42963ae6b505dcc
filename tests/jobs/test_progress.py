"""The progress of jobs: numbers, texts, and the JSON for the badge and the pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask_babel import force_locale

from app.extensions import db
from app.jobs.models import Job
from app.jobs.progress import format_time_left, get_progress
from app.types import now
from tests.jobs.kinds import add_job, plug_in_paint_kind
from tests.people import ALICIA, BRUNO, CLARA, DIEGO


@pytest.fixture(autouse=True)
def paint(monkeypatch):
    """Register the job kind for one test."""
    return plug_in_paint_kind(monkeypatch)


def make_job(**fields) -> Job:
    whole = {"kind": "paint", "state": "running", "is_cancelled": False, "attempts": 0}
    return Job(**whole, error="It broke.", **fields)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds left"),
        (12, "about 10 seconds left"),
        (54, "about 50 seconds left"),
        (62, "about 1 minute left"),
        (130, "about 2 minutes left"),
        (5000, "about 83 minutes left"),
        (5400, "about 2 hours left"),
        (86400, "about 24 hours left"),
    ],
)
def test_the_time_left_is_rounded(app, seconds, words):
    with app.test_request_context(), force_locale("en"):
        assert format_time_left(seconds) == words


@pytest.mark.parametrize(
    ("fields", "percent", "counted", "left"),
    [
        ({"done": 0, "total": 10, "ran": 30}, 0, "0 of 10", ""),
        ({"done": 1, "total": 10, "ran": 1}, 10, "1 of 10", ""),
        ({"done": 5, "total": 10, "ran": 30}, 50, "5 of 10", "about 30 seconds left"),
        ({"done": 10, "total": 10, "ran": 30}, 99, "10 of 10", "a few seconds left"),
        ({"done": 12, "total": 10, "ran": 30}, 99, "12 of 10", "a few seconds left"),
        ({"done": 1999, "total": None, "ran": 30}, None, "1,999 so far", ""),
        ({"done": 0, "total": None, "ran": 30}, None, "", ""),
        ({"done": 0, "total": 0, "ran": 30}, None, "0 of 0", ""),
    ],
)
def test_the_percentage_is_rounded_down_and_below_100_before_the_end(
    app, fields, percent, counted, left
):
    moment = now()
    numbers = {name: fields[name] for name in ("done", "total")}
    job = make_job(started_at=moment - timedelta(seconds=fields["ran"]), **numbers)
    with app.test_request_context(), force_locale("en"):
        progress = get_progress(job, moment)
    assert (progress.percent, progress.count_text, progress.time_left) == (percent, counted, left)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "You can leave this page."),
        ({"is_cancelled": True}, "Stopping…"),
        (
            {"lease_until": now() - timedelta(seconds=5)},
            "Interrupted. It will continue automatically",
        ),
        ({"lease_until": now() + timedelta(hours=1)}, "You can leave this page."),
        ({"state": "queued", "run_at": now()}, "Waiting to start."),
        (
            {"state": "queued", "attempts": 2, "run_at": now() + timedelta(hours=1)},
            "It broke. Interrupted. It will continue in",
        ),
        ({"state": "cancelled"}, "Stopped before finishing."),
        ({"state": "failed"}, ""),
        ({"state": "done"}, "Finished in 3 minutes"),
    ],
)
def test_a_sentence_describes_the_state(app, fields, sentence):
    moment = now()
    job = make_job(done=5, total=9, started_at=moment - timedelta(minutes=3), finished_at=moment)
    for name, value in fields.items():
        setattr(job, name, value)
    with app.test_request_context(), force_locale("en"):
        text = get_progress(job, moment).sentence
    assert sentence in text
    assert bool(sentence) is bool(text)


def test_the_progress_address_returns_json_in_three_statements(client_as, counting):
    job = add_job(BRUNO, done=1240, total=4312, started_at=now() - timedelta(seconds=60))
    browser, address = client_as(BRUNO), f"/jobs/{job.id}/progress"
    with counting() as statements:
        data = browser.get(address, headers={"Accept-Language": "en"}).json
    assert data == {
        "state": "running", "state_text": "Running", "colour": "blue", "is_live": True,
        "done": 1240, "total": 4312, "percent": 28, "percent_text": "28%", "count_text": "1,240 of 4,312",
        "time_left": "about 2 minutes left",
        "sentence": "You can leave this page.",
        "counts": {"changed": "827", "skipped": "413"},
    }  # fmt: skip
    # The user, their rights and the job: polled each second, so no more than that.
    assert len(statements) <= 3, statements


def test_the_badge_gets_only_the_users_own_jobs(client_as):
    mine = [
        add_job(BRUNO, state, done=12, total=12, title="Paint") for state in ("running", "done")
    ]
    others = [add_job(CLARA, state, title="Clara's") for state in ("running", "done")]
    old = add_job(BRUNO, "done", title="Long ago")
    watch = ",".join(str(job.id) for job in (*mine, *others))
    data = client_as(BRUNO).get(f"/jobs/mine?watch={watch}").json
    assert data["label"] == "1 process running"
    assert [job["id"] for job in data["live"]] == [mine[0].id]
    assert data["ended"] == [
        {
            "id": mine[1].id,
            "url": f"/jobs/{mine[1].id}/",
            "state": "done",
            "text": "Paint: changed 8 · skipped 4",
        }
    ]
    assert old.id not in {job["id"] for job in data["ended"]}


@pytest.mark.parametrize(
    ("state", "text"), [("failed", "Paint: Failed"), ("cancelled", "Paint: changed 8 · skipped 4")]
)
def test_the_badge_gets_the_result_of_an_ended_job(client_as, state, text):
    job = add_job(BRUNO, state, done=12, total=20, title="Paint")
    data = client_as(BRUNO).get(f"/jobs/mine?watch={job.id}").json
    assert [job["text"] for job in data["ended"]] == [text]


@pytest.mark.parametrize("watch", ["", ",", "x,1e9,-1,²", "9" * 40, ",".join(["7"] * 900)])
def test_invalid_watch_parameters_are_ignored(client_as, watch):
    data = client_as(DIEGO).get(f"/jobs/mine?watch={watch}").json
    assert (data["live"], data["ended"]) == ([], [])


def test_every_page_shows_the_number_of_running_jobs(client_as, counting):
    browser = client_as(BRUNO)
    add_job(BRUNO, "done")
    add_job(ALICIA, "running")
    assert 'data-jobs="" title="0 processes running" hidden' in browser.get("/contacts/list/").text
    jobs = [add_job(BRUNO, state) for state in ("queued", "running")]
    with counting() as statements:
        page = browser.get("/contacts/list/").text
    ids = ",".join(str(job.id) for job in jobs)
    assert f'data-jobs="{ids}" title="2 processes running">' in page
    assert len([one for one in statements if " job" in one]) == 1
    assert len(statements) <= 12


def test_background_requests_do_not_extend_the_session(client_as, session):
    job = add_job(BRUNO)
    browser = client_as(BRUNO)
    earlier = int((now() - timedelta(minutes=5)).timestamp())
    for address, extends_session in (
        (f"/jobs/{job.id}/progress", False), ("/jobs/mine", False), (f"/jobs/{job.id}/", True),
    ):  # fmt: skip
        with browser.session_transaction() as cookie:
            cookie["seen"] = earlier
        assert browser.get(address).status_code == 200
        with browser.session_transaction() as cookie:
            assert (cookie["seen"] > earlier) is extends_session, address
    assert db.session.get(Job, job.id).is_live
