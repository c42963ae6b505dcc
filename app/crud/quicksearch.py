"""The first rows that a search finds, for the search box of every page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.extensions import db
from app.fieldtypes import show_phone
from app.search.queries import search_condition
from app.search.suggestions import in_original_spelling, suggest
from app.security.actor import Actor

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
    for row in db.session.execute(query):
        cell = title.cell(tuple(row[1 : 1 + len(expressions)]))
        values = zip(hints, row[1 + len(expressions) :], strict=True)
        name, value = next(((name, value) for name, value in values if value), ("", ""))
        hint = show_phone(value) if name == "phone" else value
        results.append(
            {"label": cell.text, "initials": cell.extra, "hint": hint,
             "url": f"{view.route_base}/show/{row[0]}"}
        )  # fmt: skip
    return results


def suggest_query(view: ModelView, typed: str, actor: Actor) -> str | None:
    """Return the query ``typed``, which has no results, with its words spelt as rows have them."""

    def finds(corrected: str) -> bool:
        return bool(quick_search(view, corrected, 1, actor))

    corrected = suggest(db.session(), view.datamodel.obj, typed, finds)
    if corrected is None:
        return None
    rows = quick_search(view, corrected, 5, actor)
    return in_original_spelling(corrected, [row["label"] for row in rows])
