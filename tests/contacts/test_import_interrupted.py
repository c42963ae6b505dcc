"""Imports that end before their last row, are stopped, or are checked again."""

from __future__ import annotations

import errno
import re

import pytest
from sqlalchemy import func, select

from app.contacts.importers import ContactImporter
from app.contacts.models import Contact
from app.extensions import db
from app.importexport.writing import ChunkWriter
from app.imports import services
from app.imports.models import ImportChunk, ImportIssue, ImportRun
from app.imports.periodic import DeleteExpiredImports
from app.imports.services import DRAFT_LIFETIME
from app.jobs.models import Job
from app.jobs.services import cancel
from app.security.actor import SYSTEM, acting_as
from app.storage import files
from app.storage.models import StoredFile
from app.types import now
from tests.contacts.test_import_pages import rejected, run_import, submit_columns, upload
from tests.importexport.importing import check_file, run_checked, run_job
from tests.people import BRUNO

ROWS = 10
FILE = "Apellidos;Nombre;Número\n" + "".join(f"Peña;Ana {n};I{n:03d}\n" for n in range(ROWS))


@pytest.fixture
def browser(client_as):
    return client_as(BRUNO)


@pytest.fixture
def run(session, tmp_path) -> ImportRun:
    """Return an import that was checked."""
    path = tmp_path / "a.csv"
    path.write_text(FILE)
    return check_file(ContactImporter(), path, BRUNO.as_actor(), 4)


def imported() -> int:
    return db.session.scalar(select(func.count(Contact.id)).where(Contact.number.like("I%"))) or 0


def before_chunk(monkeypatch, number: int, act) -> None:
    """Call ``act`` before the chunk of this number, counted from 1, is written."""
    write, count = ChunkWriter.write, 0

    def interfere(self):
        nonlocal count
        count += 1
        if count == number:
            act()
        write(self)

    monkeypatch.setattr(ChunkWriter, "write", interfere)


def fail():
    raise ValueError("secret")


def job_of(run: ImportRun) -> Job:
    operation = db.session.get_one(ImportRun, run.id, populate_existing=True).operation
    assert operation is not None
    return db.session.get_one(Job, operation.job_id, populate_existing=True)


@pytest.mark.both_databases
def test_an_error_in_the_middle_loses_and_repeats_nothing(run, monkeypatch):
    before_chunk(monkeypatch, 3, fail)
    with pytest.raises(AssertionError, match="Something went wrong"):
        run_checked(run, BRUNO.as_actor(), 3)
    assert imported() == 6
    job = job_of(run)
    assert (job.state, job.cursor) == ("queued", 6)
    assert "secret" not in job.error
    run_job(job, 3)
    assert imported() == ROWS
    operation = db.session.get_one(ImportRun, run.id, populate_existing=True).operation
    assert (operation.changed, operation.job.done) == (ROWS, ROWS)


def test_an_import_can_be_stopped_and_what_is_in_can_be_undone(run, browser, monkeypatch):
    before_chunk(monkeypatch, 2, fail)
    with pytest.raises(AssertionError, match="queued"):
        run_checked(run, BRUNO.as_actor(), 3)
    job = job_of(run)
    cancel(db.session(), job.id)
    db.session.commit()
    with pytest.raises(AssertionError, match="cancelled"):
        run_job(job, 3)
    assert (job.state, imported()) == ("cancelled", 3)
    page = browser.get(f"/jobs/{job.id}/").text
    assert "Stopped before finishing" in page
    at = re.search(r'action="(/contacts/import/[^"]+/undo)"', page)[1]
    assert '<b data-count="undone">3</b>' in browser.get(browser.post(at).location).text
    assert imported() == 0


@pytest.mark.parametrize("what", ["locked", "roles"])
def test_whoever_is_locked_does_not_go_on_importing(run, monkeypatch, what):
    from app.jobs import runner

    monkeypatch.setattr(runner, "ACTOR_REFRESH_SECONDS", -1)

    def lock():
        with acting_as(SYSTEM):
            if what == "locked":
                BRUNO.user.active = False
            else:
                BRUNO.user.roles = []
            db.session.flush()

    # The second chunk is still done, as it was begun with the rights.
    before_chunk(monkeypatch, 2, lock)
    with pytest.raises(Exception, match="no longer"):
        run_checked(run, BRUNO.as_actor(), 3)
    assert imported() == 6
    assert job_of(run).state == "failed"


def test_an_import_that_has_begun_cannot_be_cancelled(browser):
    at = upload(browser, FILE).location
    submit_columns(browser, at)
    run_import(browser, at)
    page = browser.post(f"{at}/cancel", follow_redirects=True).text
    assert "can’t be cancelled" in page
    assert "Nothing was changed" not in page
    assert imported() == ROWS


def test_a_second_check_ends_the_first(run):
    with acting_as(BRUNO.as_actor()):
        first = db.session.get_one(Job, run.check_job_id)
        run_id, plan = run.id, services.load_plan(db.session(), run, BRUNO.as_actor())
        from app.imports.plans import open_file

        source = open_file(run)
        again = services.start_check(db.session(), run, source, plan, BRUNO.as_actor(), delay=30)
        chunks = select(func.count()).where(ImportChunk.run_id == run_id)
        assert db.session.scalar(chunks) == 0
        run_job(again, 3)
    assert first.id != again.id
    assert db.session.scalar(chunks) == 4
    assert db.session.scalar(select(func.count(ImportIssue.id))) == 0


def test_a_full_disk_is_said_at_the_upload_and_leaves_no_file(app, browser, monkeypatch):
    before = set(files.old_files())

    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    reply = upload(browser, FILE)
    assert reply.status_code == 422
    assert "could not be stored" in reply.text
    assert set(files.old_files()) == before
    assert db.session.scalar(select(func.count(ImportRun.id))) == 0


def test_drafts_are_forgotten_after_a_day_and_problems_with_their_file(app, session, browser):
    at = upload(browser, FILE + ";no name;\n").location
    submit_columns(browser, at)
    run_import(browser, at)
    draft = upload(browser, FILE).location
    assert "no name" in rejected(browser, at)
    for row in session.scalars(select(ImportRun)):
        row.created_at = now() - 2 * DRAFT_LIFETIME
    session.execute(StoredFile.__table__.delete())
    session.commit()
    DeleteExpiredImports().run(app)
    assert browser.get(draft).status_code == 404
    assert browser.get(at).status_code == 302
    assert session.scalar(select(func.count(ImportIssue.id))) == 0
    assert session.scalar(select(func.count()).select_from(ImportChunk)) == 0
