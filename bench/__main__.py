"""Measure the program from outside: ``python -m bench [N] [postgres|sqlite]``.

Every kind of work is done through the server, over HTTP, beside a raw comparison that does the same
to the same database (``bench.raw``), in turn: pages, collective actions from the request to the end
of their job, import, export; as an administrator and as a user who sees 1 % of the contacts. Pages
are also measured with a tenth of the contacts. Each row says what it has to reach, and whether it
does. Nothing here is a test: seconds depend on the machine, so compare the ratios.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import create_engine

from app.types import now
from bench.changes import (
    hot_updates,
    measure_export,
    measure_import,
    measure_operations,
)
from bench.client import Browser
from bench.meanwhile import measure_meanwhile
from bench.pages import Site, measure_forms, measure_pages, measure_throughput
from bench.prepare import FOLDER, SERVER, application, database
from bench.report import HEADER, Report
from bench.servers import program, raw_pages

# Parts to leave out, separated by commas: pages, forms, throughput, operations, import, export,
# meanwhile.
SKIP = os.environ.get("BENCH_SKIP", "").split(",")
REPEAT = int(os.environ.get("BENCH_REPEAT", "3"))


def main() -> None:
    """Make the databases if need be, start the servers, measure, stop them."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    kind = sys.argv[2] if len(sys.argv) > 2 else "postgres"
    folder = Path(FOLDER).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    urls, folders = [], []
    for number in (count, count // 10):
        urls.append(database(kind, number, str(folder), SERVER))
        # Each its own: a data folder holds the job queue.
        folders.append(folder / f"data-{number}")
        folders[-1].mkdir(exist_ok=True)
        application(urls[-1], str(folders[-1]), number)
    report = Report(f"{count:,} contacts on {kind}, {now():%Y-%m-%d %H:%M} UTC")
    with ExitStack() as stack:
        places = zip(urls, folders, strict=True)
        servers = [stack.enter_context(program(url, str(place))) for url, place in places]
        bare = stack.enter_context(raw_pages(urls[0]))
        print(f"\n{report.title}; load {os.getloadavg()[0]:.1f}\n{HEADER}")
        for user, words in (("admin", "an administrator"), ("small", "a user who sees 1 %")):
            report.section(f"as {words}")
            sites = [Site(Browser(server.port), Browser(bare.port)) for server in servers]
            for site in sites:
                site.ours.sign_in(user)
            if "pages" not in SKIP:
                measure_pages(report, *sites, is_small=user == "small")
            if "forms" not in SKIP:
                measure_forms(report, *sites)
            if "throughput" not in SKIP:
                measure_throughput(report, sites[0], user)
        report.section("as an administrator")
        site = Site(Browser(servers[0].port), Browser(bare.port))
        site.ours.sign_in("admin")
        engine = create_engine(urls[0].replace("postgresql://", "postgresql+psycopg://"))
        factor = 2 if kind == "postgres" else 4
        if "export" not in SKIP:
            measure_export(report, site, servers[0], REPEAT)
        if "operations" not in SKIP:
            before = None if kind == "sqlite" else hot_updates(engine)
            measure_operations(report, site, engine, REPEAT, factor)
            if before is not None:
                hot, every = (b - a for a, b in zip(before, hot_updates(engine), strict=True))
                print(f"  {hot:,} of {every:,} updates of contacts touched no index")
        if "import" not in SKIP:
            measure_import(report, site, servers[0], engine, min(count, 100_000), REPEAT)
        if "meanwhile" not in SKIP:
            measure_meanwhile(report, site, engine)
        engine.dispose()
    report.save(folder / f"{kind}-{count}-{now():%Y%m%d-%H%M%S}.json")
    print(report.summary())


if __name__ == "__main__":
    main()
