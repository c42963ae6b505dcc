"""All that a database holds, value by value, but for the traces that any change leaves."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from tests.contracts.fingerprint import tables

# What tells of a change rather than being changed.
TRACES = {
    "log_entry", "log_seal", "job", "operation", "operation_item", "attempt_counter",
    "sign_in_session",
}  # fmt: skip
MARKS = {"version", "updated_at", "changed_on"}
# Links whose numbers mean nothing.
LINKS = {"ab_user_role", "ab_permission_view_role"}


def remains(connection: Connection, only: Collection[str] = ()) -> dict[str, list[tuple]]:
    """Return the rows of every table, or of some, without marks of their last change."""
    found = {}
    for table in tables(connection):
        # The search's own tables of SQLite hold the same words once more.
        if table in TRACES or "_fts" in table or (only and table not in only):
            continue
        left_out = MARKS | ({"id"} if table in LINKS else set())
        rows = connection.exec_driver_sql(f'SELECT * FROM "{table}"').mappings()
        found[table] = sorted(
            (tuple((k, repr(v)) for k, v in row.items() if k not in left_out) for row in rows),
        )
    return found


def unlike(before: dict[str, list], after: dict[str, list]) -> dict[str, tuple[list, list]]:
    """Return by table the rows that are there no more, and those that are new."""
    return {
        table: (
            [row for row in before[table] if row not in after[table]],
            [row for row in after[table] if row not in before[table]],
        )
        for table in before
        if before[table] != after[table]
    }
