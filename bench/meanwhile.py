"""Measure what others notice of a collective action: their pages while it runs, and its own time."""

from __future__ import annotations

import os
import random
import statistics
import sys
import threading
import time

from sqlalchemy import Engine, text

from bench.changes import Operation, clean_up, new_value
from bench.client import Browser, changed, form_with
from bench.pages import SIZE, Site
from bench.report import Report, below

READERS = int(os.environ.get("BENCH_READERS", "6"))
WRITERS = int(os.environ.get("BENCH_WRITERS", "2"))
# Seconds between a page and the next click, and measured before the operation begins.
THINK_SECONDS, WARM_UP_SECONDS = 0.3, 10.0
LISTS = ("", "sort=email", "page=last", "q=lucia+jones", "sort=-created_at")
MAX_P95_MS, MAX_SECONDS = 150, 180


class Client:
    """Somebody at work: reads lists and files, and, if a writer, opens and saves edit forms."""

    def __init__(self, port: int, count: int, place: int, *, writes: bool) -> None:
        self.browser, self.dice = Browser(port), random.Random(place)
        self.count, self.writes = count, writes
        self.samples: list[float] = []
        self.ending = threading.Event()
        self.error = ""
        self.browser.sign_in("admin")
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self) -> None:
        while not self.ending.is_set():
            row_id = self.dice.randrange(self.count) + 1
            self._ask(f"/contacts/list/?{SIZE}&{self.dice.choice(LISTS)}")
            self._ask(f"/contacts/show/{row_id}")
            if self.writes:
                path = f"/contacts/edit/{row_id}"
                page = self._ask(path)
                if page:
                    street = f"C/ {self.dice.randrange(10**6)}"
                    self._ask(path, changed(form_with(page, "version"), street=street))

    def _ask(self, path: str, form=None) -> str:
        status, page, seconds = self.browser.ask("GET" if form is None else "POST", path, form)
        # 409: the operation has changed the contact while its form was open.
        if status >= 400 and status != 409:
            self.error = f"{path} answered {status}: {page[:300]}"
            self.ending.set()
        self.samples.append(seconds * 1000)
        self.ending.wait(self.dice.uniform(0.5, 1.5) * THINK_SECONDS)
        return page if status == 200 else ""


def measure_meanwhile(report: Report, site: Site, engine: Engine) -> None:
    """Add a tag to many contacts, and undo that, beside busy readers and writers."""
    with engine.connect() as connection:
        count = connection.execute(text("SELECT max(id) FROM contact")).scalar_one()
        kinds = connection.execute(text("SELECT id FROM contact_type ORDER BY id")).scalars().all()
    report.section(f"beside {READERS} readers and {WRITERS} writers")
    clean_up(engine)
    clients = [
        Client(site.ours.port, count, place, writes=place < WRITERS)
        for place in range(READERS + WRITERS)
    ]
    try:
        time.sleep(WARM_UP_SECONDS)
        before = _take(clients)
        value = new_value(engine, "tag")
        # On SQLite all contacts get the tag: there are a tenth as many.
        on = "" if engine.dialect.name == "sqlite" else f"type__is={kinds[4]}"
        operation = Operation(site.ours, "add_tag", on, tag=str(value))
        rows, seconds = operation.run()
        during = _take(clients)
        undone = operation.undo()
        during_undo = _take(clients)
    finally:
        for client in clients:
            client.ending.set()
        for client in clients:
            client.thread.join()
    if errors := [client.error for client in clients if client.error]:
        sys.exit("\n".join(errors))
    report.add(f"add a tag to {rows:,}", "s", [seconds], [], below(MAX_SECONDS))
    report.add("  and its undoing", "s", [undone], [], below(MAX_SECONDS))
    notes = f"{_p95(before):.0f} before"
    report.add(
        "others' pages meanwhile, p95", "ms", [_p95(during)], [], below(MAX_P95_MS), notes=notes
    )
    report.add("  while it is undone, p95", "ms", [_p95(during_undo)], [], below(MAX_P95_MS))


def _take(clients: list[Client]) -> list[float]:
    """Return the milliseconds of the pages since the last call."""
    samples = []
    for client in clients:
        taken, client.samples = client.samples, []
        samples += taken
    return samples


def _p95(samples: list[float]) -> float:
    return statistics.quantiles(samples, n=20)[-1] if len(samples) > 3 else 0.0
