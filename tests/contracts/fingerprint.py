"""Digests of the tables of a database, to test that nothing was changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event, inspect

# What a refused request may change: a counter of attempts, a session, the security log.
MAY_CHANGE = {"attempt_counter", "sign_in_session"}
_READS = re.compile(
    r"\s*(SELECT|PRAGMA|BEGIN|SAVEPOINT|RELEASE|ROLLBACK|EXPLAIN|"
    rf"(INSERT INTO|UPDATE|DELETE FROM) ({'|'.join(sorted(MAY_CHANGE))})\b)",
    re.IGNORECASE,
)
_WHERE = {"log_entry": "WHERE subject_type != 'security'"}


def fingerprint(
    connection: Connection, but: Collection[str] = (*MAY_CHANGE, "the security log")
) -> dict[str, str]:
    """Return a digest of every table's rows, by table."""
    names = [name for name in tables(connection) if name not in but]
    where = _WHERE if but else {}
    if connection.dialect.name == "postgresql":
        union = " UNION ALL ".join(
            f"SELECT '{name}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
            f' FROM "{name}" t {where.get(name, "")}'
            for name in names
        )
        return {row[0]: row[1] for row in connection.exec_driver_sql(union)}
    found = {}
    for name in names:
        rows = connection.exec_driver_sql(f'SELECT * FROM "{name}" {where.get(name, "")}')
        text = repr(sorted(map(repr, rows)))
        found[name] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return found


def changed_tables(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the names of the tables that differ."""
    return sorted(name for name in before if before[name] != after.get(name))


_names: dict[str, list[str]] = {}


def tables(connection: Connection) -> list[str]:
    """Return the names of the tables of a database."""
    # Cached, as no migration adds a table while the tests run.
    url = str(connection.engine.url)
    if url not in _names:
        _names[url] = sorted(inspect(connection).get_table_names())
    return _names[url]


@contextmanager
def writes() -> Iterator[list[str]]:
    """Collect the statements of the block that may have changed more than ``MAY_CHANGE``.

    Where there is none, no table needs to be read to know that nothing was changed.
    """
    found: list[str] = []

    def note(connection, cursor, statement, parameters, context, many):
        if not _READS.match(statement):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)
