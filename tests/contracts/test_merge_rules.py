"""Whatever points at a row that can be merged has a rule that says what a merge does with it."""

from __future__ import annotations

from collections import Counter

import pytest
from flask_appbuilder import Model

from app.merging.mergerule import merge_rules
from app.merging.models import Mergeable

MERGEABLE = sorted(
    (m.class_ for m in Model.registry.mappers if issubclass(m.class_, Mergeable)),
    key=lambda model: model.__tablename__,
)
every_model = pytest.mark.parametrize("model", MERGEABLE, ids=lambda m: m.__tablename__)


def references_to(model):
    """Return the columns of all tables that hold, or may hold, ids of a model's rows."""
    found = set()
    for table in Model.metadata.tables.values():
        found |= {
            (table.name, key.parent.name)
            for key in table.foreign_keys
            if key.column.table is model.__table__
        }
        # The name of a table beside an id: “subject_type” and “subject_id”.
        for column in table.columns:
            key = f"{column.name.removesuffix('_type')}_id"
            if column.name.endswith("_type") and key in table.columns:
                found.add((table.name, key))
    return found


@every_model
def test_every_reference_to_a_mergeable_row_has_a_rule(model):
    covered = set().union(*(rule.references() for rule in merge_rules(model)))
    assert references_to(model) - covered == set()


@every_model
def test_no_reference_has_two_rules_and_no_rule_is_about_nothing(model):
    rules = merge_rules(model)
    counts = Counter(reference for rule in rules for reference in rule.references())
    assert {reference for reference, number in counts.items() if number > 1} == set()
    assert set(counts) - references_to(model) == set()
    codes = Counter(rule.code() for rule in rules)
    assert set(codes.values()) == {1}


def test_contacts_and_accounts_can_be_merged():
    assert {"account", "contact"} <= {model.__tablename__ for model in MERGEABLE}
