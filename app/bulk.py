"""Give many rows to one statement: as one parameter of JSON on PostgreSQL, in a row on SQLite.

A parameter for each value costs PostgreSQL's driver, which is written in Python, more than the
statement itself takes. SQLite's driver takes rows one by one at no such cost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Column,
    Connection,
    Integer,
    Table,
    Text,
    TypeDecorator,
    and_,
    any_,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal,
    select,
    type_coerce,
    update,
)
from sqlalchemy import table as sql_table
from sqlalchemy.dialects import postgresql, sqlite

Row = Mapping[str, Any]


def given_rows(
    dialect: Any, types: Mapping[str, Any], rows: Iterable[Row], name: str = "given"
) -> Any:
    """Return a FROM clause with the columns ``types`` and the rows that are given.

    The statement is the same, and so compiled once, however many rows there are.
    """
    data = bindparam(None, to_json(dialect, types, rows), type_=Text())
    if dialect.name == "postgresql":
        records: Any = func.json_to_recordset(cast(data, postgresql.JSON))
        columns = (column(key, type_) for key, type_ in types.items())
        return records.table_valued(*columns, name=name).render_derived(with_types=True)
    records = func.json_each(data).table_valued("value", name=f"{name}_json")
    return select(
        *(
            type_coerce(func.json_extract(records.c.value, f"$.{key}"), type_).label(key)
            for key, type_ in types.items()
        )
    ).cte(name)


def is_one_of(dialect: Any, attribute: Any, values: Iterable[Any]) -> Any:
    """Return the condition that a column has one of many values."""
    rows = ({"value": value} for value in values)
    given = given_rows(dialect, {"value": attribute.type}, rows, f"{attribute.key}_values")
    return attribute.in_(select(given.c.value))


class _Ids(TypeDecorator[Any]):
    """Ids as one parameter, which PostgreSQL knows when it makes the plan of a statement."""

    impl = ARRAY(Integer)
    cache_ok = True

    def bind_processor(self, dialect: Any) -> Any:
        """Return what writes the array: the driver would write it id by id."""
        return lambda ids: "{" + ",".join(map(str, ids)) + "}"


def has_id(dialect: Any, key: Any, ids: Sequence[int]) -> Any:
    """Return the condition that an id is one of many, which PostgreSQL's planner can count."""
    if dialect.name != "postgresql":
        return key.in_(list(ids))
    return key == any_(bindparam(None, ids, type_=_Ids()))


def has_given_id(dialect: Any, key: Any, name: str) -> Any:
    """Return the condition that an id is one of those that a parameter gives to the statement."""
    if dialect.name != "postgresql":
        return key.in_(bindparam(name, expanding=True))
    return key == any_(bindparam(name, type_=_Ids()))


def to_json(dialect: Any, types: Mapping[str, Any], rows: Iterable[Row]) -> str:
    """Return rows as JSON, with values as the database stores them."""
    converters = {}
    for key, type_ in types.items():
        stored = type_.dialect_impl(dialect)
        # JSON stands in JSON as it is.
        if not isinstance(stored, JSON) and (convert := stored.bind_processor(dialect)):
            converters[key] = convert
    if converters:
        rows = [
            {**row, **{key: convert(row.get(key)) for key, convert in converters.items()}}
            for row in rows
        ]
    return json.dumps(list(rows), ensure_ascii=False, default=str, separators=(",", ":"))


def take_ids(connection: Connection, table: Table, count: int) -> list[int]:
    """Return ids that no other row will get, for rows about to be inserted in this transaction."""
    if not count:
        return []
    if connection.dialect.name == "postgresql":
        sequence = select(func.pg_get_serial_sequence(table.name, "id")).scalar_subquery()
        numbers = select(func.nextval(cast(sequence, postgresql.REGCLASS))).select_from(
            func.generate_series(1, count)
        )
        return list(connection.scalars(numbers))
    # The transaction has the write lock, so that nobody else inserts meanwhile.
    sequences = sql_table("sqlite_sequence", column("name"), column("seq"))
    last = connection.scalar(select(sequences.c.seq).where(sequences.c.name == table.name))
    first = (last or 0) + 1
    return list(range(first, first + count))


def name_columns(table: Table, rows: Sequence[Row]) -> Sequence[Row]:
    """Return rows with the names of columns, where their keys are attributes called otherwise.

    Such are the custom fields: ``table.info["attributes"]`` holds the names of their columns.
    """
    names = table.info.get("attributes")
    if not names or not rows or names.keys().isdisjoint(rows[0]):
        return rows
    return [{names.get(key, key): value for key, value in row.items()} for row in rows]


def insert_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    common: Row | None = None,
    *,
    replacing: tuple[Column, Column] | None = None,
) -> None:
    """Insert rows, which all have the same keys; ``common`` holds what is the same in all.

    ``replacing`` names a unique column and the one to write where there is such a row already.
    """
    if not rows:
        return
    rows, common = name_columns(table, rows), common or {}
    keys = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        given = given_rows(connection.dialect, {key: table.c[key].type for key in keys}, rows)
        values = [literal(value, table.c[key].type) for key, value in common.items()]
        statement: Any = postgresql.insert(table).from_select(
            [*keys, *common], select(*(given.c[key] for key in keys), *values)
        )
        parameters: Any = None
    else:
        statement = sqlite.insert(table)
        parameters = [{**row, **common} for row in rows] if common else rows
    if replacing is not None:
        unique, replaced = replacing
        new = statement.excluded[replaced.key]
        statement = statement.on_conflict_do_update(
            index_elements=[unique], set_={replaced.key: new}, where=replaced.is_distinct_from(new)
        )
    connection.execute(statement, parameters)


def update_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    by: Mapping[str, str],
    common: Row | None = None,
) -> int:
    """Set columns of rows that have the same keys; return how many rows were found.

    ``by`` names the columns that a row is found by, and the keys that hold their values;
    ``common`` holds what is the same in all. Lock the rows first.
    """
    if not rows:
        return 0
    rows, common = name_columns(table, rows), common or {}
    keys = [key for key in rows[0] if key not in by.values()]
    if connection.dialect.name == "postgresql":
        types = {key: table.c[key].type for key in keys}
        types |= {key: table.c[name].type for name, key in by.items()}
        given = given_rows(connection.dialect, types, rows)
        statement = (
            update(table)
            .where(*(table.c[name] == given.c[key] for name, key in by.items()))
            .values({key: given.c[key] for key in keys} | dict(common))
        )
        return connection.execute(statement).rowcount
    statement = (
        update(table)
        .where(and_(*(table.c[name] == bindparam(key) for name, key in by.items())))
        .values(
            {key: bindparam(f"new_{key}", type_=table.c[key].type) for key in keys} | dict(common)
        )
    )
    parameters = [
        {f"new_{key}": row[key] for key in keys} | {key: row[key] for key in by.values()}
        for row in rows
    ]
    return connection.execute(statement, parameters).rowcount


def delete_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Delete the rows that have the given values, all in the same columns."""
    if not rows:
        return
    keys = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        given = given_rows(connection.dialect, {key: table.c[key].type for key in keys}, rows)
        conditions = (table.c[key] == given.c[key] for key in keys)
        connection.execute(delete(table).where(*conditions))
    else:
        conditions = (table.c[key] == bindparam(key) for key in keys)
        connection.execute(delete(table).where(*conditions), rows)
