"""Measure the search for duplicates and the hint while typing: ``python -m bench.duplicates [N]``.

On PostgreSQL. The search runs in a copy of the benchmark's database, of which ``PART`` contacts are
kept if that is set, so that two sizes can be compared: time for each contact must not grow. The
hint is asked for contacts that exist, with a letter changed, as an administrator and as a user who
sees 1 % of the contacts.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from sqlalchemy import func, select, text

from app.contacts.models import Contact
from app.duplicates.comparing import COMPARED
from app.duplicates.models import DuplicatePair, LargeGroup
from app.duplicates.queries import alike
from app.duplicates.services import start_scan
from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_now
from app.security.actor import Actor
from app.staff.models import StaffUser
from bench.customfields import copy_database
from bench.prepare import FOLDER, SERVER, application, database
from bench.report import HEADER, Report, Row, below

SAMPLES = 300
MAX_MIB = 300


def main() -> None:
    """Measure both and print the rows."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder = Path(FOLDER).resolve() / f"data-{count}-scan"
    folder.mkdir(parents=True, exist_ok=True)
    source = database("postgres", count, str(folder), SERVER)
    part = int(os.environ.get("PART", count))
    url = f"{source}_scan_{part}"
    copy_database(source.rsplit("/", 1)[1], url.rsplit("/", 1)[1])
    report = Report(f"duplicates among {part:,} contacts")
    print(HEADER)
    with application(url, str(folder), count).app_context():
        if part < count:
            last = db.session.scalar(select(Contact.id).order_by(Contact.id).offset(part).limit(1))
            db.session.execute(text("DELETE FROM contact WHERE id >= :last"), {"last": last})
            db.session.commit()
        for name in ("admin", "small"):
            query = select(StaffUser).where(StaffUser.username == name)
            measure_hint(report, name, db.session.scalars(query).one().as_actor())
        measure_scan(report, part)
        db.session.remove()
        db.engine.dispose()
    print(report.summary())


def measure_hint(report: Report, name: str, actor: Actor) -> None:
    """Ask who is like some contacts, with one letter changed."""
    last = db.session.scalar(select(func.max(Contact.id))) or 1
    random, times, found = Random(1), [], 0
    columns = [getattr(Contact, one) for one in COMPARED]
    for _number in range(SAMPLES + 20):
        query = select(*columns).where(Contact.id >= random.randint(1, last))
        row = db.session.execute(query.order_by(Contact.id).limit(1)).one()
        typed = typed_like(row, random)
        start = time.perf_counter()
        found += len(alike(db.session(), actor, typed))
        times.append((time.perf_counter() - start) * 1_000)
    slowest = sorted(times[20:])
    p95 = slowest[int(len(slowest) * 0.95)]
    row_ = Row(
        f"hint while typing, {name}", "ms", slowest[len(slowest) // 2], 0, p95 <= 100,
        "p95 ≤ 100", p95=p95, notes=f"{found / len(times):.1f} found, worst {slowest[-1]:.0f}",
    )  # fmt: skip
    report.rows.append(row_)
    print(row_, flush=True)


def typed_like(row: Any, random: Random) -> Any:
    """Return what somebody may have typed so far of a contact who exists already."""
    values = {"id": 0} | {name: getattr(row, name) for name in COMPARED}
    for name in random.sample(("email", "phone", "mobile", "birth_date"), random.randint(0, 3)):
        values[name] = None
    return SimpleNamespace(**values)


def measure_scan(report: Report, count: int) -> None:
    """Run a whole search in this process."""
    user = db.session.scalars(select(StaffUser).where(StaffUser.username == "admin")).one()
    job = start_scan(db.session(), user.as_actor())
    number = job.id
    db.session.commit()
    start, cpu = time.perf_counter(), time.process_time()
    state = run_now(number)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    pairs = db.session.scalar(select(func.count()).select_from(DuplicatePair))
    groups = db.session.scalar(select(func.count()).select_from(LargeGroup))
    print(
        f"  {state}: {db.session.get_one(Job, number).total:,} steps, {pairs:,} pairs, {groups:,} groups"
    )
    report.add("search: seconds for 100,000", "s", [seconds * 100_000 / count], [], below(120))
    report.add("search: CPU for 100,000", "s", [cpu * 100_000 / count], [], below(60))
    report.add("search: memory", "MiB", [peak], [], below(MAX_MIB))


if __name__ == "__main__":
    main()
