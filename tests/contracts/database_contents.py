"""Read and compare all values of a database, except for logs, jobs and versions."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from tests.contracts.fingerprint import tables

# Tables that record changes.
IGNORED_TABLES = {
    "log_entry", "log_seal", "job", "operation", "operation_item", "frozen_rows", "operation_reason",
    "attempt_counter", "sign_in_session",
}  # fmt: skip
IGNORED_COLUMNS = {"version", "updated_at", "changed_on"}
# Association tables with an id, which means nothing.
LINK_TABLES = {"ab_user_role", "ab_permission_view_role"}


def read_contents(connection: Connection, only: Collection[str] = ()) -> dict[str, list[tuple]]:
    """Return the rows of all tables, or of some, without the ignored columns."""
    found = {}
    for table in tables(connection):
        # SQLite's full-text tables repeat the search text.
        if table in IGNORED_TABLES or "_fts" in table or (only and table not in only):
            continue
        left_out = IGNORED_COLUMNS | ({"id"} if table in LINK_TABLES else set())
        rows = connection.exec_driver_sql(f'SELECT * FROM "{table}"').mappings()
        found[table] = sorted(
            (tuple((k, repr(v)) for k, v in row.items() if k not in left_out) for row in rows),
        )
    return found


def compare_contents(
    before: dict[str, list], after: dict[str, list]
) -> dict[str, tuple[list, list]]:
    """Return by table the rows that are gone, and those that are new."""
    return {
        table: (
            [row for row in before[table] if row not in after[table]],
            [row for row in after[table] if row not in before[table]],
        )
        for table in before
        if before[table] != after[table]
    }
