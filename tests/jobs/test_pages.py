"""The pages of jobs: who sees which, progress, reports and failures."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
from jinja2 import ChoiceLoader, DictLoader
from sqlalchemy import select

from app.extensions import db
from app.jobs.models import STATES, Job
from app.log.models import LogEntry
from app.security.areas import Area, Level
from app.security.rights import ADMINISTRATOR
from app.security.roles import LIMITED_ADMINISTRATOR, role_name
from app.types import now
from tests.jobs.kinds import add_job, plug_in_paint_kind
from tests.people import ALICIA, BRUNO, CLARA, DIEGO, PEOPLE, Person, add_person

NORA = Person("nora", "Norte", ADMINISTRATOR)
SETTINGS_EDITOR = Person("sara", "Norte", role_name(Area.SETTINGS, Level.EDIT))
LIMITED = Person("lucas", "Federación", LIMITED_ADMINISTRATOR)


@pytest.fixture(autouse=True)
def paint(monkeypatch):
    """Register the job kind for one test."""
    return plug_in_paint_kind(monkeypatch)


def numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'data-job-row="(\d+)"', page)]


def test_users_see_only_their_own_jobs_newest_first(client_as, person):
    others = [add_job(other, title="Not for you") for other in PEOPLE if other != person]
    mine = [add_job(person, title=f"Mine {number}") for number in range(2)]
    browser = client_as(person)

    page = browser.get("/jobs/").text

    assert numbers(page) == [mine[1].id, mine[0].id]
    assert "Not for you" not in page
    assert browser.get(f"/jobs/{mine[0].id}/").status_code == 200
    if person is not ALICIA:
        for job in others:
            for page_of_job in ("", "progress", "failures.csv"):
                assert browser.get(f"/jobs/{job.id}/{page_of_job}").status_code == 404
            assert browser.post(f"/jobs/{job.id}/cancel").status_code == 404
            assert browser.post(f"/jobs/{job.id}/failures.csv").status_code == 404
            assert not db.session.get(Job, job.id, populate_existing=True).is_cancelled


def test_jobs_of_colleagues_require_a_permission(client_as):
    for person in (SETTINGS_EDITOR, LIMITED):
        add_person(person)
    job = add_job(BRUNO, title="Bruno's")
    for person, code in (
        (BRUNO, 403),
        (CLARA, 403),
        (DIEGO, 403),
        (LIMITED, 403),
        (SETTINGS_EDITOR, 200),
    ):
        browser = client_as(person)
        assert browser.get("/jobs/?who=all").status_code == code
        assert ("who=all" in browser.get("/jobs/").text) is (code == 200)
        # A right to Settings adds the page to the main menu; others find it in the user menu.
        assert ('data-tip="Processes"' in browser.get("/jobs/").text) is (code == 200)
        if code == 200:
            assert numbers(browser.get("/jobs/?who=all").text) == [job.id]
            assert browser.get(f"/jobs/{job.id}/").status_code == 200


def test_colleagues_are_users_in_the_actors_entities(client_as):
    for person in (NORA, Person("sofía", "Sur", None)):
        add_person(person)
    near, far = add_job(BRUNO, title="Near"), add_job(Person("sofía", "Sur", None), title="Far")
    of_the_system = add_job(ALICIA, title="The system's", actor_id=None, actor_name="Padrón")
    nora, alicia = client_as(NORA), client_as(ALICIA)
    assert numbers(nora.get("/jobs/?who=all").text) == [near.id]
    assert numbers(alicia.get("/jobs/?who=all").text) == [of_the_system.id, far.id, near.id]
    codes = [nora.get(f"/jobs/{job.id}/").status_code for job in (near, far, of_the_system)]
    assert codes == [200, 404, 404]
    assert nora.post(f"/jobs/{near.id}/cancel").status_code == 302
    assert nora.post(f"/jobs/{far.id}/cancel").status_code == 404
    assert [near.is_cancelled, far.is_cancelled] == [True, False]


def test_each_tab_shows_the_jobs_in_its_states(client_as):
    jobs = {
        state: add_job(BRUNO, state, error="It broke." * (state == "failed")) for state in STATES
    }
    browser = client_as(BRUNO)
    parts = {
        "all": tuple(STATES), "running": ("queued", "running"), "done": ("done",),
        "failed": ("failed",), "cancelled": ("cancelled",),
    }  # fmt: skip
    for part, states in parts.items():
        page = browser.get(f"/jobs/?part={part}").text
        assert set(numbers(page)) == {jobs[state].id for state in states}
        assert ("It broke." in page) is ("failed" in states)
        assert f"{len(states)}</span></a></li>" in page


def test_an_empty_list_explains_jobs(client_as):
    assert "run in the background" in client_as(BRUNO).get("/jobs/").text


def test_every_page_of_a_long_list_takes_the_same_number_of_statements(client_as, counting):
    browser, counts = client_as(BRUNO), []
    for more in (1, 119):
        for _number in range(more):
            add_job(BRUNO, "done")
        with counting() as statements:
            page = browser.get("/jobs/").text
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 12, statements
    seen, pages = numbers(page), 1
    while older := re.search(r'href="(\?part=all&amp;before=\d+)"', page):
        page = browser.get("/jobs/" + older[1].replace("&amp;", "&")).text
        seen, pages = seen + numbers(page), pages + 1
        assert pages < 9
    assert (len(set(seen)), len(seen), pages) == (120, 120, 3)


def test_the_link_to_the_next_page_keeps_tab_and_users(client_as):
    for _number in range(51):
        add_job(BRUNO, "failed")
    page = client_as(ALICIA).get("/jobs/?who=all&part=failed").text
    assert re.search(r'href="\?part=failed&amp;who=all&amp;before=\d+"', page)


@pytest.mark.parametrize("query", ["part=x", "who=x", "before=x", "before=" + "9" * 30])
def test_invalid_parameters_of_the_list_are_a_404(client_as, query):
    assert client_as(BRUNO).get(f"/jobs/?{query}").status_code == 404


@pytest.mark.parametrize("query", ["outcome=x", "after=x", "after=-1"])
def test_invalid_parameters_of_the_report_are_a_404(client_as, query):
    job = add_job(BRUNO, "done", done=9, total=9)
    assert client_as(BRUNO).get(f"/jobs/{job.id}/?{query}").status_code == 404


def test_the_page_shows_the_progress_of_a_job(client_as):
    job = add_job(
        BRUNO, title="Paint <b>", done=1240, total=4312, started_at=now() - timedelta(seconds=60)
    )
    page = client_as(BRUNO).get(f"/jobs/{job.id}/").text
    assert "<b>" not in re.search(r"<h1>(.*?)</h1>", page)[1]
    assert 'value="28"' in page
    assert "1,240 of 4,312" in page
    assert "about 2 minutes left" in page
    assert f'action="/jobs/{job.id}/cancel"' in page
    # Nothing to download before the end.
    assert f'action="/jobs/{job.id}/failures.csv"' not in page


def test_the_report_is_filtered_and_paged(client_as):
    job = add_job(BRUNO, "done", done=300, total=300)
    browser = client_as(BRUNO)
    page = browser.get(f"/jobs/{job.id}/").text
    assert page.count('class="job-name"') == 50
    assert 'href="/contacts/show/1"' in page
    assert "<script>alert" not in page
    seen, pages = [], 0
    address = f"/jobs/{job.id}/?outcome=skipped"
    while address:
        page = browser.get(address).text
        assert "Out of paint." in page
        seen += re.findall(r'class="job-name"><span>(.*?)</span>', page)
        assert 'class="job-name"><a' not in page
        older = re.search(r'href="(\?outcome=skipped&amp;after=[1-9]\d*)"', page)
        address = older and f"/jobs/{job.id}/" + older[1].replace("&amp;", "&")
        pages += 1
        assert pages < 9
    assert (len(seen), pages) == (100, 2)
    assert seen[-1] == "Person 300"


def test_a_kind_can_add_its_own_template_to_the_page(app, client_as, monkeypatch, paint):
    templates = DictLoader({"paint.html": "<p>In {{ colour }}, job {{ job.id }}</p>"})
    monkeypatch.setattr(app.jinja_env, "loader", ChoiceLoader([templates, app.jinja_loader]))
    paint.template = "paint.html"
    paint.content = classmethod(lambda cls, session, job: {"colour": "<red>"})
    job = add_job(BRUNO)
    assert f"<p>In &lt;red&gt;, job {job.id}</p>" in client_as(BRUNO).get(f"/jobs/{job.id}/").text


def test_the_page_of_a_failed_job_shows_the_error_and_the_job_id(client_as):
    job = add_job(BRUNO, "failed", error="The status <b>Active</b> is gone.", done=5, total=9)
    page = client_as(BRUNO).get(f"/jobs/{job.id}/").text
    assert "The status &lt;b&gt;Active&lt;/b&gt; is gone." in page
    assert f"quote process {job.id}." in page
    assert f'action="/jobs/{job.id}/cancel"' not in page


def test_a_job_of_an_unknown_kind_is_still_shown(client_as):
    job = add_job(BRUNO, "done", kind="forgotten")
    browser = client_as(BRUNO)
    assert "forgotten" in browser.get(f"/jobs/{job.id}/").text
    assert browser.get(f"/jobs/{job.id}/progress").json["counts"] == {}
    assert browser.post(f"/jobs/{job.id}/failures.csv").status_code == 404


def test_a_job_can_be_cancelled_only_before_its_end(client_as):
    job, ended = add_job(BRUNO), add_job(BRUNO, "done")
    browser = client_as(BRUNO)
    page = browser.post(f"/jobs/{job.id}/cancel", follow_redirects=True).text
    assert "The process is stopping." in page
    assert f'action="/jobs/{job.id}/cancel"' not in page
    assert db.session.get(Job, job.id, populate_existing=True).is_cancelled
    page = browser.post(f"/jobs/{ended.id}/cancel", follow_redirects=True).text
    assert "has already ended" in page
    assert not db.session.get(Job, ended.id, populate_existing=True).is_cancelled


def test_failures_are_a_csv_with_escaped_formulas_and_the_download_is_logged(client_as):
    job = add_job(BRUNO, "done", title="Paint", done=12, total=12)
    browser = client_as(BRUNO)
    assert f'action="/jobs/{job.id}/failures.csv"' in browser.get(f"/jobs/{job.id}/").text
    assert browser.get(f"/jobs/{job.id}/failures.csv").location == f"/jobs/{job.id}/"

    reply = browser.post(f"/jobs/{job.id}/failures.csv")

    assert reply.content_type == "text/csv; charset=utf-8"
    assert reply.headers["Content-Disposition"].startswith("attachment; filename=not-completed-")
    text = reply.data.decode("utf-8")
    assert text.startswith("\ufeffName,Reason\r\n")
    rows = [*csv.reader(io.StringIO(text.removeprefix("\ufeff")))][1:]
    assert [name for name, _why in rows] == [
        "Ñandú; SL", "'+34 600", "García O'Neil <script>alert(1)</script>", "'=cmd|' /C calc'!A0",
    ]  # fmt: skip
    entry = db.session.scalars(select(LogEntry).where(LogEntry.event == "exported")).one()
    assert entry.actor_id == BRUNO.user.id
    assert entry.changes["filter"] == [None, {"en": f"{job.id}: Paint", "es": f"{job.id}: Paint"}]


def test_there_is_no_failures_download_when_all_rows_were_done(client_as):
    job = add_job(BRUNO, "done", done=2, total=2)
    assert "failures.csv" not in client_as(BRUNO).get(f"/jobs/{job.id}/").text


def test_the_failures_csv_uses_semicolons_in_spanish(client_as):
    job = add_job(BRUNO, "done", done=3, total=3)
    browser = client_as(BRUNO)
    browser.post("/language", data={"language": "es"})
    assert "Name;Reason" in browser.post(f"/jobs/{job.id}/failures.csv").text
