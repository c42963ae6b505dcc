"""The index of a search table, as statements for a migration: the database's own way to trigrams.

Migrations that ran call these functions again in a new database: what they return stays as it is.
"""

from __future__ import annotations


def index_statements(table: str, dialect: str) -> list[str]:
    """Return the statements that index the search texts of a table, such as ``contact``."""
    name = f"{table}_search"
    if dialect == "postgresql":
        return [
            f"CREATE INDEX IF NOT EXISTS ix_{name}_text ON {name} USING gin (text gin_trgm_ops)",
            f"ALTER TABLE {name} ALTER COLUMN text SET STATISTICS 1000",
        ]
    out = (
        f"INSERT INTO {name}_fts({name}_fts, rowid, text) VALUES ('delete', old.row_id, old.text);"
    )
    put = f"INSERT INTO {name}_fts(rowid, text) VALUES (new.row_id, new.text);"
    moments = {"INSERT": put, "DELETE": out, "UPDATE": out + put}
    return [
        f"CREATE VIRTUAL TABLE {name}_fts USING fts5(text, content='{name}',"
        " content_rowid='row_id', tokenize='trigram', detail='full')",
        *(
            f"CREATE TRIGGER {name}_{moment.lower()} AFTER {moment} ON {name} BEGIN {steps} END"
            for moment, steps in moments.items()
        ),
    ]


def unindex_statements(table: str, dialect: str) -> list[str]:
    """Return the statements that remove the index of the search texts of a table."""
    name = f"{table}_search"
    if dialect == "postgresql":
        return [f"DROP INDEX IF EXISTS ix_{name}_text"]
    triggers = [f"DROP TRIGGER {name}_{moment}" for moment in ("insert", "delete", "update")]
    return [*triggers, f"DROP TABLE {name}_fts"]
