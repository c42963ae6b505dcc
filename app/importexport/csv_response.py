"""Stream CSV to a browser in blocks, without holding a database lock in between."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from flask import Response, stream_with_context

from app.database import reading
from app.i18n.languages import current_language
from app.importexport.formula_escape import escape_formula
from app.types import now


def default_delimiter() -> str:
    """Return the delimiter of the reader's language: spreadsheets in Spanish expect a semicolon."""
    return ";" if current_language() == "es" else ","


def csv_response(lines: Iterator[str], stem: str) -> Response:
    """Return a streamed response with the file name ``<stem>-<date>.csv``."""
    response = Response(
        stream_with_context(_in_blocks(read_only_lines(lines))),
        content_type="text/csv; charset=utf-8",
    )
    response.headers.set(
        "Content-Disposition", "attachment", filename=f"{stem}-{now():%Y-%m-%d}.csv"
    )
    return response


def csv_lines(rows: Iterable[Iterable[str]], delimiter: str) -> Iterator[str]:
    """Yield rows as lines of CSV with formulas escaped."""
    writer = csv.writer(Echo(), delimiter=delimiter)
    for cells in rows:
        yield writer.writerow([escape_formula(cell) for cell in cells])


class Echo:
    """A file-like object whose ``write`` returns the line, for ``csv.writer``."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def read_only_lines(lines: Iterator[str]) -> Iterator[str]:
    """Yield lines, each read in a read-only transaction.

    A POST would otherwise hold SQLite's write lock while a slow client downloads.
    """
    while True:
        with reading():
            line = next(lines, None)
        if line is None:
            return
        yield line


def _in_blocks(lines: Iterator[str]) -> Iterator[str]:
    """Yield blocks of 200 lines, after a byte order mark by which spreadsheets detect UTF-8."""
    block = ["\ufeff"]
    for line in lines:
        block.append(line)
        if len(block) == 200:
            yield "".join(block)
            block.clear()
    yield "".join(block)
