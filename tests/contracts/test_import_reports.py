"""The report of every importer is true: the check says what the run does, whatever its chunks."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, select

from app.extensions import db
from app.importexport.fields import ForeignKeyField, ValueField
from app.importexport.importer import Importer
from tests.factories import a_row
from tests.importexport.importing import counts, import_file
from tests.sampling import IS_FULL, chance

pytestmark = pytest.mark.both_databases

every_importer = pytest.mark.parametrize(
    "importer", [kind() for kind in Importer.all()], ids=lambda importer: importer.name
)
# Few values, so that rows share them: namesakes, shared addresses, numbers with and without zeros.
POOLS: dict[str, list[str]] = {
    "email": ["familia@example.org", "ana@example.org", "FAMILIA@example.org", "nonsense", "", ""],
    "phone": ["927216305", "612345678", "123", ""],
    "day": ["1980-02-29", "01/02/1980", "1/2/81", "31/02/1980", "", "", ""],
    "code": ["1", "000001", "7", "X-9", "", "", "", ""],
    "country": ["España", "ES", "ABC", ""],
}
NAMES = ["Ana", "ANA", "Ana María", "Luis", "Prueba Nadie", "Prueba", "Peña", ""]
RUNS = 8 if IS_FULL else 1


def a_file(importer: Importer, path: Path, purpose: str, rows: int = 30) -> Path:
    """Write rows of random values of what identifies a row, with one header twice."""
    dice = chance(f"{importer.name} {purpose}")
    wanted = {name for rule in importer.match_rules for name in rule.required_fields}
    wanted |= {*importer.required_fields, "first_name", "birth_date", "country", "phone", "parent"}
    wanted.add("manager")
    fields = [field for field in importer.fields() if field.name in wanted]
    dice.shuffle(fields)
    headers = [field.name for field in fields]
    lines = [[*headers, headers[0]]]
    for _row in range(rows):
        cells = [dice.choice(_pool(field)) for field in fields]
        lines.append([*cells, "repeated"])
        if dice.random() < 0.1:
            lines.append(list(lines[-1]))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def _pool(field: Any) -> list[str]:
    if field.name == "manager":
        # By numbers, which no row changes: who had an e-mail may have another one behind it.
        return ["", "", "1", "7", "000001", "X-9", "Nobody"]
    if isinstance(field, ForeignKeyField):
        return ["", "", "", "Luis", "Ana", "Nobody"]
    kind = field.field_type.name if isinstance(field, ValueField) else "text"
    if field.name == "tax_number":
        return POOLS["code"]
    return POOLS.get(kind, NAMES)


@contextmanager
def taken_back(connection) -> Iterator[None]:
    """Take back what is written inside the block, commits included."""
    # The session's own savepoint, if it has one, would be around this one.
    db.session.remove()
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        db.session.remove()
        savepoint.rollback()


def contents(importer: Importer) -> list[tuple]:
    """Return the values of all rows, without ids and times."""
    model = importer.model
    left_out = {"id", "created_at", "updated_at", "parent_id", "manager_id"}
    keys = [c.key for c in inspect(model).column_attrs if c.key not in left_out]
    rows = db.session.execute(select(*(getattr(model, key) for key in keys)))
    return sorted(tuple(map(str, row)) for row in rows)


@every_importer
@pytest.mark.parametrize("run", range(RUNS))
def test_the_check_says_what_a_run_of_any_chunk_size_does(importer, run, connection, tmp_path):
    a_row(importer.model)
    import_file(importer, a_file(importer, tmp_path / "a.csv", f"first {run}", 15))
    path = a_file(importer, tmp_path / "b.csv", f"second {run}")

    checks = [import_file(importer, path, dry_run=True, chunk_size=n) for n in (1, 7, 250, 1000)]
    said = [(counts(one), one.errors) for one in checks]
    assert said == said[:1] * 4
    before = contents(importer)
    assert contents(importer) == before

    done, left = [], []
    for size in (1, 7, 250, 1000):
        with taken_back(connection):
            report = import_file(importer, path, chunk_size=size)
            done.append((counts(report), sorted(map(str, report.errors))))
            left.append(contents(importer))
            # What was refused may be possible by now, and then comes before what was not.
            rejected = {error["row"] for error in report.errors}
            lines = path.read_text().splitlines(keepends=True)
            kept = [line for number, line in enumerate(lines, 1) if number not in rejected]
            (tmp_path / "kept.csv").write_text("".join(kept))
            if len(kept) == 1:
                # A file without rows is refused.
                continue
            again = import_file(importer, tmp_path / "kept.csv", chunk_size=size)
            assert counts(again) == {"unchanged": len(kept) - 1}, again
    assert done == [(counts(checks[0]), sorted(map(str, checks[0].errors)))] * 4
    assert left == left[:1] * 4
