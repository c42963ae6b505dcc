"""Find rows by a part of their name, for pickers and for pages without JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import has_request_context
from sqlalchemy import false, func, or_

from app.crud.columns import name_parts
from app.crud.firstrows import first_ids
from app.crud.limits import time_limit
from app.crud.screens import Screen, find_screen
from app.extensions import db
from app.repositories.models import Repository
from app.search.models import Searchable
from app.search.parsing import parse_query
from app.search.queries import search_condition
from app.security.actor import current_actor
from app.security.scope import visible
from app.text import escape_like, fold

# The most options a select offers without JavaScript.
MAX_LOOKUP_ROWS = 50


def may_name(model: Any) -> bool:
    """Return True if the user may read the names of a model's rows.

    For personal data that takes the right to list, show or edit rows of the model. Values of
    repositories and entities may be chosen by everybody who fills in a form.
    """
    if not has_request_context():
        return True
    screen = find_screen(model)
    if screen is None or not screen.is_personal:
        return True
    return any(screen.can(right) for right in ("can_list", "can_show", "can_edit"))


def get_add_view(model: Any) -> Screen | None:
    """Return the screen whose add form creates rows of a model; None without the permission."""
    screen = find_screen(model) if has_request_context() else None
    return screen if screen is not None and screen.add_columns and screen.can("can_add") else None


def lookup_rows(model: Any, typed: str, limit: int) -> Sequence[Any]:
    """Return the first rows in the actor's scope whose name contains ``typed``."""
    if not may_name(model):
        return []
    query = seen = visible(model, current_actor())
    is_typed = bool(typed and parse_query(typed))
    is_searched = is_typed and issubclass(model, Searchable)
    if is_searched:
        query = query.where(search_condition(db.session(), model, typed))
    elif is_typed:
        pattern = f"%{escape_like(fold(typed))}%"
        names = (
            (model.label_en, model.label_es)
            if issubclass(model, Repository)
            else [getattr(model, part) for part in name_parts(model) if hasattr(model, part)]
        )
        query = query.where(
            or_(
                # A model without a name column matches nothing.
                false(),
                *(func.padron_fold(name).like(pattern, escape="\\") for name in names),
            )
        )
    if hasattr(model, "sort_name"):
        query = query.order_by(model.sort_name, model.id)
    elif hasattr(model, "path"):
        query = query.order_by(model.path)
    else:
        query = query.order_by(model.id)
    with time_limit(db.session):
        if is_searched and hasattr(model, "sort_name"):
            ids = first_ids(
                db.session(), model, typed, seen, model.sort_name, limit, current_actor()
            )
            query = seen.where(model.id.in_(ids)).order_by(model.sort_name, model.id)
        return db.session.scalars(query.limit(limit)).unique().all()
