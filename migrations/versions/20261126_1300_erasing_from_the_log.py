"""Let values be emptied from the log on request, and nothing else of it be changed.

Every entry gets two random salts and room for the digests that outlive its values; a seal says
what it covers. SQLite cannot add a column with a random default, so the table is made anew there,
with its rows, indexes and statistics.
"""

from alembic import op

revision = "0030"
down_revision = "0026"
branch_labels = None
depends_on = None

COPY = "log_entry_copy"
KEY = ", \n\tCONSTRAINT pk_log_entry"
# The parts of an entry: the columns that are emptied together, each with its empty value.
PARTS = {
    "actor": {"actor_name": "NEW.actor_name = ''"},
    "subject": {"subject_name": "NEW.subject_name = ''", "changes": "NEW.changes IS NULL"},
}
KEPT = (
    "id", "at", "actor_type", "actor_id", "channel", "event", "subject_type", "subject_id",
    "version", "operation_id",
)  # fmt: skip
MESSAGE = "the log is only ever added to"
ADDED = ("actor_salt", "subject_salt", "actor_digest", "subject_digest", "erased_by")


def upgrade() -> None:
    op.execute("ALTER TABLE log_seal ADD COLUMN format INTEGER NOT NULL DEFAULT 1")
    if _is_postgres():
        # The rows are written anew, each with salts of its own, and no trigger is asked.
        op.execute(
            "ALTER TABLE log_entry"
            " ADD COLUMN actor_salt UUID DEFAULT gen_random_uuid(),"
            " ADD COLUMN subject_salt UUID DEFAULT gen_random_uuid(),"
            " ADD COLUMN actor_digest VARCHAR(64), ADD COLUMN subject_digest VARCHAR(64),"
            " ADD COLUMN erased_by BIGINT"
        )
        op.execute("DROP TRIGGER log_entry_append_only ON log_entry")
        op.execute(
            "CREATE TRIGGER log_entry_append_only BEFORE DELETE OR TRUNCATE ON log_entry "
            "FOR EACH STATEMENT EXECUTE FUNCTION padron_log_is_append_only()"
        )
        columns = ", ".join(f"'{name}'" for name in (*_emptied_columns(), *ADDED))
        same = f"to_jsonb(NEW) - ARRAY[{columns}] = to_jsonb(OLD) - ARRAY[{columns}]"
        op.execute(
            "CREATE FUNCTION padron_log_is_only_emptied() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"BEGIN IF ({same} AND {_is_emptying()}) IS NOT TRUE THEN "
            f"RAISE EXCEPTION '{MESSAGE}'; END IF; RETURN NEW; END $$"
        )
        op.execute(
            "CREATE TRIGGER log_entry_only_emptied BEFORE UPDATE ON log_entry "
            "FOR EACH ROW EXECUTE FUNCTION padron_log_is_only_emptied()"
        )
        return
    sql = _one("SELECT sql FROM sqlite_master WHERE name = 'log_entry'")
    if sql.count(KEY) != 1:
        raise RuntimeError("The table log_entry is not as this version knows it.")
    added = (
        ", actor_salt BLOB DEFAULT (randomblob(16)), subject_salt BLOB DEFAULT (randomblob(16)),"
        " actor_digest VARCHAR(64), subject_digest VARCHAR(64), erased_by BIGINT"
    )
    _make_anew(sql.replace(KEY, added + KEY))
    same = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in KEPT)
    op.execute("DROP TRIGGER log_entry_no_update")
    # An unknown is no permission: NOT NULL would be NULL.
    _run(
        "CREATE TRIGGER log_entry_no_update BEFORE UPDATE ON log_entry "
        f"WHEN ({same} AND {_is_emptying()}) IS NOT TRUE "
        f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    )


def downgrade() -> None:
    """Take the columns back, and the seals that cover digests.

    What those sealed counts as not sealed from then on: move the file log.seals out of the data
    folder. The older version cannot verify an entry that was emptied.
    """
    if _one("SELECT count(*) FROM log_entry WHERE erased_by IS NOT NULL"):
        raise RuntimeError(
            "Entries of the log were emptied on request, and the version before cannot verify"
            " those: restore a backup from before the upgrade instead. Nothing was changed."
        )
    if _is_postgres():
        op.execute("DROP TRIGGER log_entry_only_emptied ON log_entry")
        op.execute("DROP FUNCTION padron_log_is_only_emptied()")
        op.execute("DROP TRIGGER log_entry_append_only ON log_entry")
        op.execute(
            "ALTER TABLE log_entry " + ", ".join(f"DROP COLUMN {name}" for name in ADDED)
        )
        op.execute("DROP TRIGGER log_seal_append_only ON log_seal")
        op.execute("DELETE FROM log_seal WHERE format > 1")
        for table in ("log_entry", "log_seal"):
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
                f" ON {table} FOR EACH STATEMENT EXECUTE FUNCTION padron_log_is_append_only()"
            )
    else:
        sql = _one("SELECT sql FROM sqlite_master WHERE name = 'log_entry'")
        start, end = sql.index(", actor_salt BLOB"), sql.index(KEY)
        _make_anew(sql[:start] + sql[end:])
        op.execute("DROP TRIGGER log_entry_no_update")
        op.execute("DROP TRIGGER log_seal_no_delete")
        op.execute("DELETE FROM log_seal WHERE format > 1")
        for table, moment in (("log_entry", "UPDATE"), ("log_seal", "DELETE")):
            op.execute(
                f"CREATE TRIGGER {table}_no_{moment.lower()} BEFORE {moment} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            )
    op.execute("ALTER TABLE log_seal DROP COLUMN format")


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _emptied_columns() -> list[str]:
    return [name for columns in PARTS.values() for name in columns]


def _is_emptying() -> str:
    """Return the condition that an update empties a part of an entry, for an entry that says so."""
    conditions = []
    for part, columns in PARTS.items():
        names = (*columns, f"{part}_salt", f"{part}_digest")
        unchanged = " AND ".join(f"NEW.{name} {_same()} OLD.{name}" for name in names)
        emptied = " AND ".join(
            (
                f"OLD.{part}_digest IS NULL AND OLD.{part}_salt IS NOT NULL",
                *columns.values(),
                f"NEW.{part}_salt IS NULL AND length(NEW.{part}_digest) = 64",
            )
        )
        conditions.append(f"(({unchanged}) OR ({emptied}))")
    other = "IS DISTINCT FROM" if _is_postgres() else "IS NOT"
    conditions += [
        f"(NEW.actor_digest {other} OLD.actor_digest"
        f" OR NEW.subject_digest {other} OLD.subject_digest)",
        # Who emptied what, and why, stays.
        f"(OLD.event <> 'log_erased' OR NEW.subject_digest {_same()} OLD.subject_digest)",
        "NEW.erased_by > NEW.id AND EXISTS"
        " (SELECT 1 FROM log_entry WHERE id = NEW.erased_by AND event = 'log_erased')",
    ]
    return " AND ".join(conditions)


def _same() -> str:
    return "IS NOT DISTINCT FROM" if _is_postgres() else "IS"


def _make_anew(sql: str) -> None:
    """Make the table anew by this statement, with its rows, indexes, triggers and statistics."""
    legacy = _one("PRAGMA legacy_alter_table")
    # Otherwise a view or a trigger could not name the table while it is gone.
    op.execute("PRAGMA legacy_alter_table = ON")
    belongings = _all(
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'log_entry'"
        " AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid"
    )
    last = _one("SELECT seq FROM sqlite_sequence WHERE name = 'log_entry'")
    statistics = {
        name: _all(f"SELECT * FROM {name} WHERE tbl = 'log_entry'")
        for (name,) in _all("SELECT name FROM sqlite_master WHERE name GLOB 'sqlite_stat[134]'")
    }
    _run(f"CREATE TABLE {COPY} {sql[sql.index('(') :]}")
    old, new = (
        [name for (name,) in _all(f"SELECT name FROM pragma_table_info('{table}')")]
        for table in ("log_entry", COPY)
    )
    columns = ", ".join(name for name in old if name in new)
    _run(f"INSERT INTO {COPY} ({columns}) SELECT {columns} FROM log_entry ORDER BY id")
    if _one(f"SELECT count(*) FROM {COPY}") != _one("SELECT count(*) FROM log_entry"):
        raise RuntimeError("Entries of the log were lost; nothing was changed.")
    _run("DROP TABLE log_entry")
    _run(f"ALTER TABLE {COPY} RENAME TO log_entry")
    if last is not None:
        _run("UPDATE sqlite_sequence SET seq = ? WHERE name = 'log_entry'", last)
    for (statement,) in belongings:
        _run(statement)
    for table, rows in statistics.items():
        for row in rows:
            marks = ", ".join("?" * len(row))
            _run(f"INSERT INTO {table} VALUES ({marks})", *row)
    op.execute(f"PRAGMA legacy_alter_table = {legacy}")


def _run(statement: str, *values):
    """Run a statement as it stands: a colon or a percent sign in it means nothing."""
    return op.get_bind().exec_driver_sql(statement, values)


def _all(query: str, *values) -> list[tuple]:
    return [tuple(row) for row in _run(query, *values)]


def _one(query: str):
    return _run(query).scalar()
