"""Send CSV to a browser while it is being read: in blocks, and holding no lock meanwhile."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from flask import Response, stream_with_context

from app.importexport.formula_escape import guard
from app.extensions import reading
from app.i18n.languages import current_language
from app.types import now


def usual_delimiter() -> str:
    """Return what separates columns where the reader lives: spreadsheets in Spanish expect ;."""
    return ";" if current_language() == "es" else ","


def csv_reply(lines: Iterator[str], stem: str) -> Response:
    """Answer with lines of CSV as a file of today, called after ``stem``."""
    reply = Response(
        stream_with_context(_in_blocks(only_reading(lines))),
        content_type="text/csv; charset=utf-8",
    )
    reply.headers.set("Content-Disposition", "attachment", filename=f"{stem}-{now():%Y-%m-%d}.csv")
    return reply


def csv_lines(rows: Iterable[Iterable[str]], delimiter: str) -> Iterator[str]:
    """Yield rows as lines of CSV, of which no cell is a formula."""
    writer = csv.writer(Echo(), delimiter=delimiter)
    for cells in rows:
        yield writer.writerow([guard(cell) for cell in cells])


class Echo:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def only_reading(lines: Iterator[str]) -> Iterator[str]:
    """Yield lines; a POST would otherwise hold SQLite's write lock while a slow reader takes them."""
    while True:
        with reading():
            line = next(lines, None)
        if line is None:
            return
        yield line


def _in_blocks(lines: Iterator[str]) -> Iterator[str]:
    """Yield lines by the hundred; a mark first, by which spreadsheets know UTF-8."""
    block = ["\ufeff"]
    for line in lines:
        block.append(line)
        if len(block) == 200:
            yield "".join(block)
            block.clear()
    yield "".join(block)
