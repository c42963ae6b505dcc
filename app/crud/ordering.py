"""The ids of all rows of a list, in its order."""

from __future__ import annotations

from array import array
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from app.crud.listing import ListState
from app.crud.sorting import GroupSort, KeySort, in_order
from app.crud.table import Table
from app.importexport.copying import read_ids
from app.security.actor import Actor


def ordered_ids(
    session: Session, table: Table, state: ListState, query: Select, actor: Actor
) -> array[int]:
    """Return the ids of the rows of ``query``, which selects the model, as the list sorts them."""
    sort, row_id = table.sorts[state.sort], table.model.id
    if isinstance(sort, GroupSort):
        return _by_group(session, query, row_id, sort, state.descending, actor)
    return _by_key(session, query, row_id, sort, state.descending, actor)


def _by_key(
    session: Session, query: Select, row_id: Any, sort: KeySort, descending: bool, actor: Actor
) -> array[int]:
    value = sort.expression()
    if sort.join is not None:
        query = sort.join(query, actor)
    is_blank = value.is_(None) if sort.unlinked is None else sort.unlinked(actor)
    keys = [key.desc() if descending else key.asc() for key in (value, row_id)]
    if sort.nullable or sort.unlinked is not None:
        # What has no value comes last in either direction.
        keys.insert(0, is_blank.asc())
    ids = query.with_only_columns(row_id).order_by(None).order_by(*keys)
    return read_ids(session, ids)


def _by_group(
    session: Session, query: Select, row_id: Any, sort: GroupSort, descending: bool, actor: Actor
) -> array[int]:
    values = query.with_only_columns(row_id, sort.expression()).order_by(None).order_by(row_id)
    groups: dict[Any, array[int]] = {}
    for pk, value in session.execute(values):
        groups.setdefault(value, array("q")).append(pk)
    ids = array("q")
    for value in in_order(groups, sort.keys(list(groups), actor), descending):
        ids.extend(reversed(groups[value]) if descending else groups[value])
    return ids
