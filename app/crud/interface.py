"""The way to a model's rows that every page takes: Flask-AppBuilder's, scoped."""

from __future__ import annotations

from typing import Any

from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import Column
from sqlalchemy.orm import Session

from app.crud.filters import FilterConverter
from app.extensions import db
from app.fieldtypes import Kind, kind_of
from app.repositories.models import Repository
from app.security.actor import current_actor
from app.security.scope import scope_of, visible
from app.trash.services import trashed


class Interface(SQLAInterface):
    """A model's rows as the signed-in user may see them.

    The scope is applied here, below every door Flask-AppBuilder has: its own base filters are
    forgotten by actions, pickers, downloads and related lists.
    """

    filter_converter_class = FilterConverter
    # Pages of the trash show what every other page hides.
    with_trash = False

    @property
    def session(self) -> Session:
        """Return the session of the request."""
        return db.session()

    def visible(self):
        """Select the rows the actor may see."""
        query = visible(self.obj, current_actor())
        if self.with_trash:
            query = query.where(self.obj.trashed_at.is_not(None))
            query = query.execution_options(with_trash=True)
        return query

    def get(self, id: Any, filters=None, select_columns=None, outer_default_load=False):
        """Return a row by its number, or None when there is none to be seen."""
        number = as_id(id)
        if number is None:
            return None
        query = self.visible().where(self.obj.id == number)
        if filters is not None:
            query = filters.apply_all(query)
        return self.session.scalar(query)

    def get_trashed(self, id: Any) -> Any:
        """Return a row of the trash by its number."""
        number = as_id(id)
        if number is None:
            return None
        return self.session.scalar(trashed(self.obj, current_actor(), self.obj.id == number))

    def get_related_interface(self, col_name: str) -> Interface:
        """Return the way to the rows at the other end of a link."""
        return Interface(self.get_related_model(col_name))

    def get_related_obj(self, col_name: str, value: Any) -> Any:
        """Return a linked row by its number, if the actor may see it."""
        return self.get_related_interface(col_name).get(value)

    def apply_filters(self, query, filters):
        """Apply the scope wherever Flask-AppBuilder applies filters."""
        query = query.filter(scope_of(self.obj, current_actor()))
        return super().apply_filters(query, filters)

    def column(self, name: str) -> Column:
        """Return the column behind an attribute."""
        return self.list_properties[name].columns[0]

    def kind(self, name: str) -> Kind:
        """Return the kind of an attribute's values."""
        return kind_of(self.column(name))

    def info_of(self, name: str) -> dict[str, Any]:
        """Return what the model says of an attribute: label, kind, choices."""
        if name not in self.list_properties:
            return {}
        prop = self.list_properties[name]
        return prop.info if self.is_relation(name) else prop.columns[0].info

    # What the filter and field converters ask about an attribute.

    def is_repository(self, name: str) -> bool:
        """Say whether an attribute links to one value of a repository."""
        return self.is_relation_many_to_one(name) and issubclass(
            self.get_related_model(name), Repository
        )

    def is_tree(self, name: str) -> bool:
        """Say whether an attribute links to one row of a tree."""
        return self.is_relation_many_to_one(name) and hasattr(self.get_related_model(name), "path")

    def is_choice(self, name: str) -> bool:
        """Say whether an attribute is one of a few choices."""
        return not self.is_relation(name) and "choices" in self.info_of(name)

    def is_phone(self, name: str) -> bool:
        """Say whether an attribute is a telephone number."""
        return self.info_of(name).get("kind") == "phone"

    def is_province(self, name: str) -> bool:
        """Say whether an attribute is a province."""
        return self.info_of(name).get("kind") == "province"

    def is_country(self, name: str) -> bool:
        """Say whether an attribute is a country."""
        return self.info_of(name).get("kind") == "country"


def as_id(value: Any) -> int | None:
    """Return a row number given in an address, or None if it cannot be one."""
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > 2**31 - 1:
        return None
    return int(text)


class TrashInterface(Interface):
    """The rows of a model that are in the trash."""

    with_trash = True
