"""A model that names the columns of its search text names all of them."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import inspect

from app.search.models import searchables

DECLARED = [model for model in searchables() if model.search_columns is not None]
VALUES = {str: "Zurbarán 7", int: 7, bool: True, datetime.date: datetime.date(2001, 2, 3)}


@pytest.mark.parametrize("model", DECLARED, ids=lambda model: model.__name__)
def test_no_other_column_changes_the_search_text_or_the_name(model):
    mapper = inspect(model)
    for name in set(mapper.column_attrs.keys()) - set(model.search_columns):
        row = model()
        before = row.search_text(), str(row)
        value = VALUES.get(mapper.column_attrs[name].columns[0].type.python_type, "7")
        row.__dict__[name] = value
        assert (row.search_text(), str(row)) == before, name


@pytest.mark.parametrize("model", DECLARED, ids=lambda model: model.__name__)
def test_the_link_whose_name_is_searched_is_among_them(model):
    if model.search_linked:
        (column,) = inspect(model).relationships[model.search_linked].local_columns
        assert inspect(model).get_property_by_column(column).key in model.search_columns


def test_there_is_a_model_that_names_them():
    assert DECLARED
