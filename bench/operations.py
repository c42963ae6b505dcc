"""Measure collective actions: ``python -m bench.operations [N] [postgres|sqlite]``.

Change the status of 1 % of the contacts and add a tag to 10 % of them as the pages do (preview,
frozen selection, log, what undo needs, chunks with their commits), in turn with a plain SQL script
that has the same effect on contacts and log in one transaction; then undo. The ratio is what to
compare. On SQLite also: pages of others meanwhile (``bench.concurrency``).
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event, text

from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Contact, Status, Tag
from app.crud.screens import screen_of
from app.extensions import db
from app.operations import services
from app.operations.models import Operation
from app.operations.selection import Selection
from app.operations.services import create_draft
from app.operations.transactions import commit_and_run, committed_and_reading
from app.security.actor import Actor, acting_as
from app.staff.models import StaffUser
from app.tags.actions.add_tag import AddTag
from app.types import now
from bench.prepare import FOLDER, SERVER, application, database

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
# Jobs run in this process, however many rows they have.
NO_LIMIT = 10**9
# The purpose of a statement, by its beginning.
PARTS = {
    "INSERT INTO frozen_rows": "freeze",
    "WITH written AS": "items",
    "INSERT INTO operation_item": "items",
    "UPDATE operation_item": "items",
    "INSERT INTO log_entry": "log",
    "UPDATE contact ": "contacts",
    "INSERT INTO contact_tag": "links",
    "DELETE FROM contact_tag": "links",
}


class StatementTimer:
    """Measure the seconds of statements and commits, by their purpose."""

    def __init__(self, engine: Engine) -> None:
        self.seconds: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.phase = ""
        self._began = 0.0
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)
        commit = engine.dialect.do_commit

        def timed(connection: Any) -> None:
            began = perf_counter()
            commit(connection)
            self._add("commit", perf_counter() - began)

        engine.dialect.do_commit = timed  # type: ignore[method-assign, assignment]

    def _before(self, *_args: Any) -> None:
        self._began = perf_counter()

    def _after(self, _c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        took = perf_counter() - self._began
        for start, part in PARTS.items():
            if statement.startswith(start):
                self._add(part, took)
                return
        locks = "FOR NO KEY UPDATE" in statement and "FROM contact" in statement
        self._add("lock rows" if locks else self.phase or "others", took)

    def _add(self, part: str, seconds: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds
        self.counts[part] = self.counts.get(part, 0) + 1

    def breakdown(self, whole: float) -> str:
        """Return the parts, largest first, and what is left: Python and pauses."""
        parts = sorted(self.seconds.items(), key=lambda part: -part[1])
        shown = [f"{name} {s:.2f} ({self.counts[name]})" for name, s in parts]
        left = whole - sum(self.seconds.values())
        self.seconds, self.counts = {}, {}
        return ", ".join([*shown, f"Python and pauses {left:.2f}"])

    @contextmanager
    def in_phase(self, phase: str) -> Iterator[None]:
        """Count other statements under the name of a phase."""
        self.phase = phase
        yield
        self.phase = ""


class Case:
    """A collective action on a part of the contacts, and the script it is compared with."""

    name: str
    action: Any
    field: str
    model: Any

    def __init__(self) -> None:
        self.is_postgres = db.engine.dialect.name == "postgresql"
        self.make = "jsonb_build_" if self.is_postgres else "json_"
        # The rows as the query string of a list, and as a condition of SQL.
        self.on, self.where = self.conditions()

    def conditions(self) -> tuple[str, str]:
        """Return which contacts it changes, for ``on`` and ``where``."""
        raise NotImplementedError

    def script(self, value: int) -> list[str]:
        """Return the statements that do the same to the contacts."""
        raise NotImplementedError

    def log(self, changes: str, contacts: str) -> str:
        """Return the statement that inserts a log entry for each contact ``c``."""
        return (
            "INSERT INTO log_entry (at, actor_name, channel, event, subject_type, subject_id,"
            " subject_name, version, changes)"
            " SELECT :now, 'script', 'cli', 'changed', 'contact', c.id,"
            " trim(coalesce(c.first_name, '') || ' ' || c.last_name), c.version + 1,"
            f" {self.make}object({changes}) FROM {contacts}"
        )

    def new_value(self, label: str) -> int:
        """Insert a value that no contact has; return its id."""
        row = self.model(label_en=label, label_es=label)
        db.session.add(row)
        db.session.flush()
        number = row.id
        db.session.commit()
        return number


class ChangeStatusCase(Case):
    """Another status for the contacts of one entity and those below it."""

    name = "change status"
    action, field, model = ChangeStatus, "status", Status

    def conditions(self) -> tuple[str, str]:
        """Return 1 % of the contacts."""
        query = text("SELECT id, path FROM entity WHERE name = 'One percent'")
        one, path = db.session.execute(query).one()
        below = f"(SELECT id FROM entity WHERE path LIKE '{path}%')"
        return f"entity__under={one}", f"c.trashed_at IS NULL AND c.entity_id IN {below}"

    def script(self, value: int) -> list[str]:
        """Return the script."""
        array = f"{self.make}array"
        old = f"CASE WHEN s.id IS NOT NULL THEN {array}(s.id, s.label_en) END"
        return [
            self.log(
                f"'status_id', {array}({old}, {array}({value}, 'fresh'))",
                f"contact c LEFT JOIN status s ON s.id = c.status_id WHERE {self.where}",
            ),
            f"UPDATE contact AS c SET status_id = {value}, version = version + 1,"
            f" updated_at = :now WHERE {self.where}",
        ]


class AddTagCase(Case):
    """One more tag for the contacts of a type."""

    name = "add a tag"
    action, field, model = AddTag.on(Contact), "tag", Tag

    def conditions(self) -> tuple[str, str]:
        """Return 10 % of the contacts, everywhere in the table."""
        ids = db.session.scalars(text("SELECT id FROM contact_type ORDER BY id")).all()
        return f"type__is={ids[4]}", f"c.trashed_at IS NULL AND c.type_id = {ids[4]}"

    def script(self, value: int) -> list[str]:
        """Return the script."""
        new = f"{self.make}array({value}, 'fresh')"
        if self.is_postgres:
            gather = "jsonb_agg(jsonb_build_array(t.id, t.label_en) ORDER BY t.id)"
            none, more = "'[]'::jsonb", f"c.tags || jsonb_build_array({new})"
        else:
            gather = "json_group_array(json_array(t.id, t.label_en))"
            none, more = "json('[]')", f"json_insert(c.tags, '$[#]', {new})"
        contacts = (
            "(WITH w AS MATERIALIZED (SELECT c.id, c.first_name, c.last_name, c.version,"
            f" coalesce((SELECT {gather} FROM contact_tag x JOIN tag t ON t.id = x.tag_id"
            f" WHERE x.contact_id = c.id), {none}) AS tags FROM contact c WHERE {self.where})"
            " SELECT * FROM w) AS c"
        )
        tags = "c.tags" if self.is_postgres else "json(c.tags)"
        return [
            self.log(f"'tags', {self.make}array({tags}, {more})", contacts),
            f"INSERT INTO contact_tag (contact_id, tag_id) SELECT c.id, {value} FROM contact c"
            f" WHERE {self.where}",
            f"UPDATE contact AS c SET version = version + 1, updated_at = :now WHERE {self.where}",
        ]


def run_action(
    case: Case, actor: Actor, value: int, timer: StatementTimer
) -> tuple[Operation, float, str]:
    """Run the action as the pages do; return the operation, the seconds and their parts."""
    session = db.session()
    with acting_as(actor):
        selection = Selection(screen_of(Contact), None, case.on)
        operation = create_draft(session, case.action.action_name(), selection, actor)
        session.commit()
        timer.breakdown(0)
        began = perf_counter()
        with timer.in_phase("preview"):
            action = action_with(case, actor, value)
            rows = selection.rows(actor)
            with committed_and_reading():
                count = services.preview(session, action, rows).will_change
        job = services.confirm(
            session, operation, selection.rows(actor), action_with(case, actor, value), actor,
            expected=count, at_once=NO_LIMIT,
        )  # fmt: skip
        commit_and_run(job, NO_LIMIT)
        took = perf_counter() - began
    found = session.get(Operation, operation.id, populate_existing=True)
    if found is None or found.changed != count:
        sys.exit(f"{case.name}: not everything was done")
    session.commit()
    return found, took, timer.breakdown(took)


def action_with(case: Case, actor: Actor, value: int) -> Any:
    """Return the action of a case with its answer."""
    form = case.action.build_form({case.field: [str(value)]})
    if not form.validate():
        sys.exit(f"{case.name}: {form.errors}")
    return case.action(form, actor)


def undo(operation: Operation, actor: Actor, timer: StatementTimer) -> tuple[float, str]:
    """Undo the operation; return the seconds and their parts."""
    timer.breakdown(0)
    began = perf_counter()
    with acting_as(actor):
        job = services.undo(db.session(), operation, actor, at_once=NO_LIMIT)
        commit_and_run(job, NO_LIMIT)
    took = perf_counter() - began
    db.session.refresh(operation)
    if operation.undone != operation.changed:
        sys.exit("not everything was undone")
    db.session.commit()
    return took, timer.breakdown(took)


def run_script(case: Case, value: int, timer: StatementTimer) -> tuple[int, float, str]:
    """Run the script; return how many contacts it changed, the seconds and their parts."""
    timer.breakdown(0)
    began = perf_counter()
    with db.engine.begin() as connection:
        for statement in case.script(value):
            done = connection.execute(
                text(statement), {"now": now()} if ":now" in statement else {}
            )
    took = perf_counter() - began
    return done.rowcount, took, timer.breakdown(took)


def clean_up() -> None:
    """Vacuum and checkpoint, so that every round starts from the same state."""
    if db.engine.dialect.name == "sqlite":
        line = db.engine.raw_connection()
        line.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        line.close()
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("contact", "contact_tag", "operation_item", "log_entry"):
            connection.exec_driver_sql(f"VACUUM (ANALYZE) {table}")
        connection.exec_driver_sql("CHECKPOINT")


def compare(case: Case, actor: Actor, timer: StatementTimer) -> float:
    """Measure one action beside its script, in turn; return the ratio of the medians."""
    times: dict[str, list[float]] = {"ours": [], "undo": [], "script": []}
    count = 0
    for turn in range(ROUNDS):
        for who in ("ours", "script") if turn % 2 else ("script", "ours"):
            value = case.new_value(f"{case.name} {now():%d %H:%M:%S} {who}")
            clean_up()
            if who == "script":
                count, took, parts = run_script(case, value, timer)
                if case.model is Tag:
                    # The next round finds as many tags as this one.
                    with db.engine.begin() as connection:
                        connection.execute(text(f"DELETE FROM contact_tag WHERE tag_id = {value}"))
                times["script"].append(took)
                print(f"    script {took:6.2f} s: {parts}")
                continue
            operation, took, parts = run_action(case, actor, value, timer)
            times["ours"].append(took)
            print(f"    ours   {took:6.2f} s: {parts}")
            clean_up()
            took, parts = undo(operation, actor, timer)
            times["undo"].append(took)
            print(f"    undo   {took:6.2f} s: {parts}", flush=True)
    middle = {name: statistics.median(found) for name, found in times.items()}
    ratio = middle["ours"] / middle["script"]
    print(
        f"  {case.name}: {count:,} contacts, {middle['ours']:.2f} s; script"
        f" {middle['script']:.2f} s: x{ratio:.2f}; undo {middle['undo']:.2f} s:"
        f" x{middle['undo'] / middle['script']:.2f}",
        flush=True,
    )
    return ratio


def main() -> None:
    """Create the database if necessary, and measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    kind = sys.argv[2] if len(sys.argv) > 2 else "postgres"
    folder = str(Path(FOLDER).resolve())
    Path(folder).mkdir(parents=True, exist_ok=True)
    app = application(database(kind, count, folder, SERVER), folder, count)
    with app.app_context():
        print(f"{count:,} contacts on {kind}; medians of {ROUNDS} rounds; load {os.getloadavg()}")
        actor = db.session.query(StaffUser).filter_by(username="admin").one().as_actor()
        timer = StatementTimer(db.engine)
        for case in (ChangeStatusCase(), AddTagCase()):
            compare(case, actor, timer)
        db.session.remove()


if __name__ == "__main__":
    main()
