"""What must be unique is so in the database, and whoever comes second reads it beside the field."""

from __future__ import annotations

import pytest
from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import Table, inspect

from app.crud.formpages import FormPages
from app.crud.modelview import ModelView
from app.crud.trashview import TrashView
from app.extensions import db
from app.staff.unique_names import UNIQUE_FIELDS
from tests.factories import a_row
from tests.people import ALICIA

TABLES = [table for table in Model.metadata.sorted_tables if isinstance(table, Table)]
SCREENS = [view for view in ModelView.all() if not issubclass(view, TrashView)]


def unique_columns(connection, table: str) -> set[str]:
    """Return the columns that are unique by themselves in the database."""
    inspector = inspect(connection)
    found = [index["column_names"] for index in inspector.get_indexes(table) if index["unique"]]
    found += [rule["column_names"] for rule in inspector.get_unique_constraints(table)]
    found.append(inspector.get_pk_constraint(table)["constrained_columns"])
    return {columns[0] for columns in found if len(columns) == 1}


def declared_unique(view) -> dict[str, str]:
    """Return the unique columns of a screen's model, by their attribute."""
    columns = {a.key: a.columns[0] for a in inspect(view.datamodel.obj).column_attrs}
    return {
        key: column.name
        for key, column in columns.items()
        if column.unique and not column.primary_key
    }


@pytest.mark.both_databases
def test_every_column_declared_unique_is_unique_in_the_database(connection):
    missing = []
    for table in TABLES:
        declared = {column.name for column in table.columns if column.unique}
        if declared - unique_columns(connection, table.name):
            missing.append(table.name)
    assert missing == []


def test_the_names_of_users_and_roles_are_unique_whatever_their_case():
    """Their key in ``unique_name`` does it: each model with such a name is among them."""
    for view in SCREENS:
        model = view.datamodel.obj
        for key in declared_unique(view):
            if inspect(model).columns[key].info.get("kind") == "identifier":
                assert key in UNIQUE_FIELDS[model][1]
    assert Role in UNIQUE_FIELDS


WITH_UNIQUE = [
    (view, name)
    for view in SCREENS
    for name in declared_unique(view)
    if name in (view.edit_columns or ())
    or any(name in f[1]["fields"] for f in view.edit_fieldsets or ())
]


@pytest.mark.parametrize(
    ("view", "name"), WITH_UNIQUE, ids=[f"{view.__name__}.{name}" for view, name in WITH_UNIQUE]
)
def test_who_comes_second_reads_it_beside_the_field(client_as, monkeypatch, view, name):
    """Somebody else takes the value after this form was checked, and before it is written."""
    model = view.datamodel.obj
    row, other = a_row(model), a_row(model)
    value = getattr(other, name)
    browser = client_as(ALICIA)
    checks = []
    check = FormPages.check_unique

    def check_too_early(self, row, **_how):
        checks.append(row)
        if len(checks) > 1:
            check(self, row)

    monkeypatch.setattr(FormPages, "check_unique", check_too_early)
    form = {"version": getattr(row, "version", ""), name: value}
    reply = browser.post(f"{view.route_base}/edit/{row.id}", data=form)

    assert reply.status_code == 422
    assert "is already in use" in reply.text
    field = reply.text.index(f'name="{name}"')
    assert abs(reply.text.rindex("is already in use") - field) < 1500
    db.session.refresh(row)
    assert getattr(row, name) != value
