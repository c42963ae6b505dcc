"""Statements of lists that are built once: to build one takes longer than to run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.sql.visitors import cloned_traverse

from app.caches import LatestOnly
from app.database import KEEPS_PLAN
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


def finished_with_values(statement: Any) -> Any:
    """Return a statement for ``read`` that has its values in its text.

    So it is the same whenever it is executed, and PostgreSQL keeps the plan that it made for these
    values. One that also takes parameters gets its values with them.
    """
    dialect = db.engine.dialect
    if dialect.name == "postgresql":
        whole = finished(cloned_traverse(statement, {}, {"bindparam": _write_value}))
        compiled = whole.compile(dialect=dialect)
        if not set(compiled.binds.values()) - compiled.literal_execute_params:
            return whole.execution_options(**KEEPS_PLAN)
    return finished(statement)


def _write_value(parameter: Any) -> None:
    if not parameter.required and parameter.callable is None:
        parameter.literal_execute = True


def read(statement: Any, values: Any = None) -> Sequence[Row[Any]]:
    """Return the rows of a statement that selects columns.

    As a statement of the ORM, which makes nothing of such rows, it would take twice as long.
    """
    return db.session.connection().execute(statement, values or {}).all()
