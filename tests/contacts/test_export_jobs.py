"""Large exports: a job makes the file, which waits for its owner for a day."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from unittest.mock import patch

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select, update

from app.contacts.models import Contact
from app.entities.models import Entity
from app.extensions import db
from app.imports.jobs import exporting
from app.imports.models import ExportFile
from app.imports.periodic import DeleteExpiredImports
from app.jobs import runner
from app.jobs.chunk_sizing import ChunkSizer
from app.jobs.models import Job
from app.jobs.services import cancel
from app.log.models import LogEntry
from app.storage.files import find_file
from app.storage.models import StoredFile
from app.storage.services import collect_unused_files
from app.types import now
from tests.factories import a_contact, some_contacts, the_entity
from tests.people import ALICIA, BRUNO, CLARA


def start(browser, query: str = "", **data) -> Job:
    data = {"format": "xlsx", "fields": "all", "ids": "1", "background": "1"} | data
    reply = browser.post(f"/contacts/export.csv{query}", data=data)
    number = int(re.fullmatch(r"/jobs/(\d+)/", reply.location)[1])
    return db.session.get_one(Job, number)


def run(job: Job, size: int = 3, **options) -> Job:
    """Run a job in chunks of so many rows."""
    number = job.id
    db.session.commit()
    with (
        patch.object(ChunkSizer, "_clamp", lambda _self, _size: size),
        patch.object(ChunkSizer, "pause", lambda _self: None),
    ):
        runner.run_job(number, ignore_run_at=True, **options)
    return db.session.get_one(Job, number, populate_existing=True)


def the_export(job: Job) -> ExportFile:
    query = select(ExportFile).where(ExportFile.job_id == job.id)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def download(browser, job: Job):
    return browser.get(f"/contacts/export/files/{the_export(job).id}")


@pytest.mark.both_databases
@pytest.mark.parametrize("name", ["csv", "xlsx", "vcf"])
def test_a_job_makes_the_file_that_its_owner_downloads(client_as, session, name):
    some_contacts(8)
    a_contact("Sur", last_name="Foránea")
    browser = client_as(BRUNO)
    job = run(start(browser, "?sort=-name", format=name))
    assert (job.state, job.error, job.done, job.total) == ("done", "", 8, 8)
    page = browser.get(f"/jobs/{job.id}/").text
    assert f"/contacts/export/files/{the_export(job).id}" in page
    with download(browser, job) as reply:
        content = reply.data
    assert f".{name}" in reply.headers["Content-Disposition"]
    assert "Foránea".encode() not in content
    if name == "xlsx":
        rows = (
            CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
        )
    elif name == "csv":
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    else:
        assert content.count(b"BEGIN:VCARD") == 8
        return
    names = [row[rows[0].index("Last name")] for row in rows[1:]]
    assert names == sorted(names, reverse=True)


def test_the_file_of_another_person_is_not_found_even_by_administrators(client_as, session):
    some_contacts(2)
    job = run(start(client_as(BRUNO)))
    for person in (ALICIA, CLARA):
        assert download(client_as(person), job).status_code == 404
    page = client_as(ALICIA).get(f"/jobs/{job.id}/").text
    assert "Only the person who started this can download the file." in page


@pytest.mark.both_databases
def test_the_file_is_deleted_after_a_day(app, client_as, session):
    some_contacts(2)
    browser = client_as(BRUNO)
    job = run(start(browser))
    key = the_export(job).file_key
    assert find_file(key)
    moment = now() - timedelta(seconds=1)
    session.execute(update(ExportFile).values(expires_at=moment))
    session.execute(update(StoredFile).values(expires_at=moment))
    session.commit()
    assert download(browser, job).location == f"/jobs/{job.id}/"
    assert "kept for 24 hours" in browser.get(f"/jobs/{job.id}/").text
    collect_unused_files(db.session())
    assert find_file(key) is None
    session.execute(update(ExportFile).values(created_at=now() - timedelta(days=9)))
    session.commit()
    DeleteExpiredImports().run(app)
    assert session.scalar(select(ExportFile.id)) is None


def test_who_sees_other_rows_by_now_may_not_download(client_as, session):
    some_contacts(2)
    browser = client_as(BRUNO)
    job = run(start(browser))
    user = BRUNO.user
    user.entity_id = the_entity("Bilbao").id
    session.commit()
    # Whoever reaches other rows by now must sign in again.
    browser = client_as(BRUNO)
    assert download(browser, job).location == f"/jobs/{job.id}/"
    assert "Your access has changed" in browser.get(f"/jobs/{job.id}/").text


def test_a_job_whose_owner_sees_other_rows_by_now_fails_in_words(client_as, session):
    some_contacts(2)
    job = start(client_as(BRUNO))
    BRUNO.user.entity_id = session.scalar(select(Entity.id).where(Entity.name == "Bilbao"))
    session.commit()
    job = run(job)
    assert (job.state, the_export(job).file_key) == ("failed", None)
    assert job.error


@pytest.mark.both_databases
def test_a_process_that_takes_over_begins_the_file_anew(client_as, session):
    some_contacts(8)
    job = start(client_as(BRUNO), format="csv")
    chunks = iter([False, True])
    job = run(job, should_yield=lambda: next(chunks))
    assert job.state == "queued"
    assert 0 < job.done < 8
    # Its process is gone, and with it what it had written.
    for number in list(exporting._states):
        exporting._forget(number)
    job = run(job)
    assert (job.state, job.done, the_export(job).rows) == ("done", 8, 8)
    query = select(LogEntry).where(LogEntry.event == "exported")
    assert len(session.scalars(query).all()) == 1


@pytest.mark.both_databases
def test_a_stopped_job_leaves_no_file(client_as, session):
    some_contacts(8)
    job = start(client_as(BRUNO))
    chunks = iter([False, True])
    job = run(job, should_yield=lambda: next(chunks))
    cancel(db.session(), job.id)
    session.commit()
    job = run(job)
    assert (job.state, the_export(job).file_key) == ("cancelled", None)
    assert job.id not in exporting._states


def test_rows_that_are_gone_by_then_are_left_out(client_as, session):
    some_contacts(4)
    job = start(client_as(BRUNO), format="csv")
    chunks = iter([True])
    job = run(job, size=1, should_yield=lambda: next(chunks))
    last = session.scalars(select(Contact).order_by(Contact.id.desc())).first()
    last.trashed_at = now()
    session.commit()
    job = run(job)
    assert (job.state, the_export(job).rows) == ("done", 3)
