"""Statements of lists that are built once: to build one takes longer than to run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row

from app.caches import LatestOnly
from app.extensions import db
from app.i18n.languages import current_language
from app.security.actor import Actor
from app.trash.listeners import without_trash

_statements = LatestOnly(500)


def prepared(actor: Actor | None, key: tuple[Any, ...], build: Callable[[], Any]) -> Any:
    """Return what ``build`` returns for an actor, a key, the reader's language and the database.

    It must depend on nothing else: a scope and a computed field do not name a moment or a value
    that they read, but ask the database for it.
    """
    whole = (db.engine.dialect.name, current_language(), actor, *key)
    found = _statements.get(whole)
    if found is None:
        found = _statements[whole] = build()
    return found


def forget_statements() -> None:
    """Have every statement built anew: models have other fields than before."""
    _statements.clear()


def finished(statement: Any) -> Any:
    """Return a statement for ``read``: it hides the trash, unless it has ``with_trash``."""
    if statement.get_execution_options().get("with_trash"):
        return statement
    return without_trash(statement)


def read(statement: Any, values: Any = None) -> Sequence[Row[Any]]:
    """Return the rows of a statement that selects columns.

    As a statement of the ORM, which makes nothing of such rows, it would take twice as long.
    """
    return db.session.connection().execute(statement, values or {}).all()
