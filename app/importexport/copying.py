"""Stream the rows of a SELECT as CSV from PostgreSQL, which writes the lines itself (COPY)."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Select, cast, func, literal, select
from sqlalchemy.orm import Session

from app.database import snapshot
from app.trash.listeners import without_trash

BLOCK_BYTES = 128 * 1024
# The rows are read in the order of their ids by indexes, so that the first comes at once and
# nothing waits in memory or in files: no plan that sorts or collects them first.
_PLANS = ("enable_sort", "enable_hashjoin", "enable_hashagg", "enable_material")


@contextmanager
def export_snapshot(session: Session) -> Iterator[Session]:
    """Give a session for one export, which sees the rows as they are when they are chosen."""
    with snapshot(session) as reader:
        if reader is not session:
            settings = [f"SET LOCAL {name} = off" for name in _PLANS]
            # The rows are counted by two processes more; what streams in order takes one.
            settings.append("SET LOCAL max_parallel_workers_per_gather = 2")
            reader.connection().exec_driver_sql("; ".join(settings))
        yield reader


def read_ids(session: Session, query: Select) -> array[int]:
    """Return the ids that ``query`` selects, in its order.

    PostgreSQL packs them into one value, eight bytes each: a million rows would take as much memory
    as the whole program.
    """
    if session.get_bind().dialect.name != "postgresql":
        return array("q", session.scalars(query))
    (row_id,) = without_trash(query).subquery().c
    packed = func.string_agg(
        func.int8send(cast(row_id, BigInteger)), cast(literal(b""), LargeBinary), type_=LargeBinary
    )
    ids = array("q", session.scalar(select(packed)) or b"")
    if sys.byteorder == "little":
        ids.byteswap()
    return ids


def copied_blocks(
    session: Session, query: Select, delimiter: str, max_seconds: float | None = None
) -> Iterator[bytes]:
    """Yield the rows of ``query`` in blocks of whole lines, as ``csv.writer`` writes them.

    Null is an empty cell. If the reader stops early, the statement is cancelled; so it is by the
    database after ``max_seconds``, whether the rows or the reader are slow.
    """
    lines: list[bytes] = []
    size = 0
    with closing(_copied_lines(session, query, delimiter, max_seconds)) as copied:
        for line in copied:
            lines.append(line)
            size += len(line)
            if size >= BLOCK_BYTES:
                yield b"\r\n".join([*lines, b""])
                lines, size = [], 0
    if lines:
        yield b"\r\n".join([*lines, b""])


def copied_in_order(
    session: Session,
    query: Select,
    ids: Sequence[int],
    delimiter: str,
    max_seconds: float | None = None,
) -> bytes:
    """Return the rows of ``query``, whose first column is their id, in the order of ``ids``.

    The lines are those of ``copied_blocks``, without the id.
    """
    found: dict[int, bytes] = {}
    mark = delimiter.encode()
    with closing(_copied_lines(session, query, delimiter, max_seconds)) as copied:
        for line in copied:
            number, _mark, rest = line.partition(mark)
            found[int(number)] = rest
    return b"".join(found[pk] + b"\r\n" for pk in ids if pk in found)


def _copied_lines(
    session: Session, query: Select, delimiter: str, max_seconds: float | None
) -> Generator[bytes, None, None]:
    """Yield the rows of ``query`` as lines without their end."""
    connection = session.connection()
    if max_seconds is not None:
        limit = max(int(max_seconds * 1000), 1)
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {limit}")
    driver: Any = connection.connection.driver_connection
    compiled: Any = without_trash(query).compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    processors = compiled._bind_processors
    values = {
        name: processors[name](value) if name in processors else value
        for name, value in compiled.params.items()
    }
    statement = f"COPY ({compiled}) TO STDOUT WITH (FORMAT csv, DELIMITER '{delimiter}')"
    with driver.cursor() as cursor, cursor.copy(statement, values) as copy:
        # One line at a time, each with the line feed that PostgreSQL ends it with.
        for line in copy:
            yield bytes(line[:-1])
