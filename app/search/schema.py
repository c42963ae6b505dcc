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


def entity_statements(table: str, dialect: str) -> list[str]:
    """Return the statements that add the entity of each row to the search texts of a table.

    PostgreSQL alone uses it, and keeps it by triggers: so it is right whatever writes the rows.
    The table of the texts is made anew, which is faster than to change all of its rows.
    """
    name = f"{table}_search"
    if dialect != "postgresql":
        return [f"ALTER TABLE {name} ADD COLUMN entity_id INTEGER"]
    return [
        f"CREATE TABLE {name}_new AS SELECT s.row_id, s.text, r.entity_id FROM {name} s"
        f" JOIN {table} r ON r.id = s.row_id ORDER BY s.row_id",
        f"DROP TABLE {name}",
        f"ALTER TABLE {name}_new RENAME TO {name}",
        f"ALTER TABLE {name} ALTER COLUMN row_id SET NOT NULL, ALTER COLUMN text SET NOT NULL,"
        f" ADD CONSTRAINT pk_{name} PRIMARY KEY (row_id),"
        f" ADD CONSTRAINT fk_{name}_row_id_{table} FOREIGN KEY (row_id) REFERENCES {table} (id)"
        " ON DELETE CASCADE",
        f"CREATE INDEX ix_{name}_entity_id ON {name} (entity_id)",
        *index_statements(table, dialect),
        f"CREATE FUNCTION {name}_add_entity() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" NEW.entity_id := (SELECT entity_id FROM {table} WHERE id = NEW.row_id);"
        " RETURN NEW; END $$",
        f"CREATE TRIGGER {name}_add_entity BEFORE INSERT ON {name} FOR EACH ROW"
        f" WHEN (NEW.entity_id IS NULL) EXECUTE FUNCTION {name}_add_entity()",
        f"CREATE FUNCTION {name}_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" UPDATE {name} SET entity_id = NEW.entity_id WHERE row_id = NEW.id;"
        " RETURN NULL; END $$",
        f"CREATE TRIGGER {name}_move AFTER UPDATE OF entity_id ON {table} FOR EACH ROW"
        f" WHEN (OLD.entity_id IS DISTINCT FROM NEW.entity_id) EXECUTE FUNCTION {name}_move()",
        f"ANALYZE {name}",
    ]


def no_entity_statements(table: str, dialect: str) -> list[str]:
    """Return the statements that remove the entity from the search texts of a table."""
    name = f"{table}_search"
    drop = f"ALTER TABLE {name} DROP COLUMN entity_id"
    if dialect != "postgresql":
        return [drop]
    return [
        f"DROP TRIGGER {name}_move ON {table}",
        f"DROP TRIGGER {name}_add_entity ON {name}",
        f"DROP FUNCTION {name}_move()",
        f"DROP FUNCTION {name}_add_entity()",
        f"DROP INDEX ix_{name}_entity_id",
        drop,
    ]
