"""The first rows that a search finds, for the search box of every page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import select

from app.crud.columns import ColumnPlan, name_parts
from app.crud.firstrows import first_ids
from app.crud.limits import time_limit
from app.crud.screens import find_screen
from app.crud.table import Table
from app.extensions import db
from app.search.models import Searchable
from app.search.queries import search_condition
from app.search.suggestions import in_original_spelling, suggest
from app.security.actor import Actor, current_actor


class QuickResult(NamedTuple):
    """A row that a search finds, and what tells it from others of the same name."""

    id: int
    label: str
    initials: str
    hint: str


def quick_search(table: Table, typed: str, limit: int, actor: Actor) -> list[QuickResult]:
    """Return the first rows of a searchable list that match ``typed``."""
    model = table.model
    seen = table.datamodel.visible()
    order = getattr(model, "sort_name", None)
    if order is None or table.datamodel.condition is not None:
        order = getattr(model, name_parts(model)[-1]) if order is None else order
        query = seen.where(search_condition(db.session(), model, typed))
        query = query.order_by(order, model.id).limit(limit)
    else:
        ids = first_ids(db.session(), model, typed, seen, order, limit, actor)
        query = seen.where(model.id.in_(ids)).order_by(order, model.id)
    query = query.with_only_columns(model.id, model.id)
    plan = ColumnPlan([table.title, *(table.columns[name] for name in table.quick_columns)])
    rows = plan.cells(list(db.session.execute(plan.apply(query, actor))))
    hints = row_hints(table, [row_id for row_id, _cells in rows], actor)
    results = []
    for row_id, (title, *quick) in rows:
        first = next((cell.text for cell in quick if cell.text), "")
        hint = " · ".join(part for part in (first, hints.get(row_id, "")) if part)
        results.append(QuickResult(row_id, title.text, title.extra, hint))
    return results


def row_hints(table: Table, ids: Sequence[int], actor: Actor) -> dict[int, str]:
    """Return by id what tells rows of the same name apart: the ``hint_columns`` of their list."""
    if not ids or not table.hint_columns:
        return {}
    plan = ColumnPlan([table.columns[name] for name in table.hint_columns])
    model = table.model
    query = plan.apply(select(model.id, model.id).where(model.id.in_(ids)), actor)
    return {
        row_id: " · ".join(cell.text for cell in cells if cell.text)
        for row_id, cells in plan.cells(list(db.session.execute(query)))
    }


def lookup_results(model: type, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return ``{id, label, hint}`` of rows, for a picker."""
    screen = find_screen(model)
    ids = [row.id for row in rows]
    hints = {} if screen is None else row_hints(screen.table, ids, current_actor())
    return [{"id": row.id, "label": str(row), "hint": hints.get(row.id, "")} for row in rows]


def suggest_query(table: Table, typed: str, actor: Actor) -> str | None:
    """Return the query ``typed``, which has no results, with its words spelt as rows have them."""
    if not issubclass(table.model, Searchable):
        return None

    def finds(corrected: str) -> bool:
        return bool(quick_search(table, corrected, 1, actor))

    with time_limit(db.session):
        corrected = suggest(db.session(), table.model, typed, finds)
        if corrected is None:
            return None
        rows = quick_search(table, corrected, 5, actor)
    return in_original_spelling(corrected, [row.label for row in rows])
