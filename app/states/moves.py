"""Move one row to another state."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import false, func, literal, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.errors import NotPossible
from app.log.models import is_logged
from app.log.services import column_to_json, record_many
from app.search.models import Searchable
from app.search.services import index_rows
from app.security.actor import Actor
from app.security.scope import not_trashed
from app.states.conditions import Reason, first_reason
from app.states.locks import changing_locked_rows
from app.states.rules import broken_by, rule_text
from app.states.transitions import Transition
from app.types import now


def apply_transition(
    session: Session, row: Any, transition: Transition, *, version: int | None = None
) -> None:
    """Move a row to the state a transition ends in, by one conditional UPDATE, and log it.

    Raise NotPossible if it is in another state than the transition starts from, or if a check or
    a rule forbids it, and StaleDataError if ``version`` is given and no longer the row's.
    """
    session.flush()
    model, values = type(row), transition.new_values()
    reasons = [*transition.refusals(model), *_broken_rules(model, values, transition.actor)]
    stored = _lock(session, row, values)
    conditions = [model.id == row.id, not_trashed(model), transition.starts_from(model)]
    if version is not None:
        conditions.append(model.version == version)
    conditions += [~func.coalesce(condition, false()) for condition, _message in reasons]
    result = session.execute(
        update(model)
        .where(*conditions)
        .values(version=model.version + 1, updated_at=now(), **values),
        execution_options={"synchronize_session": False},
    )
    if not result.rowcount:  # type: ignore[attr-defined]
        _refuse(session, row, transition, stored, version, reasons)
    session.refresh(row)
    if is_logged(model):
        _record(session, row, transition, stored, values)
    if isinstance(row, Searchable) and len(values) > 1:
        index_rows(session, [row])
    with changing_locked_rows():
        transition.moved(session, [row.id])
        session.flush()


def _lock(session: Session, row: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Lock the stored row, and return what it holds in the columns that will change.

    On SQLite the transaction is the only writer anyway.
    """
    model = type(row)
    names = [*values, "version", *(("trashed_at",) if hasattr(model, "trashed_at") else ())]
    query = select(*(getattr(model, name).label(name) for name in names))
    query = query.where(model.id == row.id).with_for_update(of=model)
    found = session.execute(query.execution_options(with_trash=True)).mappings().one_or_none()
    if found is None:
        raise NotPossible(_("It has been deleted."))
    return dict(found)


def _broken_rules(model: Any, values: dict[str, Any], actor: Actor) -> list[Reason]:
    """Return the rules that the row would break in its new state."""
    new = {name: literal(value, getattr(model, name).type) for name, value in values.items()}
    return [(where, rule_text(code)) for where, code in broken_by(model, new, actor)]


def _refuse(
    session: Session,
    row: Any,
    transition: Transition,
    stored: dict[str, Any],
    version: int | None,
    reasons: list[Reason],
) -> None:
    """Raise the error that says why a row was not moved."""
    model = type(row)
    if stored.get("trashed_at") is not None:
        raise NotPossible(_("It has been deleted."))
    state = stored["state"]
    if state not in transition.from_:
        label = str(model.states.get(state, state))
        if state == transition.to:
            raise NotPossible(_("Its state is already “%(state)s”.", state=label))
        raise NotPossible(_("This can’t be done in the state “%(state)s”.", state=label))
    if version is not None and stored["version"] != version:
        raise StaleDataError
    cases = [([row.id], condition, message) for condition, message in reasons]
    raise NotPossible(first_reason(session, model, cases) or _("It has changed since."))


def _record(
    session: Session,
    row: Any,
    transition: Transition,
    stored: dict[str, Any],
    values: dict[str, Any],
) -> None:
    """Log what changed, as the event of the transition."""
    changes = {
        name: [column_to_json(session, row, name, value) for value in (stored[name], new)]
        for name, new in values.items()
        if stored[name] != new
    }
    entry = {
        "subject_id": row.id,
        "subject_name": str(row),
        "version": row.version,
        "changes": changes,
    }
    event, table = transition.action_name(), row.__tablename__
    record_many(session, event, table, [entry], transition.actor)
