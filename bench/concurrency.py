"""Measure pages while collective actions run: ``python -m bench.concurrency [N] [sqlite|postgres]``.

Eight clients read lists and files, open edit forms and save them, with a pause for thought
between any two clicks; first alone, then while the served program's own worker adds a tag to
10 % of the contacts and undoes that. Prints p50, p95 and p99 of their pages, and how long
SQLite's write lock was held.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from sqlalchemy import select

from app.contacts.models import Contact
from app.crud.screens import screen_of
from app.database import reading
from app.extensions import db
from app.jobs.models import LIVE_STATES, Job
from app.jobs.services import cancel
from app.operations import services
from app.operations.models import Operation
from app.operations.selection import Selection
from app.operations.services import create_draft
from app.security.actor import Actor, acting_as
from app.staff.models import StaffUser
from app.types import now
from bench.__main__ import FOLDER, PORT, SERVER, Browser, _fields
from bench.operations import AddTagCase, Case, action_with
from bench.prepare import application, database

CLIENTS = int(os.environ.get("BENCH_CLIENTS", "8"))
# Seconds between a page and the next click.
THINK_SECONDS = float(os.environ.get("BENCH_THOUGHT", "0.3"))
# Seconds measured without an operation, and seconds after which a job counts as stuck.
WARM_UP_SECONDS, MAX_SECONDS = 15.0, 240.0
LISTS = ("", "?sort=email", "?page=last", "?q=lucia+jones", "?sort=-created_at")


class Clients:
    """Browsers that use the pages; records each page's kind and milliseconds."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.samples: list[tuple[str, float]] = []
        self.stale = 0
        self._ending = threading.Event()
        browsers = [Browser() for _each in range(CLIENTS)]
        for browser in browsers:
            browser.sign_in("admin")
        self.threads = [
            threading.Thread(target=self._work, args=(browser, random.Random(place)))
            for place, browser in enumerate(browsers)
        ]
        for thread in self.threads:
            thread.start()

    def _work(self, browser: Browser, generator: random.Random) -> None:
        while not self._ending.is_set():
            row_id = generator.randrange(self.count) + 1
            self._ask(browser, generator, "list", f"/contacts/list/{generator.choice(LISTS)}")
            self._ask(browser, generator, "file", f"/contacts/show/{row_id}")
            page = self._ask(browser, generator, "form", f"/contacts/edit/{row_id}")
            form = [(n, f"C/ {row_id}" if n == "street" else v) for n, v in _fields(page)]
            self._ask(browser, generator, "save", f"/contacts/edit/{row_id}", form)

    def _ask(
        self, browser: Browser, generator: random.Random, kind: str, path: str, form=None
    ) -> str:
        status, page, seconds = browser.ask("GET" if form is None else "POST", path, form)
        if status >= 400 and status != 409:
            self._ending.set()
            raise SystemExit(f"{path} answered {status}: {page[:300]}")
        if form is not None and status != 302:
            # The operation changed the file while its form was open.
            self.stale += 1
        self.samples.append((kind, seconds * 1000))
        time.sleep(generator.uniform(0.5, 1.5) * THINK_SECONDS)
        return page

    def take(self) -> list[tuple[str, float]]:
        """Return the measurements since the last call."""
        samples, self.samples = self.samples, []
        return samples

    def end(self) -> None:
        """Stop the clients."""
        self._ending.set()
        for thread in self.threads:
            thread.join()


def show(name: str, samples: list[tuple[str, float]]) -> None:
    """Print percentiles by kind of page and of all pages."""
    for kind in ("list", "file", "form", "save", "all"):
        times = [ms for what, ms in samples if kind in (what, "all")]
        if len(times) < 2:
            continue
        cuts = statistics.quantiles(times, n=100)
        print(
            f"  {name:<22}{kind:<6}{len(times):6}{cuts[49]:9.1f}{cuts[94]:9.1f}{cuts[98]:9.1f}"
            f"{max(times):9.1f}"
        )
    sys.stdout.flush()


def begin(case: Case, actor: Actor, value: int, on: str) -> tuple[int, float]:
    """Confirm an operation; return its id and the seconds that freezing took."""
    session = db.session()
    with acting_as(actor):
        selection = Selection(screen_of(Contact), None, on)
        operation = create_draft(session, case.action.action_name(), selection, actor)
        session.commit()
        number = operation.id
        action = action_with(case, actor, value)
        rows = selection.rows(actor)
        began = time.perf_counter()
        services.confirm(session, operation, rows, action, actor, at_once=0)
        session.commit()
        took = time.perf_counter() - began
    session.rollback()
    return number, took


def wait_for(job_id: int | None) -> Job:
    """Wait until a job has ended, and return it."""
    until = time.monotonic() + MAX_SECONDS
    while time.monotonic() < until:
        with reading():
            job = db.session.scalar(select(Job).where(Job.id == job_id))
            db.session.rollback()
            if job is None:
                break
            db.session.refresh(job)
            state = job.state
            db.session.rollback()
        if state not in LIVE_STATES:
            return job
        time.sleep(0.5)
    sys.exit("the job did not end")


def measure(case: Case, actor: Actor, clients: Clients) -> None:
    """Run an operation and its undo while the clients work."""
    # Until the pages that everybody reads are cached.
    time.sleep(WARM_UP_SECONDS)
    clients.take()
    time.sleep(WARM_UP_SECONDS)
    show("before", clients.take())
    value = case.new_value(f"meanwhile {now():%d %H:%M:%S}")
    clients.take()
    began = time.monotonic()
    number, frozen = begin(case, actor, value, case.on)
    operation = db.session.get_one(Operation, number)
    job_id, matched = operation.job_id, operation.matched
    db.session.rollback()
    wait_for(job_id)
    print(
        f"  {case.name}: {matched:,} contacts in {time.monotonic() - began:.0f} s, frozen in {frozen:.2f} s"
    )
    show("while it ran", clients.take())
    began = time.monotonic()
    with acting_as(actor):
        operation = db.session.get_one(Operation, number)
        job_id = services.undo(db.session(), operation, actor, at_once=0).id
        db.session.commit()
    db.session.rollback()
    wait_for(job_id)
    print(f"  undone in {time.monotonic() - began:.0f} s")
    show("while it was undone", clients.take())


def freeze_everything(case: Case, actor: Actor, clients: Clients) -> None:
    """Freeze all contacts while the clients work, and cancel the operation."""
    clients.take()
    value = case.new_value(f"everything {now():%d %H:%M:%S}")
    number, frozen = begin(case, actor, value, "")
    operation = db.session.get_one(Operation, number)
    job_id, matched = operation.job_id, operation.matched
    assert job_id is not None
    cancel(db.session(), job_id)
    db.session.commit()
    wait_for(job_id)
    print(f"  everything: {matched:,} contacts frozen in {frozen:.2f} s")
    show("meanwhile", clients.take())


def main() -> None:
    """Serve the benchmark's database, and measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    kind = sys.argv[2] if len(sys.argv) > 2 else "sqlite"
    folder = str(Path(FOLDER).resolve())
    Path(folder).mkdir(parents=True, exist_ok=True)
    url = database(kind, count, folder, SERVER)
    app = application(url, folder, count)
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.server", url, folder, str(count), str(PORT)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in server.stdout or ():
            if line.strip() == "ready":
                break
        print(
            f"{count:,} contacts on {kind}, {CLIENTS} clients; milliseconds; load {os.getloadavg()}"
        )
        print(f"  {'':<22}{'':<6}{'pages':>6}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}")
        with app.app_context():
            actor = db.session.query(StaffUser).filter_by(username="admin").one().as_actor()
            case = AddTagCase()
            db.session.rollback()
            clients = Clients(count)
            try:
                measure(case, actor, clients)
                freeze_everything(case, actor, clients)
            finally:
                clients.end()
            db.session.remove()
        print(f"  {clients.stale} saves came after the operation and were shown both values")
        if kind == "sqlite":
            for who, holds in json.loads(Browser().ask("GET", "/raw/holds")[1]).items():
                cuts = [1000 * cut for cut in statistics.quantiles(holds, n=100)]
                print(
                    f"  write lock held by {who}: {len(holds)} times, p50 {cuts[49]:.1f} ms,"
                    f" p95 {cuts[94]:.1f} ms, p99 {cuts[98]:.1f} ms, max {1000 * max(holds):.0f} ms"
                )
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
