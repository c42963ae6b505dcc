"""Let rows point at another row: by statements, however many they are, as the session would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import inspect, literal, select, update
from sqlalchemy.orm import QueryableAttribute, Session

from app.bulk import is_one_of
from app.crud.columns import name_parts
from app.errors import DomainError, Locked
from app.log.models import is_logged
from app.log.services import record_many
from app.log.values import foreign_keys, link_to_json, logged_columns
from app.operations.engine import name_expression
from app.search.services import write_linked_name
from app.security.actor import Actor
from app.states.locks import why_each_is_locked
from app.states.rules import broken_by, rule_text
from app.types import now

_OPTIONS = {"synchronize_session": False, "with_trash": True}


def point_rows(
    session: Session,
    model: Any,
    attribute: str,
    ids: Sequence[int],
    old: Any,
    new: Any,
    actor: Actor,
) -> dict[int, int | None]:
    """Let rows that point at ``old`` point at ``new``; return their new versions by id.

    Locks and rules are asked, log, reactions and search texts follow; the caller has locked the
    rows. Raise DomainError for the first of them that may not be changed.
    """
    if not ids:
        return {}
    chosen = is_one_of(session.get_bind().dialect, model.id, ids)
    column = getattr(model, attribute)
    for sentence in why_each_is_locked(session, model, ids, actor).values():
        raise Locked(sentence)
    for condition, code in broken_by(model, {attribute: literal(new.id, column.type)}, actor):
        query = select(model.id).where(chosen, condition).limit(1)
        if session.scalar(query.execution_options(with_trash=True)) is not None:
            raise DomainError(str(rule_text(code)))
    columns = inspect(model).column_attrs
    values: dict[str, Any] = {attribute: new.id}
    if "version" in columns:
        values["version"] = model.version + 1
    if "updated_at" in columns:
        values["updated_at"] = now()
    statement = update(model).where(chosen, column == old.id).values(values)
    session.execute(statement, execution_options=_OPTIONS)
    _forget(session, model, ids, values)
    version = model.version if "version" in columns else literal(None)
    query = select(model.id, version.label("version")).where(chosen).order_by(model.id)
    found = session.execute(query.execution_options(with_trash=True))
    versions: dict[int, int | None] = {row.id: row.version for row in found}
    if is_logged(model) and attribute in logged_columns(model):
        is_link = attribute in foreign_keys(model)
        change = [link_to_json(row) if is_link else row.id for row in (old, new)]
        entries = [
            {"subject_id": row_id, "subject_name": name, "version": versions[row_id],
             "changes": {attribute: change}}
            for row_id, name in _names(session, model, chosen)
        ]  # fmt: skip
        record_many(session, "changed", model.__tablename__, entries, actor)
    write_linked_name(session, model, attribute, ids, str(new))
    return versions


def _names(session: Session, model: Any, chosen: Any) -> list[tuple[int, str]]:
    """Return (id, name) of rows, in the order of their ids."""
    options = {"with_trash": True}
    if all(
        isinstance(getattr(model, part, None), QueryableAttribute) for part in name_parts(model)
    ):
        query = select(model.id, name_expression(model)).where(chosen).order_by(model.id)
        return [
            (row_id, name) for row_id, name in session.execute(query, execution_options=options)
        ]
    rows = session.scalars(
        select(model).where(chosen).order_by(model.id), execution_options=options
    )
    return [(row.id, str(row)) for row in rows.unique()]


def _forget(session: Session, model: Any, ids: Sequence[int], values: dict[str, Any]) -> None:
    """Let rows that the session holds be read again."""
    changed = set(ids)
    for row in list(session.identity_map.values()):
        # Not by its attribute: that of an expired row would be read.
        state: Any = inspect(row)
        if isinstance(row, model) and state.identity[0] in changed:
            relations = inspect(type(row)).relationships
            session.expire(row, [*values, *(one.key for one in relations if not one.uselist)])
