"""Read the rows of a CSV file as people really send them, one at a time."""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from flask_babel import gettext as _

from app.errors import DomainError
from app.importexport.encodings import FALLBACK, check_encoding, find_encoding
from app.importexport.formula_escape import unguard
from app.text import clean

DELIMITERS = (",", ";", "\t", "|")
DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
MOST_COLUMNS = 1000
LONGEST_CELL = 1_000_000
LONGEST_LINE = 2_000_000
csv.field_size_limit(LONGEST_CELL)
# A file with more broken quotation marks than this is not worth rescuing line by line.
MOST_RESCUES = 50
_SEPARATOR_LINE = re.compile(r"^sep=(.)\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class SourceRow:
    """A row of the file: its number as a spreadsheet counts, its cells, what is wrong with it."""

    number: int
    cells: list[str]
    problem: str = ""


class TooLongLineError(Exception):
    """A line is longer than any line may be."""


class _Lines:
    """The lines of a file; some can be handed back to be read again."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file
        self.waiting: deque[str] = deque()
        self.taken: list[str] = []
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.waiting.popleft() if self.waiting else self._read()
        self.taken.append(line)
        return line

    def _read(self) -> str:
        line = _readline(self.file)
        if not line:
            self.ended = True
            raise StopIteration
        if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
            while (rest := _readline(self.file)) and rest[-1] not in "\r\n":
                pass
            self.taken.append(line[:200])
            raise TooLongLineError
        return line.replace("\0", "")

    def hand_back_all_but_first(self) -> None:
        self.waiting.extendleft(reversed(self.taken[1:]))


class Source:
    """A CSV file: its encoding, its delimiter, its headers, and its rows as often as wanted."""

    def __init__(
        self, path: str | Path, *, encoding: str | None = None, delimiter: str | None = None
    ) -> None:
        """Look at the file; DomainError when it cannot be read at all."""
        self.path = Path(path)
        try:
            found = find_encoding(self.path)
        except OSError as error:
            raise DomainError(
                _("The file cannot be read: %(reason)s.", reason=error.strerror or "")
            ) from None
        self.encoding = check_encoding(encoding) if encoding else found
        self.skip_first_line = False
        self.delimiter = self._delimiter(delimiter)
        self.header_row, headers = self._headers()
        self.headers = _name_headers(headers)

    def rows(self) -> Iterator[SourceRow]:
        """Yield every row below the header that is not empty."""
        with self._open() as file:
            for row in read_rows(file, self.delimiter):
                if row.number <= self.header_row:
                    continue
                if row.problem or any(cell and not cell.isspace() for cell in row.cells):
                    yield self._fitted(row)

    def _fitted(self, row: SourceRow) -> SourceRow:
        """Return the row with as many cells as there are headers."""
        width = len(self.headers)
        cells = [unguard(cell) for cell in row.cells]
        problem = row.problem
        if len(cells) > width:
            if not problem and any(cell.strip() for cell in cells[width:]):
                problem = _(
                    "This row has %(cells)d cells, but there are only %(headers)d headers.",
                    cells=len(cells),
                    headers=width,
                )
        elif len(cells) < width:
            cells += [""] * (width - len(cells))
        return SourceRow(row.number, cells, problem)

    def _open(self) -> IO[str]:
        file = self.path.open(encoding=self.encoding, errors=self._errors(), newline="")
        if self.skip_first_line:
            _readline(file)
        return file

    def _errors(self) -> str:
        return FALLBACK if codecs.lookup(self.encoding).name in ("utf-8", "cp1252") else "replace"

    def _delimiter(self, asked: str | None) -> str:
        with self._open() as file:
            sample = "".join(islice(iter(lambda: _readline(file), ""), 500))[: 1 << 16]
        lines = sample.replace("\0", "").splitlines(keepends=True)
        if lines and (named := _SEPARATOR_LINE.match(lines[0])):
            self.skip_first_line = True
            asked = asked or named[1]
        if asked:
            asked = DELIMITER_NAMES.get(asked.lower(), asked)
            if len(asked) != 1 or asked in '"\r\n' or asked.isalnum():
                raise DomainError(_("The delimiter must be one of: comma, semicolon, tab, pipe."))
            return asked
        if len(sample) == 1 << 16:
            lines = lines[:-1] or lines
        return max(DELIMITERS, key=lambda delimiter: _evenness(lines, delimiter))

    def _headers(self) -> tuple[int, list[str]]:
        with self._open() as file:
            for row in read_rows(file, self.delimiter):
                if row.problem:
                    raise DomainError(_("The first row, with the headers, cannot be read."))
                if any(cell.strip() for cell in row.cells):
                    if len(row.cells) > MOST_COLUMNS:
                        raise DomainError(
                            _("This file has too many columns: %(most)d at most.",
                              most=MOST_COLUMNS)
                        )  # fmt: skip
                    return row.number, row.cells
        raise DomainError(_("This file is empty."))


def _readline(file: IO[str]) -> str:
    """Return a line, or as much of it as a line may have."""
    try:
        return file.readline(LONGEST_LINE)
    except UnicodeError:
        raise DomainError(_("The file cannot be read in this encoding.")) from None


def read_rows(file: IO[str], delimiter: str) -> Iterator[SourceRow]:
    """Yield every row of an open file, empty ones too; a broken row never spoils the next."""
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rescues = 0
    number = 0
    while True:
        number += 1
        lines.taken.clear()
        lines.ended = False
        try:
            yield SourceRow(number, next(reader))
        except StopIteration:
            return
        except TooLongLineError:
            cells = _lenient(lines.taken[0][:200], delimiter)
            yield SourceRow(number, cells, _too_long())
        except csv.Error:
            first = lines.taken[0]
            if len(lines.taken) > 1 or lines.ended:
                rescues += 1
                if rescues > MOST_RESCUES:
                    yield SourceRow(number, _lenient(first, delimiter), _given_up())
                    return
                lines.hand_back_all_but_first()
                yield SourceRow(number, _lenient(first, delimiter), _unclosed())
            else:
                cells = _lenient(first, delimiter)
                yield SourceRow(number, cells, "" if cells else _too_long())


def _lenient(line: str, delimiter: str) -> list[str]:
    """Read one line with its stray quotation marks; nothing when a cell is too long."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _too_long() -> str:
    return _("A cell of this row is too long.")


def _unclosed() -> str:
    return _("A quotation mark is opened in this row and never closed.")


def _given_up() -> str:
    return _("Too many quotation marks are never closed; the rest of the file was not read.")


def _evenness(lines: list[str], delimiter: str) -> float:
    """Return how well a delimiter cuts the first lines into rows of as many cells each."""
    rows = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                rows.append(len(row))
            if len(rows) == 200:
                break
    except csv.Error:
        pass
    if not rows or rows[0] < 2:
        return 0.0
    even = sum(count == rows[0] for count in rows) / len(rows)
    return even * min(rows[0], 20)


def _name_headers(cells: list[str]) -> list[str]:
    """Return a name of its own for each column."""
    names: list[str] = []
    for place, cell in enumerate(cells, 1):
        name = clean(unguard(cell))[:120] or _("Column %(place)d", place=place)
        again = 2
        unique = name
        while unique in names:
            unique = f"{name} ({again})"
            again += 1
        names.append(unique)
    return names
