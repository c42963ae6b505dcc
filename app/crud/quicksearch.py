"""The first rows that a search finds, for the search box of every page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import current_app
from sqlalchemy import select

from app.crud.columns import ColumnPlan
from app.extensions import db
from app.i18n.phones import show_phone
from app.search.queries import search_condition
from app.search.suggestions import in_original_spelling, suggest
from app.security.actor import Actor, current_actor

if TYPE_CHECKING:
    from app.crud.modelview import ModelView


def quick_search(view: ModelView, typed: str, limit: int, actor: Actor) -> list[dict[str, Any]]:
    """Return ``{label, initials, hint, url}`` of the first rows that match ``typed``."""
    model = view.datamodel.obj
    query = view.datamodel.visible().where(search_condition(db.session, model, typed))
    title = next(iter(view.columns.values()))
    query, expressions = title.select(query, actor)
    hints = [name for name in ("email", "phone", "number") if hasattr(model, name)]
    query = query.with_only_columns(
        model.id, *expressions, *(getattr(model, name) for name in hints)
    )
    query = query.order_by(model.sort_name, model.id).limit(limit)
    results = []
    found = db.session.execute(query).all()
    more = row_hints(view, [row[0] for row in found], actor)
    for row in found:
        cell = title.cell(tuple(row[1 : 1 + len(expressions)]))
        values = zip(hints, row[1 + len(expressions) :], strict=True)
        name, value = next(((name, value) for name, value in values if value), ("", ""))
        hint = show_phone(value) if name == "phone" else value
        if name != "number":
            hint = " · ".join(part for part in (hint, more.get(row[0], "")) if part)
        else:
            hint = more.get(row[0], hint)
        results.append(
            {"label": cell.text, "initials": cell.extra, "hint": hint,
             "url": f"{view.route_base}/show/{row[0]}"}
        )  # fmt: skip
    return results


def row_hints(view: Any, ids: Sequence[int], actor: Actor) -> dict[int, str]:
    """Return by id what tells rows of the same name apart: the ``hint_columns`` of their view."""
    if not ids or not view.hint_columns:
        return {}
    plan = ColumnPlan([view.columns[name] for name in view.hint_columns])
    model = view.datamodel.obj
    query = plan.apply(select(model.id, model.id).where(model.id.in_(ids)), actor)
    return {
        row_id: " · ".join(cell.text for cell in cells if cell.text)
        for row_id, cells in plan.cells(list(db.session.execute(query)))
    }


def lookup_results(model: Any, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return ``{id, label, hint}`` of rows, for a picker."""
    views = current_app.appbuilder.baseviews
    view = next(
        (
            view
            for view in views
            if getattr(view, "hint_columns", ()) and view.datamodel.obj is model
        ),
        None,
    )
    hints = row_hints(view, [row.id for row in rows], current_actor()) if view else {}
    return [{"id": row.id, "label": str(row), "hint": hints.get(row.id, "")} for row in rows]


def suggest_query(view: ModelView, typed: str, actor: Actor) -> str | None:
    """Return the query ``typed``, which has no results, with its words spelt as rows have them."""

    def finds(corrected: str) -> bool:
        return bool(quick_search(view, corrected, 1, actor))

    corrected = suggest(db.session(), view.datamodel.obj, typed, finds)
    if corrected is None:
        return None
    rows = quick_search(view, corrected, 5, actor)
    return in_original_spelling(corrected, [row["label"] for row in rows])
