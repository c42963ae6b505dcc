"""Count several lists in one statement, each up to a limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.i18n.formats import show_number

# How far the number on a tab or a card is counted.
MAX_SHOWN_COUNT = 1_000


def count_capped(
    session: Session,
    queries: Mapping[str, Select[Any]],
    cap: int | Mapping[str, int] = MAX_SHOWN_COUNT,
    *,
    with_trash: bool = False,
) -> dict[str, int]:
    """Count the rows of some queries in one statement, each up to ``cap + 1``.

    ``cap`` may be a mapping with a limit for each name.
    """
    if not queries:
        return {}
    counts = []
    for name, query in queries.items():
        limit = cap if isinstance(cap, int) else cap[name]
        rows = query.order_by(None).limit(limit + 1).subquery()
        counts.append(select(func.count()).select_from(rows).scalar_subquery())
    statement = select(*counts).execution_options(with_trash=with_trash)
    found = session.execute(statement).one()
    return dict(zip(queries, found, strict=True))


def show_capped(count: int, cap: int = MAX_SHOWN_COUNT) -> str:
    """Format a count, with a plus if it was counted no further: 1,000+."""
    return f"{show_number(cap)}+" if count > cap else show_number(count)
