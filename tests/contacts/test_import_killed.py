"""Imports whose workers are killed at any moment: no row is lost, and none is imported twice."""

from __future__ import annotations

import csv
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.contacts.importers import ContactImporter
from app.contacts.models import Contact
from app.crud.screens import screen_of
from app.database import reading
from app.extensions import db
from app.importexport.planning import ImportOptions, build_plan
from app.importexport.reading import Source
from app.importexport.report import Report
from app.imports import services
from app.imports.files import store_upload
from app.imports.models import ImportRun
from app.jobs.models import LIVE_STATES, Job
from app.log.models import LogEntry
from app.operations.models import Operation, OperationItem
from app.security.actor import acting_as
from tests.databases import migrated_app
from tests.jobs.processes import process_settings, redis_server
from tests.operations.test_killed import MAX_SECONDS
from tests.operations.worker_processes import SLOW_FILE, WorkerProcesses
from tests.people import BRUNO
from tests.ports import free_port
from tests.sampling import IS_FULL, chance

pytestmark = [pytest.mark.both_databases, pytest.mark.long]

KNOWN, NEW, WRONG = (10_000, 10_000, 100) if IS_FULL else (1_200, 1_200, 20)
# Kills of the check, the run and the undoing.
KILLS = (4, 8, 4) if IS_FULL else (1, 3, 1)


class Workers:
    """An application and its worker processes, which are killed."""

    def __init__(self, app: Flask, processes: WorkerProcesses) -> None:
        self.app, self.processes = app, processes
        self.slow_file = Path(app.config["DATA_DIR"]) / SLOW_FILE

    def job(self, job_id: int) -> Any:
        with reading():
            query = select(Job.cursor, Job.state, Job.owner, Job.done).where(Job.id == job_id)
            row = db.session.execute(query).one()
            db.session.rollback()
        return row

    def wait(self, job_id: int, is_so: Any) -> Any:
        """Wait until a condition on a live job is met; return its row."""
        until = time.monotonic() + MAX_SECONDS
        while not is_so(row := self.job(job_id)) and row.state in LIVE_STATES:
            assert time.monotonic() < until, f"nothing happens any more: {row}"
            time.sleep(0.01)
        return row

    def work(self, job_id: int, kills: int, moments: random.Random) -> None:
        """Kill the worker of a job at random moments; then let the job end."""
        self.slow_file.touch()
        last, had = None, self.job(job_id).cursor
        if not self.processes.alive:
            self.processes.start()
        for kill in range(kills):
            self.wait(job_id, lambda row, last=last: row.owner not in (None, last))
            began = time.monotonic()
            self.wait(job_id, lambda row, had=had: row.cursor > had)
            time.sleep(moments.uniform(0, 2 * (time.monotonic() - began)))
            row = self.wait(job_id, lambda row: row.owner is not None)
            assert row.state == "running", f"it ended before kill {kill + 1}"
            assert self.processes.end(int(row.owner.split(":")[1]), signal.SIGKILL) == -9
            last, had = row.owner, self.job(job_id).cursor
            self.processes.start()
        self.slow_file.unlink()
        row = self.wait(job_id, lambda row: False)
        assert row.state == "done", row


@pytest.fixture(scope="module")
def workers(database, tmp_path_factory) -> Iterator[Workers]:
    """Give SQLite with one server that runs its own jobs, and PostgreSQL with a worker."""
    folder = tmp_path_factory.mktemp("killed imports")
    with ExitStack() as stack:
        one = {"PADRON_WORKERS": "1"}
        settings, command = one | {"PADRON_PORT": str(free_port())}, "serve"
        if database == "postgres":
            url = stack.enter_context(redis_server(folder, free_port()))
            settings, command = one | {"PADRON_REDIS_URL": url}, "worker"
        app = stack.enter_context(migrated_app(database, folder, with_people=True))
        stack.enter_context(app.app_context())
        log = stack.enter_context((folder / "log.txt").open("wb"))
        processes = WorkerProcesses(process_settings(app, **settings), (command,), log)
        stack.callback(processes.close)
        yield Workers(app, processes)
        db.session.remove()


def write_file(path: Path, city: str, *, is_whole: bool) -> Path:
    """Write the rows of the file; those that are known come first as often as new ones."""
    lines = [("Nombre", "Apellidos", "Correo", "Localidad")]
    for number in range(KNOWN):
        lines.append(("Ana", f"Conocida {number}", f"c{number}@example.org", city))
        if is_whole and number < NEW:
            lines.append(("Eva", f"Nueva {number}", f"n{number}@example.org", city))
        if is_whole and number < WRONG:
            lines.append(("Luis", f"Mal {number}", "no-mail", city))
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows(lines)
    return path


def start_check(path: Path) -> ImportRun:
    session, actor = db.session(), BRUNO.as_actor()
    with acting_as(actor), path.open("rb") as content:
        stored, lines = store_upload(content, path.name, 10**9)
        run = services.create_run(session, ContactImporter(), stored, lines, actor)
        session.commit()
        source = Source(path)
        options = ImportOptions(country="ES")
        plan = build_plan(ContactImporter(), session, source, actor, options)
        services.start_check(session, run, source, plan, actor)
        session.commit()
    return run


def run_it(run: ImportRun) -> int:
    """Confirm an import; return the id of its job."""
    with acting_as(BRUNO.as_actor()):
        run = db.session.get_one(ImportRun, run.id, populate_existing=True)
        key = screen_of(Contact).key
        digest = run.plan_hash or ""
        job = services.confirm(db.session(), run, digest, key, BRUNO.as_actor(), at_once=0)
        db.session.commit()
        return job.id


def contents() -> dict[int, tuple]:
    """Return the values of all contacts, without versions and times."""
    db.session.rollback()
    columns = [
        column
        for column in Contact.__table__.c
        if column.name not in ("version", "updated_at", "trashed_at", "trashed_by_id")
    ]
    rows = db.session.execute(
        select(Contact.id, Contact.trashed_at, *columns).order_by(Contact.id),
        execution_options={"with_trash": True},
    )
    found = {row[0]: (row[1] is not None, *row[2:]) for row in rows}
    db.session.rollback()
    return found


def entries_since(last: int) -> Counter:
    query = select(LogEntry.subject_id, LogEntry.event).where(
        LogEntry.id > last, LogEntry.subject_type == "contact"
    )
    found = Counter(tuple(row) for row in db.session.execute(query))
    db.session.rollback()
    return found


def last_entry() -> int:
    last = db.session.scalar(text("SELECT coalesce(max(id), 0) FROM log_entry"))
    db.session.rollback()
    return last


def test_kills_lose_and_repeat_nothing_and_undo_puts_everything_back(workers, tmp_path):
    moments = chance(f"killed imports {db.engine.dialect.name}")
    known = start_check(write_file(tmp_path / "known.csv", "Lugo", is_whole=False))
    workers.work(known.check_job_id, 0, moments)
    workers.work(run_it(known), 0, moments)
    before, last = contents(), last_entry()
    assert len(before) >= KNOWN

    run = start_check(write_file(tmp_path / "all.csv", "Vigo", is_whole=True))
    workers.work(run.check_job_id, KILLS[0], moments)
    report = Report.from_json(
        db.session.get_one(ImportRun, run.id, populate_existing=True).checked
    )
    assert (report.new, report.updated, report.invalid) == (NEW, KNOWN, WRONG)
    assert report.rows == NEW + KNOWN + WRONG
    assert contents() == before

    workers.work(run_it(run), KILLS[1], moments)
    run = db.session.get_one(ImportRun, run.id, populate_existing=True)
    report = Report.from_json(run.result)
    assert (report.new, report.updated, report.invalid) == (NEW, KNOWN, WRONG)
    operation = db.session.get_one(Operation, run.operation_id, populate_existing=True)
    assert operation.changed == NEW + KNOWN
    after = contents()
    assert len(after) == len(before) + NEW
    emails = Counter(db.session.scalars(select(Contact.email).where(Contact.city == "Vigo")))
    assert set(emails.values()) == {1}
    assert len(emails) == NEW + KNOWN
    entries = entries_since(last)
    assert set(entries.values()) == {1}, "one entry for each change"
    assert Counter(event for _pk, event in entries) == {"created": NEW, "changed": KNOWN}
    items = select(OperationItem.outcome).where(OperationItem.operation_id == operation.id)
    assert Counter(db.session.scalars(items)) == {"created": NEW, "changed": KNOWN}

    last = last_entry()
    with acting_as(BRUNO.as_actor()):
        job = services.undo(db.session(), run, BRUNO.as_actor(), at_once=0)
        db.session.commit()
    workers.work(job.id, KILLS[2], moments)
    back = contents()
    assert {pk: values for pk, values in back.items() if pk in before} == before
    assert all(is_trashed for pk, (is_trashed, *_rest) in back.items() if pk not in before)
    entries = entries_since(last)
    assert set(entries.values()) == {1}
    assert Counter(event for _pk, event in entries) == {"trashed": NEW, "changed": KNOWN}
    operation = db.session.get_one(Operation, run.operation_id, populate_existing=True)
    assert (operation.undone, operation.kept) == (NEW + KNOWN, 0)
