"""Describe the filters and the search of a list in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_babel import gettext as _

if TYPE_CHECKING:
    from app.crud.listing import ListState
    from app.crud.modelview import ModelView


def describe_filters(view: ModelView, state: ListState) -> str:
    """Return the filters and the search in the reader's language; empty if there are none."""
    parts = [
        f"{view.get_label(active.filter.column_name)} {active.filter.name} "
        f"{active.filter.show(active.value)}".strip()
        for active in state.filters
    ]
    if state.q:
        parts.append(_("Search: “%(words)s”", words=state.q))
    return " · ".join(parts)
