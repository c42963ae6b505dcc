"""Measure what custom fields cost: ``python -m bench.customfields [N]``, on PostgreSQL.

A copy of the benchmark's database gets 60 custom fields of contacts, all filled, 12 of them with an
index. Its pages and exports are measured in turn with those of the database without them.
"""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import text

from app.customfields import loading
from app.customfields.indexes import refresh_indexes
from app.customfields.models import CustomField, CustomOption
from app.customfields.services import complete_field
from app.extensions import db
from bench.client import Browser
from bench.pages import ROUNDS, SIZE, timed
from bench.prepare import FOLDER, SERVER, application, database
from bench.report import HEADER, Report, at_most, below
from bench.servers import program

# Kind → how many fields, how many of them with an index, and the SQL of their values by contact.
FIELDS = {
    "text": (20, 3, "'value ' || (id * {0}) % 5000"),
    "number": (15, 3, "((id * {0}) % 100000) * 100"),
    "date": (15, 3, "DATE '2020-01-01' + ((id * {0}) % 2000)::int"),
    "choice": (10, 3, "{1}"),
}


def main() -> None:
    """Make the copy if need be, start both programs, measure, stop them."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder = Path(FOLDER).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    plain_url = database("postgres", count, str(folder), SERVER)
    plain_folder, fields_folder = folder / f"data-{count}", folder / f"data-{count}-fields"
    for one in (plain_folder, fields_folder):
        one.mkdir(exist_ok=True)
    with application(plain_url, str(plain_folder), count).app_context():
        # A database that somebody reads cannot be copied.
        db.engine.dispose()
    url = f"{plain_url}_fields"
    copy_database(plain_url.rsplit("/", 1)[1], url.rsplit("/", 1)[1])
    names = define(url, str(fields_folder), count)
    report = Report(f"{count:,} contacts with 60 custom fields beside none")
    with ExitStack() as stack:
        with_fields = stack.enter_context(program(url, str(fields_folder)))
        without = stack.enter_context(program(plain_url, str(plain_folder)))
        ours, bare = Browser(with_fields.port), Browser(without.port)
        for browser in (ours, bare):
            browser.sign_in("admin")
        print(f"\n{report.title}; load {os.getloadavg()[0]:.1f}\n{HEADER}")
        list_ = f"/contacts/list/?{SIZE}"
        found = re.search(r"/contacts/show/(\d+)", ours.page(list_))
        assert found is not None
        row_id = found[1]
        own = "cols=name,email,phone,mobile,position,department"
        custom = ",".join(names["text"][5:10])
        pages = (
            ("list, the same columns", list_, list_, at_most(1.2)),
            ("list, five custom columns", f"{list_}&cols=name,{custom}", f"{list_}&{own}", at_most(1.2)),
            ("show", f"/contacts/show/{row_id}", f"/contacts/show/{row_id}", at_most(1.2)),
            ("edit form", f"/contacts/edit/{row_id}", f"/contacts/edit/{row_id}", at_most(1.2)),
        )  # fmt: skip
        for title, path, other, reach in pages:
            times: list[float] = []
            bare_times: list[float] = []
            for _round in range(4):
                times += timed(ours, [path], ROUNDS // 4)
                bare_times += timed(bare, [other], ROUNDS // 4)
            report.add(title, "ms", times, bare_times, reach)
        for kind, value in (
            ("number", "to=5"),
            ("date", "to=2020-01-03"),
            ("text", "is=value 77"),
        ):
            name = names[kind][0]
            path = f"{list_}&{name}__{value}".replace(" ", "%20")
            report.add(
                f"filter by an indexed {kind}", "ms", timed(ours, [path], ROUNDS), [], below(60)
            )
        for kind in ("number", "date", "text", "choice"):
            path = f"{list_}&sort={names[kind][0]}"
            report.add(
                f"sort by an indexed {kind}", "ms", timed(ours, [path], ROUNDS), [], below(60)
            )
        measure_exports(report, ours, bare)
    print(report.summary())


def copy_database(source: str, copy: str) -> None:
    """Copy a database of the benchmark, unless that was done."""
    import psycopg

    with psycopg.connect(SERVER, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (copy,))
        if not found.fetchone():
            connection.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{source}"')


def define(url: str, folder: str, count: int) -> dict[str, list[str]]:
    """Define the fields and fill them in; return their names by kind, those with an index first."""
    app = application(url, folder, count)
    names: dict[str, list[str]] = {}
    with app.app_context():
        session = db.session()
        if not session.scalar(text("SELECT count(*) FROM custom_field")):
            for kind, (number, indexed, _value) in FIELDS.items():
                for place in range(number):
                    add_field(kind, place, is_sortable=place < indexed)
            session.commit()
            fill(session)
            start = time.monotonic()
            refresh_indexes(session, "contact")
            print(f"made the indexes in {time.monotonic() - start:.1f} s", flush=True)
            session.commit()
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM (FULL, ANALYZE) contact"))
        for field in session.scalars(db.select(CustomField).order_by(CustomField.position)):
            names.setdefault(field.kind, []).append(field.name)
        loading.forget_all()
        db.session.remove()
        db.engine.dispose()
    return names


def add_field(kind: str, place: int, *, is_sortable: bool) -> None:
    """Define a field."""
    label = f"{kind.title()} {place + 1}"
    field = CustomField(
        subject="contact", kind=kind, label_en=label, label_es=label, is_sortable=is_sortable,
        section_en="More", section_es="Otros",
    )  # fmt: skip
    if kind == "choice":
        field.options = [
            CustomOption(label_en=f"Option {n}", label_es=f"Opción {n}", position=n)
            for n in range(1, 7)
        ]
    with db.session.no_autoflush:
        complete_field(db.session(), field)
    db.session.add(field)
    db.session.flush()


def fill(session: object) -> None:
    """Give every contact a value of every field, in one statement."""
    values = []
    for field in db.session.scalars(db.select(CustomField)):
        codes = "ARRAY[" + ",".join(f"'{option.id}'" for option in field.options) + "]"
        chosen = f"({codes})[1 + (id * {field.id}) % {max(len(field.options), 1)}]"
        value = FIELDS[field.kind][2].format(field.id * 7 + 1, chosen)
        values.append(f"custom_{field.slot} = {value}")
    start = time.monotonic()
    db.session.execute(text(f"UPDATE contact SET {', '.join(values)}"))
    db.session.commit()
    print(f"filled 60 fields in {time.monotonic() - start:.0f} s", flush=True)


def measure_exports(report: Report, ours: Browser, bare: Browser) -> None:
    """Measure the export of the columns of the list, and of all fields."""
    for title, fields in (("export, the same columns", "list"), ("export, all fields", "all")):
        times = []
        for browser in (ours, bare):
            form = [("csrf_token", browser.token("/contacts/export")), ("fields", fields)]
            _begun, seconds, size = browser.download("/contacts/export.csv", form)
            times.append(seconds)
        notes = f"{size / 2**20:.0f} MiB without them"
        report.add(title, "s", times[:1], times[1:], at_most(1.2), notes=notes)


if __name__ == "__main__":
    main()
