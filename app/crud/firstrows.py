"""The first rows in an order that a search finds: for pickers and the search box of every page."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from app.bulk import has_id
from app.crud.paging import Order, fetch
from app.search.queries import search_condition, select_matching_ids
from app.security.actor import Actor
from app.security.scope import sees_every_row

# Of no more rows than this all are sorted.
MAX_SORTED = 1_000


def first_ids(
    session: Session, model: Any, typed: str, seen: Select, order: Any, limit: int, actor: Actor
) -> list[int]:
    """Return the ids of the first rows that a search finds, by an attribute that has an index.

    ``seen`` selects the rows among which they are found. PostgreSQL by itself would walk through
    nearly all of them if those that are found stand at the end of the order.
    """
    dialect = session.get_bind().dialect
    found = seen.where(search_condition(session, model, typed)).order_by(None)
    every = None
    if sees_every_row(model, actor):
        every = select_matching_ids(session, model, typed)
    query = found.with_only_columns(model.id) if every is None else every
    ids = session.scalars(query.limit(MAX_SORTED + 1)).all()
    is_short = len(ids) <= MAX_SORTED
    if len(ids) <= 1:
        return list(ids)
    query = seen.where(has_id(dialect, model.id, ids)) if is_short else found
    page = fetch(
        lambda statement, _down: session.execute(statement).all(),
        query.with_only_columns(model.id.label("row_id"), order.label("sort")),
        Order(order, model.id, False, bool(order.expression.nullable)),
        limit,
        unfiltered=None if is_short or dialect.name != "postgresql" else seen,
        are_few=is_short and dialect.name == "postgresql",
    )
    return [row[0] for row in page.rows]
