"""Turn a search query into a condition that an index answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    exists,
    false,
    func,
    inspect,
    literal_column,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.orm import Session

from app.search.models import SEPARATOR, Searchable
from app.search.parsing import Term, parse_query, split_words
from app.security.actor import current_actor
from app.security.scope import Scoped, entity_in_reach, not_trashed, visible
from app.text import escape_like

# The most digits of a number with leading zeros.
MAX_NUMBER_LENGTH = 12


def _has_terms(
    model: type[Searchable], terms: Sequence[Term], dialect: str
) -> ColumnElement[bool]:
    """Return the condition on the search table that a text contains all terms."""
    table = model.search_table
    indexed = [term for term in terms if all(len(spelling) >= 3 for spelling in term)]
    if dialect != "sqlite" or not indexed:
        return and_(true(), *(_contains(table.c.text, term) for term in terms))
    phrase = " AND ".join(
        "(" + " OR ".join('"' + spelling.replace('"', '""') + '"' for spelling in term) + ")"
        for term in indexed
    )
    fts = f"{table.name}_fts"
    row_ids = text(f"SELECT rowid FROM {fts} WHERE {fts} MATCH :phrase").bindparams(phrase=phrase)
    short = [term for term in terms if term not in indexed]
    return and_(
        literal_column(f"{table.name}.row_id").in_(row_ids),
        *(_contains(table.c.text, term) for term in short),
    )


def _contains(column: ColumnElement[str], term: Term) -> ColumnElement[bool]:
    """Return the condition that a text contains one of the spellings of a term."""
    return or_(*(column.like(f"%{escape_like(spelling)}%", escape="\\") for spelling in term))


def search_condition(session: Session, model: Any, typed: str) -> ColumnElement[bool]:
    """Return the condition that a row of ``model`` matches the query ``typed``."""
    query = parse_query(typed)
    conditions = [_has_date(model, day) for day in query.dates]
    conditions += [_has_number(model, number) for number in query.numbers]
    if query.terms or not conditions:
        conditions.append(_has_text(session, model, query.terms))
    return and_(*conditions)


def select_matching_ids(session: Session, model: Any, typed: str) -> Select[Any] | None:
    """Select the ids of all rows that match the words of a query, for who sees every row.

    They are read from the search texts alone, without the rows: few rows are in the trash. None
    if a query has more than words, or on a database where that saves nothing.
    """
    query, table = parse_query(typed), model.search_table
    dialect = session.get_bind().dialect.name
    if dialect != "postgresql" or query.dates or query.numbers or not query.terms:
        return None
    found = select(table.c.row_id).where(_has_terms(model, query.terms, dialect))
    if hasattr(model, "trashed_at"):
        rows = model.__table__
        is_trashed = exists().where(rows.c.id == table.c.row_id, rows.c.trashed_at.is_not(None))
        found = found.where(~is_trashed)
    return found


def text_condition(session: Session, model: Any, typed: str) -> ColumnElement[bool]:
    """Return the condition that the search text contains the words of ``typed``.

    It holds for every row one of whose searched columns contains ``typed``, and for others: of
    those it finds the filter has to compare the column.
    """
    return _matches(session, model, split_words(typed))


def spelling_condition(
    session: Session, model: Any, spellings: Sequence[str]
) -> ColumnElement[bool]:
    """Return the condition that the search text contains one of some folded texts."""
    return _matches(session, model, (tuple(spellings),))


def _has_date(model: Any, day: date) -> ColumnElement[bool]:
    return or_(false(), *(getattr(model, name) == day for name in model.search_dates))


def _has_number(model: Any, number: str) -> ColumnElement[bool]:
    """Return the condition that a row has this number, with any number of leading zeros."""
    if model.search_number is None:
        return false()
    bare = number.lstrip("0")
    spellings = {bare.zfill(width) for width in range(len(bare) or 1, MAX_NUMBER_LENGTH + 1)}
    return getattr(model, model.search_number).in_(sorted({number, *spellings}))


def _matches(session: Session, model: Any, terms: Sequence[Term]) -> ColumnElement[bool]:
    dialect = session.get_bind().dialect.name
    has_terms = and_(_has_terms(model, terms, dialect), _in_reach(model, dialect))
    return model.id.in_(select(model.search_table.c.row_id).where(has_terms))


def _has_text(session: Session, model: Any, terms: Sequence[Term]) -> ColumnElement[bool]:
    table = model.search_table
    dialect = session.get_bind().dialect.name
    matches = _matches(session, model, terms)
    if model.search_linked is None or current_actor().entity_ids is None:
        return matches
    # The name of a linked row out of scope must not match: it could be guessed letter by letter.
    relation = inspect(model).relationships[model.search_linked]
    column = next(iter(relation.local_columns))
    key = getattr(model, inspect(model).get_property_by_column(column).key)
    target = relation.mapper.class_
    visible_targets = visible(target, current_actor()).where(not_trashed(target))
    is_visible = or_(key.is_(None), key.in_(visible_targets.with_only_columns(target.id)))
    own = own_text(table, dialect)
    has_own_terms = and_(true(), *(_contains(own, term) for term in terms))
    if dialect == "postgresql":
        # One semi-join: as a subquery of its own, the last condition would read every text.
        return exists().where(
            table.c.row_id == model.id,
            _has_terms(model, terms, dialect),
            _in_reach(model, dialect),
            is_visible | has_own_terms,
        )
    return and_(matches, is_visible | exists().where(table.c.row_id == model.id, has_own_terms))


def _in_reach(model: Any, dialect: str) -> ColumnElement[bool]:
    """Return the condition of the scope on the search texts, where these have the entity.

    The scope itself is applied to the rows. This one lets PostgreSQL combine the index of the
    entities with that of the trigrams, instead of reading the texts of all entities.
    """
    actor, table = current_actor(), model.search_table
    own, usual = (
        getattr(scope, "__func__", None) for scope in (getattr(model, "scope", None), Scoped.scope)
    )
    if dialect != "postgresql" or "entity_id" not in table.c or own is not usual:
        return true()
    return entity_in_reach(table.c.entity_id, actor) if actor.is_staff else true()


def own_text(table: Table, dialect: str) -> ColumnElement[str]:
    """Return the part of a search text before the separator."""
    if dialect == "postgresql":
        return func.split_part(table.c.text, SEPARATOR, 1)
    return func.substr(table.c.text, 1, func.instr(table.c.text, SEPARATOR) - 1)
