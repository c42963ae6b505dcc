"""Fields of a resource: how each is selected, written as JSON, read from it, and described."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Select, String, select
from sqlalchemy.orm import aliased

from app.crud.columns import Chips, Joined, ListColumn, name_parts
from app.crud.fields import REQUIRED
from app.crud.interface import Interface
from app.errors import DomainError
from app.extensions import db
from app.i18n.labels import label_in_sql
from app.fieldtypes import Kind
from app.repositories.models import Repository
from app.security.actor import Actor, current_actor

MOST_LINKS = 500
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class ApiField(ListColumn):
    """An attribute of the row itself."""

    def __init__(self, datamodel: Interface, name: str, label: Any) -> None:
        super().__init__(datamodel, name, label)
        self.kind: Kind = datamodel.kind(name)
        column = datamodel.column(name)
        self.is_nullable = column.nullable
        # Text that may be empty is emptied by null, too.
        self.takes_null = column.nullable or (
            isinstance(column.type, String) and self.kind.name not in ("choice", "colour")
        )

    def cell(self, values: tuple) -> Any:
        """Return the value as JSON has it."""
        value = values[0]
        if isinstance(value, datetime | date):
            return value.isoformat()
        return str(value) if isinstance(value, Decimal) else value

    def typed(self, value: Any) -> list[str]:
        """Return what would be typed into the form for this value; DomainError if nothing."""
        if value is None:
            if not self.takes_null:
                raise DomainError(str(REQUIRED))
            return [""]
        return [self._typed(value)]

    def _typed(self, value: Any) -> str:
        name = self.kind.name
        if name == "flag":
            if not isinstance(value, bool):
                raise DomainError(_("Send true or false."))
            return "1" if value else ""
        if name == "whole":
            if isinstance(value, bool) or not (
                isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            ):
                raise DomainError(_("Send a whole number."))
            if abs(value) > 999_999_999:
                raise DomainError(_("Send a smaller number."))
            return str(int(value))
        if name == "number" and isinstance(value, int | float) and not isinstance(value, bool):
            return repr(value)
        if not isinstance(value, str):
            raise DomainError(_("Send text."))
        if name == "day" and not _DAY.fullmatch(value):
            raise DomainError(
                _("“%(value)s” is not a date; write it as 2026-12-31.", value=value[:40])
            )
        if name in ("choice", "colour") and value not in self.kind.choices:
            raise DomainError(_("“%(value)s” is not one of the choices.", value=value[:80]))
        return value

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the value as it is answered."""
        return self._schema(self.is_nullable)

    def accepts(self, is_required: bool) -> dict[str, Any]:
        """Return the JSON schema of what can be sent."""
        return self._schema(self.takes_null and not is_required)

    def _schema(self, is_nullable: bool) -> dict[str, Any]:
        name = self.kind.name
        found: dict[str, Any] = {"type": _TYPES.get(name, "string")}
        if name in _FORMATS:
            found["format"] = _FORMATS[name]
        if name == "whole":
            found |= {"minimum": -999_999_999, "maximum": 999_999_999}
        if name in ("choice", "colour"):
            found["enum"] = list(self.kind.choices)
        elif self.kind.longest and name != "country":
            found["maxLength"] = self.kind.longest
        if is_nullable:
            found["type"] = [found["type"], "null"]
            if "enum" in found:
                found["enum"] = [*found["enum"], None]
        return found | {"title": str(self.label)}


_TYPES = {"flag": "boolean", "whole": "integer"}
_FORMATS = {"day": "date", "moment": "date-time", "email": "email", "url": "uri"}


class ApiLink(Joined):
    """A link to one row: its number and its name."""

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return self.join(query, actor), [self.target.id, *_label_parts(self.target, self._model)]

    @property
    def _model(self) -> type:
        return self.datamodel.get_related_model(self.name)

    def cell(self, values: tuple) -> Any:
        return None if values[0] is None else _link(values)

    def typed(self, value: Any) -> list[str]:
        """Return the number of the row that is linked to, as a form has it."""
        return [""] if value is None else [str(_number(value))]

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the link as it is answered."""
        return {"title": str(self.label), "oneOf": [_LINK, {"type": "null"}]}

    def accepts(self, is_required: bool) -> dict[str, Any]:
        """Return the JSON schema of what can be sent: a number, or what was answered."""
        nothing = [] if is_required else [{"type": "null"}]
        return {"title": str(self.label), "anyOf": [*_CHOSEN, *nothing]}


class ApiLinks(Chips):
    """Links to many rows."""

    def load(self, ids: list[int]) -> dict[int, list[Any]]:
        relation = self.datamodel.list_properties[self.name]
        model = relation.mapper.class_
        target: Any = aliased(model)
        near = relation.secondary.c[relation.synchronize_pairs[0][1].name]
        far = relation.secondary.c[relation.secondary_synchronize_pairs[0][1].name]
        query = (
            select(near, target.id, *_label_parts(target, model))
            .join(target, far == target.id)
            .where(near.in_(ids))
            .order_by(near, target.id)
        )
        if hasattr(model, "scope"):
            query = query.where(target.scope(current_actor()))
        found: dict[int, list[Any]] = {}
        for row in db.session.execute(query):
            found.setdefault(row[0], []).append(_link(row[1:]))
        return found

    def cell(self, values: tuple) -> Any:
        return (values[0] if values else None) or []

    def typed(self, value: Any) -> list[str]:
        """Return the numbers of the rows that are linked to, as a form has them."""
        if not isinstance(value, list) or len(value) > MOST_LINKS:
            raise DomainError(_("Send a list of at most %(number)s numbers.", number=MOST_LINKS))
        # Nothing but an empty value tells a form that all were unticked.
        return [str(_number(one)) for one in value] or [""]

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the links as they are answered."""
        return {"title": str(self.label), "type": "array", "items": _LINK}

    def accepts(self, is_required: bool) -> dict[str, Any]:
        """Return the JSON schema of what can be sent."""
        return {
            "title": str(self.label),
            "type": "array",
            "items": {"anyOf": _CHOSEN},
            "maxItems": MOST_LINKS,
        }


_LINK = {"$ref": "#/components/schemas/Link"}
_NUMBER = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
_CHOSEN = [_NUMBER, {"$ref": "#/components/schemas/ChosenLink"}]
LINK_SCHEMAS: dict[str, Any] = {
    "Link": {
        "type": "object",
        "required": ["id", "label"],
        "properties": {"id": _NUMBER, "label": {"type": "string"}},
        "additionalProperties": False,
    },
    "ChosenLink": {
        "type": "object",
        "required": ["id"],
        "properties": {"id": _NUMBER, "label": {"type": "string"}},
        "additionalProperties": False,
    },
}


def _number(value: Any) -> int:
    """Return the number of a linked row, sent alone or as it was answered."""
    if isinstance(value, dict) and "id" in value and set(value) <= {"id", "label"}:
        value = value["id"]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise DomainError(_("Send the number of what is linked to."))
    return value


def _label_parts(target: Any, model: type) -> list[Any]:
    if issubclass(model, Repository):
        return [label_in_sql(target)]
    return [getattr(target, part) for part in name_parts(model)]


def _link(values: Any) -> dict[str, Any]:
    label = " ".join(str(part) for part in values[1:] if part)
    return {"id": values[0], "label": label}


def make_field(datamodel: Interface, name: str, label: Any) -> ApiField | ApiLink | ApiLinks:
    """Return the field for an attribute, by what the attribute is."""
    if datamodel.is_relation_many_to_many(name):
        return ApiLinks(datamodel, name, label)
    if datamodel.is_relation(name):
        return ApiLink(datamodel, name, label)
    return ApiField(datamodel, name, label)
