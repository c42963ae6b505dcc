"""Tests that changing a status, a category and a type share."""

from __future__ import annotations

from typing import Any

from app.extensions import db
from app.log.queries import get_entries
from app.log.services import restore_value
from app.operations.actionbase import NONE, Action
from app.security.actor import acting_as
from tests.factories import a_contact, a_value
from tests.operations.run_actions import do, preview, undo
from tests.people import BRUNO


def assert_it_can_be_emptied(kind: type[Action], field: str, model: type) -> None:
    """Empty the field of rows, and restore it by undo."""
    one, other = a_value(model), a_value(model)
    rows = [a_contact(**{field: one}), a_contact(**{field: other}), a_contact()]
    actor = BRUNO.as_actor()

    told = preview(kind, actor, rows, **{field: NONE})
    assert (told.will_change, told.already) == (2, 1)
    assert [sample.changes[0][1:] for sample in told.sample] == [(str(one), ""), (str(other), "")]
    operation = do(kind, actor, rows, **{field: NONE})
    assert [getattr(row, field) for row in rows] == [None, None, None]
    assert "No value" in str(operation.answers_text)

    undo(operation, actor)
    assert [getattr(row, field) for row in rows] == [one, other, None]


def assert_only_living_values_are_offered(kind: type[Action], field: str, model: type) -> None:
    """Offer the active values, and none of them."""
    used, retired = a_value(model), a_value(model, is_active=False)
    offered = {value for value, _label, _chosen in kind.build_form()[field].options()}
    assert {used.id, NONE} <= offered
    assert retired.id not in offered


def assert_the_log_puts_it_back(kind: type[Action], field: str, model: type) -> None:
    """Put one row's value back from its log, as after a change by hand."""
    old, new = a_value(model), a_value(model)
    rows: list[Any] = [a_contact(**{field: old}), a_contact(**{field: old})]
    do(kind, BRUNO.as_actor(), rows, **{field: new.id})
    with acting_as(BRUNO.as_actor()):
        entry = get_entries(db.session(), rows[0], limit=1)[0]
        restore_value(db.session(), rows[0], entry, f"{field}_id", BRUNO.as_actor())
        db.session.commit()
    assert [getattr(row, field) for row in rows] == [old, new]
