"""Measure what changes many contacts, and files, from the request to the end of the job."""

from __future__ import annotations

import json
import random
import re
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, text

from bench.client import Browser, changed, form_with
from bench.pages import Site
from bench.rawchanges import IMPORTED
from bench.report import Report, at_least, at_most, below
from bench.seed import CITIES, FIRST, LAST
from bench.servers import Server

POLL_SECONDS = 0.05
TABLES = ("contact", "contact_tag", "contact_search", "operation", "operation_item", "log_entry")


def clean_up(engine: Engine) -> None:
    """Vacuum and write everything to disk, so that each measurement starts from the same state."""
    if engine.dialect.name == "sqlite":
        # Outside of any transaction.
        line = engine.raw_connection()
        line.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        line.close()
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in TABLES:
            connection.exec_driver_sql(f"VACUUM (ANALYZE) {table}")
        connection.exec_driver_sql("CHECKPOINT")


def new_value(engine: Engine, table: str) -> int:
    """Insert a value of a repository that no contact has; return its id."""
    label = f"Bench {secrets.token_hex(4)}"
    query = text(
        f"INSERT INTO {table} (label_en, label_es, colour, position, is_active, version,"
        " created_at, updated_at) VALUES (:label, :label, 'grey', 999, :yes, 1, '2026-01-01',"
        " '2026-01-01') RETURNING id"
    )
    with engine.begin() as connection:
        return connection.execute(query, {"label": label, "yes": True}).scalar_one()


class Operation:
    """A collective action, as somebody does it in a browser."""

    def __init__(self, browser: Browser, action: str, on: str, **answers: str) -> None:
        self.browser, self.action, self.on, self.answers = browser, action, on, answers
        self.token = browser.token("/contacts/list/")
        self.operation = self.job = ""

    def run(self) -> tuple[int, float]:
        """Choose the rows, answer, see the preview, confirm, wait; return (rows, seconds)."""
        browser, start = self.browser, time.perf_counter()
        form = [("csrf_token", self.token), ("action", self.action), ("all", "1"), ("on", self.on)]
        self.operation = browser.submit("/contacts/action_post", form)
        browser.page(self.operation)
        answers = [("csrf_token", self.token), *self.answers.items()]
        preview = browser.page(browser.submit(self.operation, answers))
        confirmed = form_with(preview, "matched")
        rows = int(dict(confirmed)["matched"])
        confirmed = changed(confirmed, typed=str(rows))
        self.job = browser.submit(f"{self.operation}confirm", confirmed)
        wait_for(browser, self.job)
        return rows, time.perf_counter() - start

    def undo(self) -> float:
        """Undo it, and wait; return the seconds."""
        start = time.perf_counter()
        form = [("csrf_token", self.token)]
        wait_for(self.browser, self.browser.submit(f"{self.operation}undo", form))
        return time.perf_counter() - start


def wait_for(browser: Browser, job: str, most_seconds: float = 1_800) -> None:
    """Wait until a job is done, asking for its progress as its page does, only more often."""
    until = time.monotonic() + most_seconds
    while time.monotonic() < until:
        progress = json.loads(browser.page(f"{job}progress"))
        if not progress["is_live"]:
            if progress["state"] != "done":
                sys.exit(f"{job} ended as {progress}")
            return
        time.sleep(POLL_SECONDS)
    sys.exit(f"{job} did not end")


def measure_operations(
    report: Report, site: Site, engine: Engine, rounds: int, factor: float
) -> None:
    """Measure two collective actions and their undoing beside raw statements, in turn."""
    with engine.connect() as connection:
        query = "SELECT id FROM entity WHERE name = 'One percent'"
        one = connection.execute(text(query)).scalar_one()
        query = "SELECT id FROM contact_type ORDER BY id"
        kind = connection.execute(text(query)).scalars().all()[4]
    _measure_operation(
        report, site, engine, rounds, factor,
        "change status of {rows:,}", "change_status", f"entity__under={one}", "status", "status",
    )  # fmt: skip
    # On SQLite all contacts get the tag: there are a tenth as many.
    if engine.dialect.name == "sqlite":
        kind = 0
    _measure_operation(
        report, site, engine, rounds, factor,
        "add a tag to {rows:,}", "add_tag", f"type__is={kind}" if kind else "", "tag", "tag",
        type=str(kind),
    )  # fmt: skip


def _measure_operation(
    report: Report,
    site: Site,
    engine: Engine,
    rounds: int,
    factor: float,
    title: str,
    action: str,
    on: str,
    table: str,
    answer: str,
    **more: str,
) -> None:
    ours: list[float] = []
    undone: list[float] = []
    raw: list[float] = []
    rows = 0
    for _round in range(rounds):
        value = new_value(engine, table)
        clean_up(engine)
        form = [("value", str(value)), *more.items()]
        status, words, seconds = site.raw.ask("POST", f"/{action.replace('_', '-')}", form)
        if status != 200:
            sys.exit(f"raw {action} answered {status}: {words[:500]}")
        raw.append(seconds)
        if table == "tag":
            # The next round finds as many links as this one.
            with engine.begin() as connection:
                connection.execute(text(f"DELETE FROM contact_tag WHERE tag_id = {value}"))
        operation = Operation(site.ours, action, on, **{answer: str(new_value(engine, table))})
        clean_up(engine)
        rows, seconds = operation.run()
        ours.append(seconds)
        clean_up(engine)
        undone.append(operation.undo())
    name = title.format(rows=rows)
    report.add(name, "s", ours, raw, at_most(factor))
    report.add("  and its undoing", "s", undone, raw, at_most(factor))


def hot_updates(engine: Engine) -> tuple[int, int]:
    """Return how many updates of contacts touched no index, and how many there were."""
    query = "SELECT n_tup_hot_upd, n_tup_upd FROM pg_stat_user_tables WHERE relname = 'contact'"
    with engine.connect() as connection:
        hot, every = connection.execute(text(query)).one()
    return hot, every


def make_file(engine: Engine, rows: int) -> bytes:
    """Return a CSV file: every second row updates a contact that is found by its e-mail."""
    dice = random.Random(secrets.token_hex(4))
    query = text(
        "SELECT first_name, last_name, email, phone, birth_date, language FROM contact"
        " WHERE email IS NOT NULL AND trashed_at IS NULL ORDER BY id DESC LIMIT :limit"
    )
    with engine.connect() as connection:
        known = connection.execute(query, {"limit": rows // 2}).all()
    run = secrets.token_hex(3)
    lines = [",".join(IMPORTED)]
    for number, (first, last, email, phone, born, language) in enumerate(known):
        city = dice.choice(CITIES)
        cells = (first, last, email, phone or "", city, born or "", language or "es")
        lines.append(",".join(str(cell) for cell in cells))
        first, last = dice.choice(FIRST), f"{dice.choice(LAST)} {dice.choice(LAST)}"
        phone = f"+346{dice.randrange(10**8):08d}"
        born = (
            f"{dice.randrange(1940, 2005)}-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
        )
        lines.append(f"{first},{last},{run}.{number}@example.net,{phone},{city},{born},es")
    return "\n".join(lines).encode() + b"\n"


def measure_import(
    report: Report, site: Site, server: Server, engine: Engine, rows: int, rounds: int
) -> None:
    """Measure an import, from the check to the end of its job; in rows a second."""
    ours: list[float] = []
    raw: list[float] = []
    memory = 0.0
    for _round in range(rounds):
        content = make_file(engine, rows)
        clean_up(engine)
        status, _to, words, seconds = site.raw.send("POST", "/import", content, "text/csv")
        if status != 200:
            sys.exit(f"raw import answered {status}: {words[:500]}")
        raw.append(rows / seconds)
        content = make_file(engine, rows)
        clean_up(engine)
        server.forget_memory()
        ours.append(rows / _import(site.ours, content))
        memory = max(memory, server.most_memory())
    report.add(f"import {rows:,}, half update", "rows/s", ours, raw, at_least(0.3))
    report.add("  memory of it", "MiB", [memory], [], below(200))


def _import(browser: Browser, content: bytes) -> float:
    """Upload a file, map its columns, check it, run it; return the seconds of the check and the run."""
    token = browser.token("/contacts/import")
    place = browser.upload("/contacts/import", token, "contacts.csv", content)
    form = changed(form_with(browser.page(place), "match"), match="email")
    start = time.perf_counter()
    checked = browser.submit(place, form)
    if job := browser.leads_to(checked):
        wait_for(browser, job)
    page = browser.page(checked)
    if not re.search(r"/run\"", page):
        sys.exit("the import cannot be run")
    wait_for(browser, browser.submit(f"{place}/run", form_with(page, "plan_hash")))
    return time.perf_counter() - start


def measure_export(report: Report, site: Site, server: Server, rounds: int) -> None:
    """Measure the export of every field of every contact."""
    whole: list[float] = []
    first: list[float] = []
    raw: list[float] = []
    raw_first: list[float] = []
    memory = 0.0
    download: Callable[[], Any] = lambda: site.ours.download(  # noqa: E731
        f"/contacts/export.csv?{quote('sort=name', safe='=')}",
        [("csrf_token", site.ours.token("/contacts/export")), ("fields", "all")],
    )
    for _round in range(rounds):
        begun, seconds, size = site.raw.download("/export")
        raw.append(seconds)
        raw_first.append(begun * 1000)
        server.forget_memory()
        begun, seconds, size = download()
        memory = max(memory, server.most_memory())
        whole.append(seconds)
        first.append(begun * 1000)
    report.add("export, all fields", "s", whole, raw, at_most(4), notes=f"{size / 2**20:.0f} MiB")
    report.add("  first byte of it", "ms", first, raw_first, below(200))
    report.add("  memory of it", "MiB", [memory], [], below(150))
