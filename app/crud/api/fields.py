"""Fields of an API resource: select a value, serialize and parse it, describe its schema."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Select, select
from sqlalchemy.orm import aliased

from app.crud.columns import ChipsColumn, JoinedColumn, ListColumn, name_parts
from app.crud.fields import REQUIRED
from app.crud.interface import ScopedInterface
from app.errors import DomainError
from app.extensions import db
from app.fieldtypes import FieldType
from app.i18n.labels import label_expression
from app.repositories.models import Repository
from app.security.actor import Actor, current_actor
from app.security.scope import scope_condition

MAX_LINKS = 500


class ApiField(ListColumn):
    """A column attribute."""

    def __init__(self, datamodel: ScopedInterface, name: str, label: Any) -> None:
        super().__init__(datamodel, name, label)
        self.field_type: FieldType = datamodel.field_type(name)
        column = datamodel.column(name)
        self.is_nullable = column.nullable
        # null also empties a text column that is not nullable.
        self.takes_null = self.field_type.takes_null

    def cell(self, values: tuple) -> Any:
        """Return the value as JSON."""
        return self.field_type.to_json(values[0])

    def form_values(self, value: Any) -> list[str]:
        """Return the form values for a JSON value; raise DomainError if its type is wrong."""
        if value is None:
            if not self.takes_null:
                raise DomainError(str(REQUIRED))
            return [""]
        return [self.field_type.form_text(value)]

    def response_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the value in a response."""
        return self._schema(self.is_nullable)

    def request_schema(self, is_required: bool) -> dict[str, Any]:
        """Return the JSON schema of the value in a request."""
        return self._schema(self.takes_null and not is_required)

    def _schema(self, is_nullable: bool) -> dict[str, Any]:
        schema = self.field_type.json_schema()
        if is_nullable:
            schema["type"] = [schema["type"], "null"]
            if "enum" in schema:
                schema["enum"] = [*schema["enum"], None]
        return schema | {"title": str(self.label)}


class ApiFile(ApiField):
    """The name of a stored file; its contents have an address of their own."""

    def cell(self, values: tuple) -> Any:
        return self.field_type.show(values[0]) or None


class ApiLink(JoinedColumn):
    """A many-to-one relation: ``{id, label}``."""

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return self.join(query, actor), [self.target.id, *_label_parts(self.target, self._model)]

    @property
    def _model(self) -> type:
        return self.datamodel.get_related_model(self.name)

    def cell(self, values: tuple) -> Any:
        return None if values[0] is None else _link_json(values)

    def form_values(self, value: Any) -> list[str]:
        """Return the form value for an id, or for ``{id, label}``."""
        return [""] if value is None else [str(parse_related_id(value))]

    def response_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the relation in a response."""
        return {"title": str(self.label), "oneOf": [LINK, {"type": "null"}]}

    def request_schema(self, is_required: bool) -> dict[str, Any]:
        """Return the JSON schema of the relation in a request: an id, or ``{id, label}``."""
        nothing = [] if is_required else [{"type": "null"}]
        return {"title": str(self.label), "anyOf": [*ID_OR_OBJECT, *nothing]}


class ApiLinks(ChipsColumn):
    """A many-to-many relation: a list of ``{id, label}``."""

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
        query = query.where(scope_condition(target, current_actor()))
        links: dict[int, list[Any]] = {}
        for row in db.session.execute(query):
            links.setdefault(row[0], []).append(_link_json(row[1:]))
        return links

    def cell(self, values: tuple) -> Any:
        return (values[0] if values else None) or []

    def form_values(self, value: Any) -> list[str]:
        """Return the form values for a list of ids."""
        if not isinstance(value, list) or len(value) > MAX_LINKS:
            raise DomainError(_("Send a list of up to %(number)s IDs.", number=MAX_LINKS))
        # An empty value tells the form that nothing is chosen.
        return [str(parse_related_id(one)) for one in value] or [""]

    def response_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the relation in a response."""
        return {"title": str(self.label), "type": "array", "items": LINK}

    def request_schema(self, is_required: bool) -> dict[str, Any]:
        """Return the JSON schema of the value in a request."""
        return {
            "title": str(self.label),
            "type": "array",
            "items": {"anyOf": ID_OR_OBJECT},
            "maxItems": MAX_LINKS,
        }


LINK = {"$ref": "#/components/schemas/Link"}
_NUMBER = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
ID_OR_OBJECT = [_NUMBER, {"$ref": "#/components/schemas/ChosenLink"}]
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


def parse_related_id(value: Any) -> int:
    """Return the id of a related row, sent as an id or as ``{id, label}``."""
    if isinstance(value, dict) and "id" in value and set(value) <= {"id", "label"}:
        value = value["id"]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise DomainError(_("Send the ID of the linked item."))
    return value


def _label_parts(target: Any, model: type) -> list[Any]:
    if issubclass(model, Repository):
        return [label_expression(target)]
    return [getattr(target, part) for part in name_parts(model)]


def _link_json(values: Any) -> dict[str, Any]:
    label = " ".join(str(part) for part in values[1:] if part)
    return {"id": values[0], "label": label}
