"""Alembic's environment: every table is its own, Flask-AppBuilder's included."""

from __future__ import annotations

from contextlib import contextmanager

from alembic import context
from flask import current_app
from sqlalchemy import DateTime

from app.extensions import db
from app.types import UTCDateTime

target = db.metadata

# Keys that came with a column added later: SQLite does not tell the name of such a key, and a
# table is not copied only to give it one.
ADDED_LATER = {("contact", "user_id"), ("account", "type_id")}


def render_item(kind, item, autogen_context):
    """Write our own types as the plain ones they are, so that no migration imports the app."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime()"
    return False


def include_object(item, name, kind, reflected, compare_to):
    """Leave alone what only one database has: FTS tables, and trigram indexes on the other."""
    if kind == "table" and "_fts" in name:
        return False
    if kind == "index":
        only = item.info.get("only") if not reflected else None
        if only and only != db.engine.dialect.name:
            return False
    if kind == "foreign_key_constraint" and db.engine.dialect.name == "sqlite":
        return not {(item.table.name, column.name) for column in item.columns} <= ADDED_LATER
    return True


def compare_type(ctx, inspected, declared, inspected_type, declared_type):
    """Take a moment for the plain date and time it is in the database."""
    if isinstance(declared_type, UTCDateTime) and isinstance(inspected_type, DateTime):
        return False
    return None


@contextmanager
def without_foreign_keys(connection):
    """Let SQLite copy a table: to drop it would otherwise empty the tables that point to it."""
    if connection.dialect.name != "sqlite":
        yield
        return
    # Past SQLAlchemy, which would begin a transaction first: inside one this does nothing.
    run = connection.connection.driver_connection.execute
    run("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()
        run("PRAGMA foreign_keys=ON")


def run_migrations() -> None:
    """Run the migrations in one transaction each."""
    settings = dict(current_app.extensions["migrate"].configure_args)
    settings["compare_type"] = compare_type
    with db.engine.connect() as connection, without_foreign_keys(connection):
        context.configure(
            connection=connection,
            target_metadata=target,
            render_item=render_item,
            include_object=include_object,
            transaction_per_migration=True,
            **settings,
        )
        with context.begin_transaction():
            context.run_migrations()


run_migrations()
