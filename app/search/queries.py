"""Turn a search query into a condition that an index answers."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    exists,
    func,
    inspect,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Session

from app.search.models import SEPARATOR, Searchable
from app.security.actor import current_actor
from app.security.scope import not_trashed, visible
from app.text import clean, digits, escape_like, fold

# Longer queries are cut: no name is that long.
MAX_QUERY_LENGTH = 200
_ONLY_PHONE = re.compile(r"^[\d\s()+./\-]+$")


def search_words(typed: str) -> tuple[str, ...]:
    """Return the folded words of a query, at most 10; a telephone number is one word of digits."""
    typed = clean(typed)[:MAX_QUERY_LENGTH]
    if _ONLY_PHONE.match(typed) and len(number := digits(typed)) >= 5 and " " in typed:
        return (number.removeprefix("00"),)
    if typed.startswith("+") and _ONLY_PHONE.match(typed):
        return (digits(typed),) if digits(typed) else ()
    return tuple(dict.fromkeys(fold(typed).split()))[:10]


def _has_all_words(
    model: type[Searchable], words: tuple[str, ...], dialect: str
) -> ColumnElement[bool]:
    """Return the condition on the search table that a text contains all words."""
    table = model.search_table
    conditions = [table.c.text.like(f"%{escape_like(word)}%", escape="\\") for word in words]
    long = [word for word in words if len(word) >= 3]
    if dialect == "sqlite" and long:
        phrase = " AND ".join('"' + word.replace('"', '""') + '"' for word in long)
        fts = f"{table.name}_fts"
        row_ids = text(f"SELECT rowid FROM {fts} WHERE {fts} MATCH :phrase").bindparams(
            phrase=phrase
        )
        conditions = [
            literal_column(f"{table.name}.row_id").in_(row_ids),
            *(table.c.text.like(f"%{escape_like(w)}%", escape="\\") for w in words if len(w) < 3),
        ]
    return and_(*conditions)


def search_condition(session: Session, model: Any, typed: str) -> ColumnElement[bool]:
    """Return the condition that a row of ``model`` matches the query ``typed``."""
    table = model.search_table
    dialect = session.get_bind().dialect.name
    condition = _has_all_words(model, search_words(typed), dialect)
    matches = model.id.in_(select(table.c.row_id).where(condition))
    if model.search_linked is None or current_actor().entity_ids is None:
        return matches
    # The name of a linked row out of scope must not match: it could be guessed letter by letter.
    relation = inspect(model).relationships[model.search_linked]
    column = next(iter(relation.local_columns))
    key = getattr(model, inspect(model).get_property_by_column(column).key)
    target = relation.mapper.class_
    visible_targets = visible(target, current_actor()).where(not_trashed(target))
    own = own_text(table, dialect)
    has_own = [own.like(f"%{escape_like(word)}%", escape="\\") for word in search_words(typed)]
    return and_(
        matches,
        or_(
            key.is_(None),
            key.in_(visible_targets.with_only_columns(target.id)),
            exists().where(table.c.row_id == model.id, *has_own),
        ),
    )


def own_text(table: Table, dialect: str) -> ColumnElement[str]:
    """Return the part of a search text before the separator."""
    if dialect == "postgresql":
        return func.split_part(table.c.text, SEPARATOR, 1)
    return func.substr(table.c.text, 1, func.instr(table.c.text, SEPARATOR) - 1)
