"""Stream CSV to a browser in blocks, without holding a database lock in between."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from time import monotonic

from flask import Response, stream_with_context

from app.database import reading
from app.i18n.languages import current_language
from app.importexport.formula_escape import escape_formula
from app.importexport.slots import download_slot
from app.security.actor import current_actor
from app.types import now

# How long a download may keep a thread, whether the rows or the reader are slow.
MAX_SECONDS = 600.0
BLOCK_BYTES = 64 * 1024


def default_delimiter() -> str:
    """Return the delimiter of the reader's language: spreadsheets in Spanish expect a semicolon."""
    return ";" if current_language() == "es" else ","


def csv_response(lines: Iterable[str | bytes], stem: str) -> Response:
    """Return a streamed response with the file name ``<stem>-<date>.csv``.

    ``lines`` yields any number of whole lines at a time; the first, which is the header, is sent
    at once. A user may download two files at once: TooManyDownloads. After MAX_SECONDS the
    connection is cut, which browsers report as a failed download: part of a file would pass for
    the whole.
    """
    slot = ExitStack()
    slot.enter_context(download_slot(current_actor()))
    blocks = _in_blocks(_until(monotonic() + MAX_SECONDS, read_only_lines(iter(lines))))
    response = Response(stream_with_context(blocks), content_type="text/csv; charset=utf-8")
    # Called even if the client is gone before the first block.
    response.call_on_close(slot.close)
    response.headers.set(
        "Content-Disposition", "attachment", filename=f"{stem}-{now():%Y-%m-%d}.csv"
    )
    return response


def _until(end: float, lines: Iterator[str | bytes]) -> Iterator[str | bytes]:
    """Yield lines; raise TimeoutError once it is too late."""
    for line in lines:
        if monotonic() > end:
            raise TimeoutError(f"The download took longer than {MAX_SECONDS:.0f} s.")
        yield line


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


def read_only_lines(lines: Iterator[str | bytes]) -> Iterator[str | bytes]:
    """Yield lines, each read in a read-only transaction.

    A POST would otherwise hold SQLite's write lock while a slow client downloads.
    """
    try:
        while True:
            with reading():
                line = next(lines, None)
            if line is None:
                return
            yield line
    finally:
        # At once, whoever else may refer to it: what it reads is cancelled.
        if isinstance(lines, Generator):
            lines.close()


def _in_blocks(lines: Iterator[str | bytes]) -> Iterator[bytes]:
    """Yield the first lines after a byte order mark, by which spreadsheets detect UTF-8.

    The others follow in blocks of 64 kB or more.
    """
    block, size = [codecs.BOM_UTF8], 0
    is_first = True
    try:
        for line in lines:
            block.append(line if isinstance(line, bytes) else line.encode())
            size += len(block[-1])
            if is_first or size >= BLOCK_BYTES:
                yield b"".join(block)
                block, size, is_first = [], 0, False
        if block:
            yield b"".join(block)
    finally:
        if isinstance(lines, Generator):
            lines.close()
