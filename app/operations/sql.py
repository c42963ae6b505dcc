"""Build and read JSON in SQL, with the functions of each database."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Text,
    any_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by
from sqlalchemy.orm import Session

from app.types import Scaled, UTCDateTime

# The bound parameter with the ids of the rows that a statement of a chunk is for.
CHUNK_ROWS = "chunk_rows"


class JsonFunctions:
    """The JSON functions of a session's database: SQLite's or PostgreSQL's."""

    def __init__(self, session: Session) -> None:
        self.is_postgres = session.get_bind().dialect.name == "postgresql"

    def ids(self, name: str) -> Select:
        """Select the ids in a bound parameter, whose value ``id_list`` makes.

        The planner sees how many ids a parameter holds. It has no statistics of rows written a
        moment ago, and might scan all of them for each id.
        """
        if self.is_postgres:
            return select(func.unnest(cast(bindparam(name, type_=Text), ARRAY(Integer))))
        return select(func.json_each(bindparam(name, type_=Text)).table_valued("value").c.value)

    def is_one_of(self, column: Any, name: str = CHUNK_ROWS) -> ColumnElement[bool]:
        """Return the condition that a column holds one of the ids in a bound parameter.

        PostgreSQL reads an index in the order of the ids of an array, those of a subquery in none.
        """
        if self.is_postgres:
            return column == any_(cast(bindparam(name, type_=Text), ARRAY(Integer)))
        return column.in_(self.ids(name))

    def id_list(self, ids: list[int]) -> Any:
        """Return any number of ids as the value of one parameter.

        A text: drivers convert the items of an array one by one.
        """
        return f"{{{','.join(map(str, ids))}}}" if self.is_postgres else json.dumps(ids)

    def constant(self, value: Any) -> ColumnElement:
        """Return a Python value as a JSON constant."""
        text = json.dumps(value, ensure_ascii=False)
        return cast(literal(text, Text), JSONB) if self.is_postgres else func.json(text)

    def object(self, **pairs: Any) -> ColumnElement:
        """Return a JSON object of expressions."""
        make = func.jsonb_build_object if self.is_postgres else func.json_object
        parts: list[Any] = []
        for key, value in pairs.items():
            parts += [cast(literal(key), Text), value]
        return make(*parts, type_=Text if not self.is_postgres else JSONB)

    def array(self, *values: Any) -> ColumnElement:
        """Return a JSON array of expressions."""
        make = func.jsonb_build_array if self.is_postgres else func.json_array
        return make(*values, type_=Text if not self.is_postgres else JSONB)

    def array_agg(self, value: ColumnElement, order: Any) -> ColumnElement:
        """Aggregate the values of many rows into one array."""
        if self.is_postgres:
            return func.jsonb_agg(aggregate_order_by(value, order))
        # SQLite reads them in the order of the key, so they need no sorting.
        return func.json_group_array(func.json(value))

    def append(self, array: ColumnElement, value: ColumnElement) -> ColumnElement:
        """Return an array with a value added at its end."""
        if self.is_postgres:
            return array.op("||")(func.jsonb_build_array(value))
        return func.json_insert(array, "$[#]", value)

    def merge(self, objects: list[ColumnElement]) -> ColumnElement:
        """Merge objects that have different keys and arrays as values.

        Other values would not do: SQLite's json_patch drops nulls and merges nested objects.
        """
        whole = objects[0]
        for one in objects[1:]:
            whole = whole.op("||")(one) if self.is_postgres else func.json_patch(whole, one)
        return whole

    def lookup(self, values: dict[int, Any], key: Any) -> ColumnElement:
        """Look an id up in a map that is part of the statement; the result of NULL is NULL."""
        text = json.dumps({str(number): value for number, value in values.items()})
        if self.is_postgres:
            return cast(literal(text, Text), JSONB).op("->")(cast(key, Text))
        return func.json_extract(text, literal('$."') + cast(key, Text) + literal('"'))

    def logged(self, type_: Any, value: Any) -> Any:
        """Return a value of a column type as the log writes it; ``fieldtypes.to_json`` says how."""
        if isinstance(type_, Scaled):
            return _decimal_text(value, type_.scale)
        if isinstance(type_, UTCDateTime):
            if self.is_postgres:
                return func.to_char(value, 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')
            return func.strftime("%Y-%m-%dT%H:%M:%S+00:00", value)
        if isinstance(type_, Boolean) and not self.is_postgres:
            yes, no = func.json("true"), func.json("false")
            return case((value.is_(True), yes), (value.is_(False), no))
        return value

    def has_key(self, column: Any, key: str) -> ColumnElement[bool]:
        """Return the condition that an object has a key, even if its value is null."""
        if self.is_postgres:
            return func.jsonb_exists(column, key)
        return func.json_type(column, f'$."{key}"').is_not(None)

    def value(self, column: Any, key: str, place: int, type_: Any) -> ColumnElement:
        """Return one value of the array under a key, converted to a column type."""
        if self.is_postgres:
            return cast(type_coerce(column, JSONB).op("->")(key).op("->>")(place), type_)
        found = func.json_extract(column, f'$."{key}"[{place}]')
        return cast(found, Integer) if isinstance(type_, Integer) else type_coerce(found, type_)


def _decimal_text(units: Any, scale: int) -> ColumnElement[str]:
    """Return the decimal number of a whole number of units as text, such as ``-0.05``."""
    number: Any = type_coerce(units, BigInteger)
    unit = 10**scale
    sign = case((number < 0, "-"), else_="")
    whole = cast(func.abs(number, type_=BigInteger) // unit, Text)
    if not scale:
        return sign + whole
    # The leading 1 keeps the zeros of the decimals.
    decimals = cast(unit + func.abs(number, type_=BigInteger) % unit, Text)
    return sign + whole + "." + func.substr(decimals, 2)


def is_not_true(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that another one is false or NULL."""
    return ~func.coalesce(condition, false())
