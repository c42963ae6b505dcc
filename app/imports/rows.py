"""What a chunk of an import writes beside the rows themselves: problems, items, counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.bulk import insert_rows
from app.fieldtypes import to_json
from app.importexport.lookups import LinkedRow
from app.importexport.planning import ImportPlan
from app.importexport.repairs import MAX_TEXT
from app.importexport.report import ACCEPTED
from app.importexport.rows import ImportRow
from app.imports.models import ImportIssue, ImportRun
from app.imports.plans import load_repairs, open_file
from app.operations.models import Operation, OperationItem

# Rows of the file that are read together.
_BLOCK = 500


def write_issues(
    session: Session, run_id: int, plan: ImportPlan, rows: Iterable[ImportRow]
) -> None:
    """Write why rows are not imported."""
    places = {field.name: place for place, field in plan.mapping.items() if field is not None}
    issues = [
        {
            "run_id": run_id,
            "row": row.source.number,
            "outcome": row.outcome,
            "field": name,
            "reason": reason[:400],
            "cell": _cell(row, places.get(name)),
            "value": _wrong_text(row, name),
            "is_trashed": row.is_trashed,
        }
        for row in rows
        if row.outcome not in ACCEPTED
        for name, reason in row.problems
    ]
    insert_rows(session.connection(), ImportIssue.__table__, issues)


def _cell(row: ImportRow, place: int | None) -> str | None:
    """Return the cell of a problem if it can be corrected on the page."""
    if place is None or row.source.problem or place >= len(row.source.cells):
        return None
    text = row.source.cells[place]
    return text if len(text) <= MAX_TEXT and text.isprintable() else None


def _wrong_text(row: ImportRow, name: str) -> str:
    """Return the text by which a problem is grouped, or an empty one."""
    text = row.wrong_texts.get(name, "")
    return text if len(text) <= MAX_TEXT and text.isprintable() else ""


def write_items(session: Session, operation_id: int, rows: Iterable[ImportRow]) -> None:
    """Write, for undoing, which rows were created and changed, and what these held before."""
    items: list[dict[str, Any]] = []
    counts = {"changed": 0, "already": 0}
    for row in rows:
        counts["already"] += row.outcome == "unchanged"
        if row.outcome not in ("new", "updated"):
            continue
        counts["changed"] += 1
        before = {key: [_plain(old), _plain(new)] for key, (old, new) in row.changes.items()}
        items.append(
            {
                "operation_id": operation_id,
                "row_id": row.row_id,
                "outcome": "created" if row.outcome == "new" else "changed",
                "before": before if row.outcome == "updated" else None,
            }
        )
    items.sort(key=lambda item: item["row_id"])
    insert_rows(session.connection(), OperationItem.__table__, items)
    raised = {name: getattr(Operation, name) + count for name, count in counts.items()}
    session.execute(
        update(Operation).where(Operation.id == operation_id).values(raised),
        execution_options={"synchronize_session": False},
    )


def _plain(value: Any) -> Any:
    """Return a value, a linked row or several as an item stores it."""
    if isinstance(value, LinkedRow):
        return value.to_log()
    if isinstance(value, list):
        return [linked.to_log() for linked in value]
    return to_json(value)


def rejected_rows(session: Session, run: ImportRun) -> Iterator[list[str]]:
    """Yield the headers, then every row that was not imported, with the reasons behind its cells.

    They can be corrected and imported.
    """
    source, repairs = open_file(run), load_repairs(run)
    width = len(source.headers)
    yield [*source.headers, _("Problem")]
    with source.reader() as reader:
        while block := list(islice(reader, _BLOCK)):
            reasons = _reasons(session, run.id, block[0].number, block[-1].number)
            for row in repairs.apply(block, {}, {}):
                if row.number in reasons:
                    cells = [*row.cells, *[""] * (width - len(row.cells))]
                    # Cells beyond the last header follow the reasons.
                    yield [*cells[:width], " ".join(reasons[row.number]), *cells[width:]]


def _reasons(session: Session, run_id: int, first: int, last: int) -> dict[int, list[str]]:
    """Return what is wrong with each row of a part of the file."""
    query = select(ImportIssue.row, ImportIssue.reason).where(
        ImportIssue.run_id == run_id, ImportIssue.row.between(first, last)
    )
    found: dict[int, list[str]] = {}
    for number, reason in session.execute(query.order_by(ImportIssue.row, ImportIssue.id)):
        found.setdefault(number, []).append(reason)
    return found
