"""A number is given once, on SQLite too: PostgreSQL's sequences never give one again.

SQLite does so with the number of the last row, once that is deleted, unless the key says
AUTOINCREMENT; and a key cannot be altered. So each table is made anew, and its rows, indexes and
triggers are carried over as they are. All of it is one transaction.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PLAIN, COUNTED = "(id)", "(id AUTOINCREMENT)"
COPY = "numbers_copy"
# Whom the log names besides what its entries are about.
NAMED = {
    "ab_user": (
        "SELECT max(actor_id) FROM log_entry",
        "SELECT max(subject_id) FROM log_entry WHERE subject_type = 'security'",
    ),
    "operation": ("SELECT max(operation_id) FROM log_entry",),
}


def upgrade() -> None:
    for table in _make_anew(PLAIN, COUNTED):
        _count_on(table)


def downgrade() -> None:
    _make_anew(COUNTED, PLAIN)


def _make_anew(before: str, after: str) -> list[str]:
    """Make every table with a key of its own anew, with another key; return their names."""
    if op.get_bind().dialect.name != "sqlite":
        return []
    if _one("PRAGMA foreign_keys"):
        raise RuntimeError("Foreign keys are on: to drop a table would empty the ones beside it.")
    # Otherwise a view or a trigger could not name a table while that is gone.
    legacy = _one("PRAGMA legacy_alter_table")
    op.execute("PRAGMA legacy_alter_table = ON")
    dangling, statistics = _all("PRAGMA foreign_key_check"), _statistics()
    keys = {}
    for name, sql in _all("SELECT name, sql FROM sqlite_master WHERE type = 'table'"):
        key = f"CONSTRAINT pk_{name} PRIMARY KEY "
        if key + before in sql:
            keys[name] = sql.replace(key + before, key + after)
    for name, sql in keys.items():
        _carry_over(name, sql)
    for table, rows in statistics.items():
        op.execute(f"DELETE FROM {table}")
        for row in rows:
            marks = ", ".join("?" * len(row))
            _run(f"INSERT INTO {table} VALUES ({marks})", *row)
    if set(_all("PRAGMA foreign_key_check")) != set(dangling):
        raise RuntimeError("A row lost what it points to; nothing was changed.")
    op.execute(f"PRAGMA legacy_alter_table = {legacy}")
    return list(keys)


def _carry_over(table: str, sql: str) -> None:
    """Make a table anew, with its rows and with what belongs to it."""
    belongings = _all(
        "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type IN ('index', 'trigger')"
        " AND sql IS NOT NULL ORDER BY rowid",
        table,
    )
    _run(f"CREATE TABLE {COPY} {sql[sql.index('(') :]}")
    _run(f"INSERT INTO {COPY} SELECT * FROM {table}")
    if _one(f"SELECT count(*) FROM {COPY}") != _one(f"SELECT count(*) FROM {table}"):
        raise RuntimeError(f"Rows of {table} were lost; nothing was changed.")
    _run(f"DROP TABLE {table}")
    _run(f"ALTER TABLE {COPY} RENAME TO {table}")
    for (statement,) in belongings:
        _run(statement)


def _count_on(table: str) -> None:
    """Let a table count on from the greatest number that was ever heard of."""
    heard_of = (
        f"SELECT max(id) FROM {table}",
        f"SELECT max(subject_id) FROM log_entry WHERE subject_type = '{table}'",
        "SELECT max((SELECT max(row_id) FROM operation_item WHERE operation_id = operation.id))"
        f" FROM operation WHERE subject_type = '{table}'",
        *NAMED.get(table, ()),
    )
    greatest = max(_one(query) or 0 for query in heard_of)
    _run("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", greatest, table)


def _statistics() -> dict[str, list]:
    """Return what ANALYZE found out, which goes with a table that is dropped."""
    tables = _all("SELECT name FROM sqlite_master WHERE name GLOB 'sqlite_stat*'")
    return {name: _all(f"SELECT * FROM {name}") for (name,) in tables}


def _run(statement: str, *values):
    """Run a statement as it stands: a colon or a percent sign in it means nothing."""
    return op.get_bind().exec_driver_sql(statement, values)


def _all(query: str, *values) -> list[tuple]:
    return [tuple(row) for row in _run(query, *values)]


def _one(query: str):
    return _run(query).scalar()
