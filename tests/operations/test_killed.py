"""Collective actions whose workers are killed: no row is lost, changed twice or logged twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Select, select, text

from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Contact, Status, Tag
from app.database import reading
from app.extensions import db
from app.jobs.chunk_sizing import TARGET_CHUNK_SECONDS
from app.jobs.models import LIVE_STATES, Job
from app.log.models import LogEntry
from app.operations import services
from app.operations.models import Operation, OperationItem
from app.operations.services import create_draft
from app.security.actor import acting_as
from tests.contact_actions import AddTag
from tests.databases import migrated_app
from tests.factories import a_value, the_entity
from tests.jobs.processes import process_settings, redis_server
from tests.operations.run_actions import action_with, selection_of
from tests.operations.worker_processes import SLOW_FILE, WorkerProcesses
from tests.people import BRUNO
from tests.ports import free_port
from tests.sampling import IS_FULL, chance

pytestmark = [pytest.mark.both_databases, pytest.mark.long]

NORTHERN, SOUTHERN = (50_000, 1_000) if IS_FULL else (4_000, 500)
# Kills of an operation, and of its undoing.
KILLS, KILLS_BACK = (10, 2) if IS_FULL else (4, 1)
# Seconds after which a job counts as stuck, however busy the machine is.
MAX_SECONDS = 300.0

CONTACTS = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
INSERT INTO contact (number, first_name, last_name, sort_name, email, entity_id, status_id,
    version, created_at, updated_at)
SELECT :prefix || i, 'Íñigo', 'Peña ' || i, 'pena ' || i, 'p' || i || '@example.org', :entity,
    CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN :old WHEN 2 THEN :new ELSE :other END,
    1 + i % 3, '2026-01-01', '2026-01-01' FROM n
"""
TAGS = (
    "INSERT INTO contact_tag (contact_id, tag_id) SELECT id, :tag FROM contact WHERE id % 4 = :n"
)


@dataclass
class Deployment:
    """An application with many contacts, and its worker processes."""

    app: Flask
    processes: WorkerProcesses
    workers: int
    # The operation that is killed and undone, and the one whose workers are terminated.
    first: Case
    second: Case
    cursors: dict[int, list[int]] = field(default_factory=dict)

    @property
    def slow_file(self) -> Path:
        """The file that makes workers pause, so that there is time to kill them."""
        return Path(self.app.config["DATA_DIR"]) / SLOW_FILE

    def read_progress(self, job_id: int) -> Any:
        """Return the progress, the owner and the state of a job."""
        with reading():
            row = db.session.execute(
                select(Job.cursor, Job.state, Job.owner, Job.done).where(Job.id == job_id)
            ).one()
            db.session.rollback()
        self.cursors.setdefault(job_id, []).append(row.cursor)
        return row

    def wait(self, job_id: int, is_so: Any) -> Any:
        """Wait until a condition on a live job is met; return its row."""
        until = time.monotonic() + MAX_SECONDS
        while not is_so(row := self.read_progress(job_id)) and row.state in LIVE_STATES:
            assert time.monotonic() < until, f"nothing happens any more: {row}"
            time.sleep(0.03)
        return row

    def start_workers(self) -> None:
        """Start workers until there are enough."""
        while len(self.processes.alive) < self.workers:
            self.processes.start()

    def kill_while_it_works(self, job_id: int, kills: int, moments: random.Random) -> None:
        """Kill the worker of a job several times, at random moments; then let the job end."""
        self.slow_file.touch()
        last, had = None, self.read_progress(job_id).cursor
        self.start_workers()
        for kill in range(kills):
            self.wait(job_id, lambda row, last=last: row.owner not in (None, last))
            began = time.monotonic()
            self.wait(job_id, lambda row, had=had: row.cursor > had)
            # Chunks are as large as goes in a certain time: this is some moment of the next ones.
            time.sleep(moments.uniform(0, 2 * (time.monotonic() - began)))
            self.wait_for_a_chunk(moments)
            row = self.wait(job_id, lambda row: row.owner is not None)
            assert row.state == "running", f"it ended before kill {kill + 1}"
            pid = int(row.owner.split(":")[1])
            assert self.processes.end(pid, signal.SIGKILL) == -signal.SIGKILL
            # The next is begun only now: it does its share beyond this.
            last, had = row.owner, self.read_progress(job_id).cursor
            self.processes.start()
        self.slow_file.unlink()
        assert self.wait(job_id, lambda row: False).state == "done"
        seen = self.cursors[job_id]
        assert seen == sorted(seen), "the cursor went back"

    def wait_for_a_chunk(self, moments: random.Random) -> None:
        """Wait for a random moment within a chunk: on SQLite a job pauses most of the time."""
        path = self.app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
        if "://" in path:
            return
        until = time.monotonic() + 1
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as line:
            while time.monotonic() < until:
                try:
                    line.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    time.sleep(moments.uniform(0, TARGET_CHUNK_SECONDS[0]))
                    return
                line.execute("ROLLBACK")
                time.sleep(0.002)


@pytest.fixture(scope="module")
def deployment(database, tmp_path_factory) -> Iterator[Deployment]:
    """Give SQLite with one server that runs its own jobs, and PostgreSQL with two workers."""
    folder = tmp_path_factory.mktemp("killed")
    with ExitStack() as stack:
        one = {"PADRON_WORKERS": "1"}
        settings, workers, command = one | {"PADRON_PORT": str(free_port())}, 1, "serve"
        if database == "postgres":
            url = stack.enter_context(redis_server(folder, free_port()))
            settings, workers, command = one | {"PADRON_REDIS_URL": url}, 2, "worker"
        app = stack.enter_context(migrated_app(database, folder, with_people=True))
        stack.enter_context(app.app_context())
        log = stack.enter_context((folder / "log.txt").open("wb"))
        status, tag = a_value(Status).id, a_value(Tag).id
        insert_contacts(status, tag)
        cases = [
            Case(AddTag, "tag", tag, "tags"),
            Case(ChangeStatus, "status", status, "status_id"),
        ]
        if database == "postgres":
            cases.reverse()
        processes = WorkerProcesses(process_settings(app, **settings), (command,), log)
        deployment = Deployment(app, processes, workers, *cases)
        stack.callback(deployment.processes.close)
        yield deployment
        db.session.remove()


def insert_contacts(status: int, tag: int) -> None:
    """Insert the contacts; some have the status and the tag already, others have others or none."""
    values = {"old": a_value(Status).id, "other": a_value(Status).id, "new": status}
    for entity, count in (("Norte", NORTHERN), ("Sur", SOUTHERN)):
        more = {"prefix": entity[0], "entity": the_entity(entity).id, "count": count}
        db.session.execute(text(CONTACTS), values | more)
    for remainder, other in ((0, a_value(Tag).id), (1, tag), (0, a_value(Tag).id)):
        db.session.execute(text(TAGS), {"tag": other, "n": remainder})
    db.session.commit()


def job_of(number: int) -> int:
    """Return the id of the job that runs an operation."""
    found = db.session.get_one(Operation, number, populate_existing=True).job_id
    db.session.rollback()
    assert found is not None
    return found


def request_undo(number: int) -> int:
    """Request the undoing of an operation; return the id of its job."""
    actor = BRUNO.as_actor()
    with acting_as(actor):
        operation = db.session.get_one(Operation, number)
        job_id = services.undo(db.session(), operation, actor, at_once=0).id
        db.session.commit()
    db.session.rollback()
    return job_id


@dataclass
class Dump:
    """All contacts and their tags, with the versions apart from the values."""

    northern: set[int]

    values: list[tuple]
    versions: dict[int, int]
    statuses: dict[int, int | None]
    tags: dict[int, list[int]]
    last_entry: int


def dump() -> Dump:
    """Read all contacts and their tags."""
    db.session.rollback()
    columns = [c for c in Contact.__table__.c if c.name not in ("version", "updated_at")]
    query: Select = select(*columns, Contact.version).order_by(Contact.id)
    rows = rows_of(query)
    names = [column.name for column in columns]
    place, status = names.index("id"), names.index("status_id")
    links = rows_of(text("SELECT contact_id, tag_id FROM contact_tag ORDER BY 1, 2"))
    tags: dict[int, list[int]] = {}
    for contact, tag in links:
        tags.setdefault(contact, []).append(tag)
    last = rows_of(text("SELECT coalesce(max(id), 0) FROM log_entry"))[0][0]
    north = the_entity("Norte").id
    entity = names.index("entity_id")
    return Dump(
        {row[place] for row in rows if row[entity] == north},
        [tuple(row[:-1]) for row in rows],
        {row[place]: row[-1] for row in rows},
        {row[place]: row[status] for row in rows},
        tags,
        last,
    )


def rows_of(query: Any) -> list[Any]:
    found = list(db.session.execute(query, execution_options={"with_trash": True}))
    db.session.rollback()
    return found


def check_items(
    number: int, before: Dump, after: Dump, column: Any, done: str, not_done: str
) -> dict:
    """Check that each row was changed and logged once or not at all; return the log entries."""
    operation = db.session.get_one(Operation, number, populate_existing=True)
    items = dict(
        rows_of(select(OperationItem.row_id, column).where(OperationItem.operation_id == number))
    )
    outcomes = Counter(items.values())
    counted = {name: getattr(operation, name) for name in ("changed", "already", "undone", "kept")}
    assert outcomes[done] == counted[done]
    assert outcomes[not_done] == counted[not_done]
    changed = {row_id for row_id, outcome in items.items() if outcome == done}
    entries = rows_of(
        select(LogEntry.subject_id, LogEntry.version, LogEntry.changes).where(
            LogEntry.subject_type == "contact",
            LogEntry.operation_id == number,
            LogEntry.id > before.last_entry,
        )
    )
    assert Counter(entry[0] for entry in entries) == Counter(changed), "a line for each change"
    expected = {pk: version + (pk in changed) for pk, version in before.versions.items()}
    assert after.versions == expected, "each version rose exactly once"
    assert all(version == after.versions[pk] for pk, version, _changes in entries)
    return {pk: changes for pk, _version, changes in entries}


@dataclass
class Case:
    """An operation and its expected result."""

    action: Any
    field: str
    value: int
    log_field: str

    def ask(self) -> int:
        """Confirm it for everything Bruno sees; return the operation's id."""
        actor = BRUNO.as_actor()
        with acting_as(actor):
            selection = selection_of(None)
            action = action_with(self.action, actor, {self.field: self.value})
            operation = create_draft(db.session(), self.action.action_name(), selection, actor)
            rows, number = selection.rows(actor), operation.id
            services.confirm(db.session(), operation, rows, action, actor, at_once=0)
            db.session.commit()
        db.session.rollback()
        return number

    def check_items(self, number: int, before: Dump, after: Dump) -> None:
        """Check that every contact in the North has the value now, and that the log says so."""
        entries = check_items(number, before, after, OperationItem.outcome, "changed", "already")
        had, has = self.ids(before), self.ids(after)
        for pk, ids in had.items():
            both = {self.value} if self.field == "status" else {*ids, self.value}
            assert has[pk] == (sorted(both) if pk in before.northern else ids)
        assert set(entries) == {pk for pk in before.northern if self.value not in had[pk]}
        for pk, changes in entries.items():
            old, new = changes[self.log_field]
            if self.field == "status":
                old, new = [old] if old else [], [new]
            assert sorted(link[0] for link in old) == had[pk]
            assert sorted(link[0] for link in new) == has[pk]

    def ids(self, dump: Dump) -> dict[int, list[int]]:
        """Return the ids that each contact is linked to: its tags, or its status."""
        if self.field == "status":
            return {pk: [status] if status else [] for pk, status in dump.statuses.items()}
        return {pk: dump.tags.get(pk, []) for pk in dump.versions}


def test_kills_lose_and_repeat_nothing_and_undo_restores_every_byte(deployment):
    moments = chance(f"kills {deployment.app.config['SQLALCHEMY_DATABASE_URI'][:6]}")
    before = dump()
    number = deployment.first.ask()
    deployment.kill_while_it_works(job_of(number), KILLS, moments)
    after = dump()
    deployment.first.check_items(number, before, after)

    deployment.kill_while_it_works(request_undo(number), KILLS_BACK, moments)
    back = dump()
    check_items(number, after, back, OperationItem.undone, "undone", "kept")
    assert back.values == before.values
    assert back.tags == before.tags


def test_terminated_workers_give_the_job_back_half_done_and_others_resume_it(deployment):
    before = dump()
    number = deployment.second.ask()
    job_id = job_of(number)
    deployment.slow_file.touch()
    deployment.start_workers()
    deployment.wait(job_id, lambda row: row.cursor > 0)

    for pid in list(deployment.processes.alive):
        assert deployment.processes.end(pid, signal.SIGTERM) == 0

    row = deployment.read_progress(job_id)
    assert (row.state, row.owner) == ("queued", None)
    assert 0 < row.done < NORTHERN
    deployment.kill_while_it_works(job_id, 0, random.Random())
    deployment.second.check_items(number, before, dump())
