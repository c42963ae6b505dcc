"""The indexes of slots: those that live fields sort by are made, all others are dropped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, inspect, select, update
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateIndex, DropIndex

from app.customfields.kinds import COLUMN_PREFIX, slot_columns
from app.customfields.models import CustomField
from app.customfields.slots import custom_index, index_name
from app.subjects import model_named
from app.types import now

# So long an index may wait for the transactions that were there before.
MAX_WAIT_SECONDS = 60


def refresh_indexes(session: Session, subject: str) -> None:
    """Make the indexes that the fields of a table want, drop the others, and note it.

    Call it in a transaction that has locked no row of the table: PostgreSQL makes and drops them
    outside of any transaction, so that nobody waits who writes to the table meanwhile.
    """
    table = model_named(subject).__table__
    query = select(CustomField).where(CustomField.subject == subject)
    fields = session.scalars(query.execution_options(with_trash=True)).all()
    wanted = {
        f"{COLUMN_PREFIX}{field.slot}": field
        for field in fields
        if field.is_sortable and field.trashed_at is None and field.slot is not None
    }
    found = {one["name"] for one in inspect(session.connection()).get_indexes(table.name)}
    with _connection(session) as connection:
        for column in slot_columns():
            name, field = index_name(table.name, column), wanted.get(column)
            # What a killed job has left is not usable: it is made again.
            is_usable = field is not None and field.is_indexed
            if name in found and not is_usable:
                _execute(connection, table.c[column], DropIndex)
            if field is not None and not (is_usable and name in found):
                _execute(connection, table.c[column], CreateIndex)
    for field in fields:
        is_indexed = f"{COLUMN_PREFIX}{field.slot}" in wanted
        if field.is_indexed != is_indexed:
            # A new version, so that every process registers the field anew.
            values: dict[str, Any] = {"is_indexed": is_indexed, "updated_at": now()}
            session.execute(
                update(CustomField)
                .where(CustomField.id == field.id)
                .values(version=CustomField.version + 1, **values)
                .execution_options(with_trash=True)
            )


@contextmanager
def _connection(session: Session) -> Iterator[Connection]:
    if session.get_bind().dialect.name != "postgresql":
        yield session.connection()
        return
    # What the transaction read last keeps its snapshot until it is closed, and PostgreSQL would
    # wait for the end of that: for ever.
    session.connection().exec_driver_sql("CLOSE ALL")
    engine: Any = session.get_bind()
    engine = getattr(engine, "engine", engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Rather than wait for somebody's long transaction the job is tried again later.
        connection.exec_driver_sql(f"SET lock_timeout = '{MAX_WAIT_SECONDS}s'")
        try:
            yield connection
        finally:
            connection.exec_driver_sql("RESET lock_timeout")


def _execute(connection: Connection, column: Any, statement: Any) -> None:
    """Create or drop the index of a slot; the table in memory has its own, if a field has it."""
    index = custom_index(column)
    column.table.indexes.discard(index)
    if connection.dialect.name == "postgresql":
        index.dialect_options["postgresql"]["concurrently"] = True
    options = {"if_exists": True} if statement is DropIndex else {"if_not_exists": True}
    connection.execute(statement(index, **options))
