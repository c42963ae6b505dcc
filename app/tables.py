"""Storage of tables on PostgreSQL, for migrations."""

from __future__ import annotations

# The percentage of a page that new rows fill.
FILL_FACTOR = 85


def spare_room_statements(table: str, dialect: str, *, is_new: bool = False) -> list[str]:
    """Return the statements that keep room for updated rows in every page of a table.

    Without room PostgreSQL writes the new version of a row into another page, and then into each
    index of the table again, whichever columns changed (pg_stat_user_tables counts the others as
    ``n_tup_hot_upd``). The migration of a model whose rows collective actions change executes
    them; ``is_new`` spares an empty table the rewriting. SQLite needs none.
    """
    if dialect != "postgresql":
        return []
    statements = [f"ALTER TABLE {table} SET (fillfactor = {FILL_FACTOR})"]
    if not is_new:
        # Unlike VACUUM FULL this may be part of a transaction.
        statements += [
            f"CLUSTER {table} USING pk_{table}",
            f"ALTER TABLE {table} SET WITHOUT CLUSTER",
        ]
    return statements


def no_spare_room_statements(table: str, dialect: str) -> list[str]:
    """Return the statements that undo it; rows stay where they are."""
    return [f"ALTER TABLE {table} RESET (fillfactor)"] if dialect == "postgresql" else []
