"""No column stores a number with decimals as a binary fraction."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask_appbuilder import Model

COLUMNS = [column for table in Model.metadata.tables.values() for column in table.columns]


def find_inexact(columns) -> list[str]:
    """Return the columns that SQLite stores as a binary fraction."""
    return [str(column) for column in columns if isinstance(column.type, sa.Numeric | sa.Float)]


def test_every_number_with_decimals_is_stored_as_a_whole_number_of_units():
    assert find_inexact(COLUMNS) == []


@pytest.mark.parametrize("type_", ["Float", "Numeric", "Double"])
def test_a_column_that_would_lose_cents_is_found(type_):
    assert find_inexact([sa.Column("amount", getattr(sa, type_)())]) == ["amount"]
