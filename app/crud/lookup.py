"""Finding a row to link to by a part of its name, for pickers and for pages without JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import false, func, or_

from app.crud.columns import name_parts
from app.extensions import db
from app.repositories.models import Repository
from app.search.models import Searchable
from app.search.queries import matching, words
from app.security.actor import current_actor
from app.security.scope import visible
from app.text import fold, like

# As many as a list without JavaScript offers at once.
MOST_FOUND = 50


def found_rows(model: Any, typed: str, limit: int) -> Sequence[Any]:
    """Return the first rows of a model that ``typed`` finds and the actor may see."""
    query = visible(model, current_actor())
    if typed and words(typed):
        if issubclass(model, Searchable):
            query = query.where(matching(db.session, model, typed))
        else:
            pattern = f"%{like(fold(typed))}%"
            names = (
                (model.label_en, model.label_es)
                if issubclass(model, Repository)
                else [getattr(model, part) for part in name_parts(model) if hasattr(model, part)]
            )
            query = query.where(
                or_(
                    # What has no name of its own is not found by one.
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
    return db.session.scalars(query.limit(limit)).unique().all()
