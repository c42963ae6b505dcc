"""The lines of a row in the API: a list of objects, written as a whole."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Select, inspect, select
from werkzeug.datastructures import MultiDict

from app.crud.api.fields import (
    ID_OR_OBJECT,
    LINK,
    ApiField,
    ApiFile,
    ApiLink,
    ApiLinks,
    parse_related_id,
)
from app.crud.columns import ListColumn
from app.crud.interface import ScopedInterface
from app.crud.linesfield import set_form_values
from app.errors import DomainError
from app.extensions import db
from app.fieldtypes import get_field_type
from app.lines import MAX_LINES, line_column, line_relations
from app.security.actor import Actor, current_actor
from app.security.scope import visible


class ApiLines(ListColumn):
    """The lines of a row: a list of ``{id, …}`` in their order."""

    def __init__(self, datamodel: ScopedInterface, name: str, label: Any) -> None:
        super().__init__(datamodel, name, label)
        self.model: Any = line_relations(datamodel.obj)[name]
        relations: Any = inspect(self.model).relationships
        self.links = {part: relations[part] for part in self.model.fields if part in relations}

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return query, []

    def load(self, ids: list[int]) -> dict[int, list[Any]]:
        """Return the lines of each row, with one statement and one for each link of a line."""
        (key,) = inspect(self.model).relationships["owner"].local_columns
        query = select(self.model).where(key.in_(ids)).order_by(self.model.position, self.model.id)
        lines = list(db.session.scalars(query))
        links = {part: self._linked(relation, lines) for part, relation in self.links.items()}
        result: dict[int, list[Any]] = {}
        owner_key = inspect(self.model).get_property_by_column(key).key
        for line in lines:
            values = {part: self._value(line, part, links) for part in self.model.fields}
            result.setdefault(getattr(line, owner_key), []).append({"id": line.id, **values})
        return result

    def _linked(self, relation: Any, lines: list[Any]) -> dict[int, Any]:
        """Return the linked rows the actor may see, by id."""
        (key,) = relation.local_columns
        name = inspect(self.model).get_property_by_column(key).key
        ids = {getattr(line, name) for line in lines} - {None}
        target = relation.mapper.class_
        query = visible(target, current_actor()).where(target.id.in_(ids))
        return {row.id: row for row in db.session.scalars(query)} if ids else {}

    def _value(self, line: Any, part: str, links: dict[str, dict[int, Any]]) -> Any:
        if part in self.links:
            (key,) = self.links[part].local_columns
            number = getattr(line, inspect(self.model).get_property_by_column(key).key)
            row = links[part].get(number)
            return None if row is None else {"id": row.id, "label": str(row)}
        return get_field_type(line_column(self.model, part)).to_json(getattr(line, part))

    def _label(self, name: str) -> Any:
        if name in self.links:
            return self.links[name].info["label"]
        return line_column(self.model, name).info.get("label", name)

    def cell(self, values: tuple) -> Any:
        return (values[0] if values else None) or []

    def write_form(self, typed: MultiDict, value: Any) -> None:
        """Add the lines of a request to form data; raise DomainError if they are no lines."""
        if not isinstance(value, list) or len(value) > MAX_LINES:
            raise DomainError(_("Send a list of up to %(number)s objects.", number=MAX_LINES))
        set_form_values(typed, self.name, [self._form_values(line) for line in value])

    def _form_values(self, line: Any) -> dict[str, list[str]]:
        known = {"id", *self.model.fields}
        if not isinstance(line, dict) or not set(line) <= known or not set(line) - {"id"}:
            names = ", ".join(sorted(known))
            raise DomainError(_("Send each line as an object of: %(names)s.", names=names))
        texts: dict[str, list[str]] = {}
        for name, value in line.items():
            if value is None:
                texts[name] = [""]
            elif name == "id" or name in self.links:
                texts[name] = [str(parse_related_id(value))]
            else:
                texts[name] = [get_field_type(line_column(self.model, name)).form_text(value)]
        return texts

    def response_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the lines in a response."""
        return self._schema({"id": {"type": "integer"}}, is_request=False)

    def request_schema(self, is_required: bool) -> dict[str, Any]:
        """Return the JSON schema of the lines in a request; a line without an id is a new one."""
        own = {"id": {"type": ["integer", "null"]}}
        return self._schema(own, is_request=True) | {"maxItems": MAX_LINES}

    def _schema(self, own: dict[str, Any], *, is_request: bool) -> dict[str, Any]:
        properties = dict(own)
        for name in self.model.fields:
            column = line_column(self.model, name)
            if name in self.links:
                links = ID_OR_OBJECT if is_request else [LINK]
                schema: dict[str, Any] = {"anyOf": [*links, {"type": "null"}]}
            else:
                schema = get_field_type(column).json_schema()
                schema["type"] = [schema["type"], "null"]
                if "enum" in schema:
                    schema["enum"] = [*schema["enum"], None]
            properties[name] = schema | {"title": str(self._label(name))}
        return {
            "title": str(self.label),
            "type": "array",
            "items": {"type": "object", "properties": properties, "additionalProperties": False},
        }


AnyField = ApiField | ApiLink | ApiLinks | ApiLines


def make_field(datamodel: ScopedInterface, name: str, label: Any) -> AnyField:
    """Return the API field that suits an attribute."""
    if name in line_relations(datamodel.obj):
        return ApiLines(datamodel, name, label)
    if datamodel.is_relation_many_to_many(name):
        return ApiLinks(datamodel, name, label)
    if datamodel.is_relation(name):
        return ApiLink(datamodel, name, label)
    if datamodel.field_type(name).form_field == "file":
        return ApiFile(datamodel, name, label)
    return ApiField(datamodel, name, label)
