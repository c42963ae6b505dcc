"""Which attributes of a row the next flush writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm.base import PASSIVE_NO_INITIALIZE


def changed_attributes(row: Any) -> frozenset[str]:
    """Return the names of the attributes of a row that a flush writes, links among them.

    Only those that were set since the row was read are compared: asking every attribute for its
    history takes longer than writing the row. It says the same until the flush has ended.
    """
    state: Any = inspect(row)
    return frozenset(
        name
        for name in state.committed_state
        if state.get_history(name, PASSIVE_NO_INITIALIZE).has_changes()
    )


def is_changed(row: Any, names: Iterable[str]) -> bool:
    """Return True if a flush writes one of these attributes of a row."""
    return not changed_attributes(row).isdisjoint(names)
