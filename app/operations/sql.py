"""JSON built and read by the database itself, in the words of each."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    false,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by
from sqlalchemy.orm import Session


class Json:
    """The JSON functions of a session's database."""

    def __init__(self, session: Session) -> None:
        self.is_postgres = session.get_bind().dialect.name == "postgresql"

    def ids(self, name: str) -> Select:
        """Select the numbers that a parameter holds, as ``numbers`` writes them.

        A planner sees how many they are; of rows written a moment ago it knows nothing, and
        may look through all of them for each.
        """
        if self.is_postgres:
            return select(func.unnest(bindparam(name, type_=ARRAY(Integer))))
        return select(func.json_each(bindparam(name, type_=Text)).table_valued("value").c.value)

    def numbers(self, numbers: list[int]) -> Any:
        """Return numbers, however many, as one parameter."""
        return numbers if self.is_postgres else json.dumps(numbers)

    def constant(self, value: Any) -> ColumnElement:
        """Return a value known beforehand."""
        text = json.dumps(value, ensure_ascii=False)
        return cast(literal(text, Text), JSONB) if self.is_postgres else func.json(text)

    def object(self, **pairs: Any) -> ColumnElement:
        """Return an object of expressions."""
        make = func.jsonb_build_object if self.is_postgres else func.json_object
        parts: list[Any] = []
        for key, value in pairs.items():
            parts += [cast(literal(key), Text), value]
        return make(*parts, type_=Text if not self.is_postgres else JSONB)

    def array(self, *values: Any) -> ColumnElement:
        """Return an array of expressions."""
        make = func.jsonb_build_array if self.is_postgres else func.json_array
        return make(*values, type_=Text if not self.is_postgres else JSONB)

    def gathered(self, value: ColumnElement, order: Any) -> ColumnElement:
        """Return the values of many rows as one array."""
        if self.is_postgres:
            return func.jsonb_agg(aggregate_order_by(value, order))
        # In the order of the key that leads to them.
        return func.json_group_array(func.json(value))

    def appended(self, array: ColumnElement, value: ColumnElement) -> ColumnElement:
        """Return an array with a value more."""
        if self.is_postgres:
            return array.op("||")(func.jsonb_build_array(value))
        return func.json_insert(array, "$[#]", value)

    def merged(self, objects: list[ColumnElement]) -> ColumnElement:
        """Return objects of different keys as one; the values are arrays.

        Of others SQLite would drop what is empty, and mix what is an object.
        """
        whole = objects[0]
        for one in objects[1:]:
            whole = whole.op("||")(one) if self.is_postgres else func.json_patch(whole, one)
        return whole

    def named(self, names: dict[int, Any], key: Any) -> ColumnElement:
        """Look a number up in a map that goes along with the statement; NULL finds nothing."""
        text = json.dumps({str(number): value for number, value in names.items()})
        if self.is_postgres:
            return cast(literal(text, Text), JSONB).op("->")(cast(key, Text))
        return func.json_extract(text, literal('$."') + cast(key, Text) + literal('"'))

    def has(self, column: Any, key: str) -> ColumnElement[bool]:
        """Say whether an object has a key, be its value nothing."""
        if self.is_postgres:
            return func.jsonb_exists(column, key)
        return func.json_type(column, f'$."{key}"').is_not(None)

    def value(self, column: Any, key: str, type_: Any) -> ColumnElement:
        """Return the plain value in the array under a key, as a column of some type holds it."""
        if self.is_postgres:
            return cast(type_coerce(column, JSONB).op("->")(key).op("->>")(0), type_)
        found = func.json_extract(column, f'$."{key}"[0]')
        return cast(found, Integer) if isinstance(type_, Integer) else type_coerce(found, type_)


def fails(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that another does not hold: neither if it is false nor if it is NULL."""
    return ~func.coalesce(condition, false())
