"""A change of a row that changes no indexed column writes no index."""

from __future__ import annotations

from flask_appbuilder import Model

# What every change of a row changes.
ALWAYS_CHANGED = {"version", "updated_at"}


def test_no_index_has_a_column_that_every_change_changes():
    wrong = {
        index.name
        for table in Model.metadata.tables.values()
        for index in table.indexes
        if ALWAYS_CHANGED
        & {*index.columns.keys(), *(index.dialect_options["postgresql"]["include"] or ())}
    }

    assert wrong == set()
