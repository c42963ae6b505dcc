"""The full-text index of a search table on SQLite; PostgreSQL has a trigram index instead.

The migration of a new searchable model executes these statements after it has made the table.
"""

from __future__ import annotations


def index_statements(table: str) -> list[str]:
    """Return the statements that index a search table, such as ``contact_search``, on SQLite."""
    take_out = (
        f"INSERT INTO {table}_fts({table}_fts, rowid, text)"
        " VALUES ('delete', old.row_id, old.text);"
    )
    put_in = f"INSERT INTO {table}_fts(rowid, text) VALUES (new.row_id, new.text);"
    steps = {"INSERT": put_in, "DELETE": take_out, "UPDATE": take_out + put_in}
    return [
        f"CREATE VIRTUAL TABLE {table}_fts USING fts5(text, content='{table}',"
        " content_rowid='row_id', tokenize='trigram', detail='full')",
        *(
            f"CREATE TRIGGER {table}_{moment.lower()} AFTER {moment} ON {table} BEGIN {step} END"
            for moment, step in steps.items()
        ),
    ]


def drop_statements(table: str) -> list[str]:
    """Return the statements that remove the index, before the table is dropped."""
    triggers = (f"DROP TRIGGER {table}_{moment}" for moment in ("insert", "delete", "update"))
    return [*triggers, f"DROP TABLE {table}_fts"]
