"""Read the rows of a CSV file one at a time, tolerating common defects."""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from flask_babel import gettext as _

from app.errors import DomainError
from app.importexport.encodings import FALLBACK, check_encoding, find_encoding
from app.importexport.formula_escape import unescape_formula
from app.text import clean

DELIMITERS = (",", ";", "\t", "|")
DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
MAX_COLUMNS = 1000
MAX_CELL_LENGTH = 1_000_000
MAX_LINE_LENGTH = 2_000_000
csv.field_size_limit(MAX_CELL_LENGTH)
# After this many unclosed quotation marks the rest of the file is not read.
MAX_UNCLOSED_QUOTES = 50
_SEPARATOR_LINE = re.compile(r"^sep=(.)\s*$", re.IGNORECASE)


class SourceRow(NamedTuple):
    """A row of the file: its number as in a spreadsheet, its cells, and what is wrong with it."""

    number: int
    cells: list[str]
    problem: str = ""


class Position(NamedTuple):
    """A place between two rows of a file, from which it can be read on."""

    # As ``TextIOBase.tell`` returns it: a number of any size.
    offset: str = ""
    # The number of the last row before it, and how many rows before had an unclosed quote.
    number: int = 0
    unclosed: int = 0
    # Rows that are not empty to pass over: nobody can begin to read in front of the next one.
    skip: int = 0


class LineTooLongError(Exception):
    """A line has more than MAX_LINE_LENGTH characters."""


class _Lines:
    """An iterator over the lines of a file that can push lines back."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file
        self.pushed_back: deque[str] = deque()
        self.current: list[str] = []
        self.is_at_end = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.pushed_back.popleft() if self.pushed_back else self._read()
        self.current.append(line)
        return line

    def _read(self) -> str:
        line = _readline(self.file)
        if not line:
            self.is_at_end = True
            raise StopIteration
        if len(line) == MAX_LINE_LENGTH and line[-1] not in "\r\n":
            while (rest := _readline(self.file)) and rest[-1] not in "\r\n":
                pass
            self.current.append(line[:200])
            raise LineTooLongError
        return line.replace("\0", "")

    def push_back_all_but_first(self) -> None:
        self.pushed_back.extendleft(reversed(self.current[1:]))


class Source:
    """A CSV file: its encoding, delimiter and headers; its rows can be read repeatedly."""

    def __init__(
        self,
        path: str | Path,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        is_known: bool = False,
    ) -> None:
        """Detect what is not given; raise DomainError if the file cannot be read.

        ``is_known`` says that the file was read in this encoding before.
        """
        self.path = Path(path)
        try:
            detected = "" if is_known else find_encoding(self.path)
        except OSError as error:
            raise DomainError(
                _("The file can’t be read: %(reason)s.", reason=error.strerror or "")
            ) from None
        self.encoding = check_encoding(encoding) if encoding else detected
        self.skip_first_line = False
        self.delimiter = self._delimiter(delimiter)
        self.header_row, headers = self._headers()
        self.headers, self.repeats = _name_headers(headers)

    def rows(self) -> Iterator[SourceRow]:
        """Yield every row below the header that is not empty."""
        with self.reader() as reader:
            yield from reader

    def reader(self, start: Position | None = None) -> RowReader:
        """Return a reader of the rows below the header that are not empty, from a position on."""
        return RowReader(self, start or Position())

    def fit_to_headers(self, row: SourceRow) -> SourceRow:
        """Return the row with its formulas unescaped and at least one cell per header."""
        width = len(self.headers)
        # An escaped formula begins with an apostrophe.
        cells = [unescape_formula(cell) if cell[:1] == "'" else cell for cell in row.cells]
        problem = row.problem
        if len(cells) > width:
            if not problem and any(cell.strip() for cell in cells[width:]):
                problem = _(
                    "This row has more cells than there are headers: %(cells)d instead of %(headers)d.",
                    cells=len(cells),
                    headers=width,
                )
        elif len(cells) < width:
            cells += [""] * (width - len(cells))
        return SourceRow(row.number, cells, problem)

    def open(self) -> IO[str]:
        """Open the file behind the line that names the delimiter."""
        file = self.path.open(encoding=self.encoding, errors=self._errors(), newline="")
        if self.skip_first_line:
            _readline(file)
        return file

    def _errors(self) -> str:
        return FALLBACK if codecs.lookup(self.encoding).name in ("utf-8", "cp1252") else "replace"

    def _delimiter(self, given: str | None) -> str:
        with self.open() as file:
            sample = "".join(islice(iter(lambda: _readline(file), ""), 500))[: 1 << 16]
        lines = sample.replace("\0", "").splitlines(keepends=True)
        if lines and (named := _SEPARATOR_LINE.match(lines[0])):
            self.skip_first_line = True
            given = given or named[1]
        if given:
            given = DELIMITER_NAMES.get(given.lower(), given)
            if len(given) != 1 or given in '"\r\n' or given.isalnum():
                raise DomainError(_("The delimiter must be one of: comma, semicolon, tab, pipe."))
            return given
        if len(sample) == 1 << 16:
            lines = lines[:-1] or lines
        return max(DELIMITERS, key=lambda delimiter: _delimiter_score(lines, delimiter))

    def _headers(self) -> tuple[int, list[str]]:
        with self.open() as file:
            for row in _Rows(file, self.delimiter):
                if row.problem:
                    raise DomainError(_("The first row, with the headers, can’t be read."))
                if any(cell.strip() for cell in row.cells):
                    if len(row.cells) > MAX_COLUMNS:
                        raise DomainError(
                            _("This file has too many columns. The maximum is %(most)d.",
                              most=MAX_COLUMNS)
                        )  # fmt: skip
                    return row.number, row.cells
        raise DomainError(_("This file is empty."))


def _readline(file: IO[str]) -> str:
    """Return a line, or its first MAX_LINE_LENGTH characters."""
    try:
        return file.readline(MAX_LINE_LENGTH)
    except UnicodeError:
        raise DomainError(_("The file can’t be read with this encoding.")) from None


class _Rows:
    """An iterator over every row of an open file, empty ones too; a broken row ends by itself."""

    def __init__(self, file: IO[str], delimiter: str, number: int = 0, unclosed: int = 0) -> None:
        self.lines, self.delimiter = _Lines(file), delimiter
        self.reader = csv.reader(self.lines, delimiter=delimiter, strict=True)
        self.number, self.unclosed = number, unclosed

    def __iter__(self) -> _Rows:
        return self

    def __next__(self) -> SourceRow:
        lines = self.lines
        if self.unclosed > MAX_UNCLOSED_QUOTES:
            raise StopIteration
        self.number += 1
        lines.current.clear()
        lines.is_at_end = False
        try:
            return SourceRow(self.number, next(self.reader))
        except LineTooLongError:
            cells = _parse_leniently(lines.current[0][:200], self.delimiter)
            return SourceRow(self.number, cells, _too_long_message())
        except csv.Error:
            first = lines.current[0]
            cells = _parse_leniently(first, self.delimiter)
            if len(lines.current) > 1 or lines.is_at_end:
                self.unclosed += 1
                if self.unclosed > MAX_UNCLOSED_QUOTES:
                    return SourceRow(self.number, cells, _gave_up_message())
                lines.push_back_all_but_first()
                return SourceRow(self.number, cells, _unclosed_message())
            return SourceRow(self.number, cells, "" if cells else _too_long_message())


class RowReader:
    """An iterator over the rows of a source from a position on, and where it has come to."""

    def __init__(self, source: Source, start: Position) -> None:
        self.source = source
        self.file = source.open()
        self.start = start
        # Rows yielded since ``start``, those passed over included.
        self.count = 0
        if start.offset:
            self.file.seek(int(start.offset))
        self.rows = _Rows(self.file, source.delimiter, start.number, start.unclosed)
        for _row in range(start.skip):
            next(self)

    def __enter__(self) -> RowReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.file.close()

    def __iter__(self) -> RowReader:
        return self

    def __next__(self) -> SourceRow:
        for row in self.rows:
            if row.number <= self.source.header_row:
                continue
            if row.problem or any(cell and not cell.isspace() for cell in row.cells):
                self.count += 1
                return self.source.fit_to_headers(row)
        raise StopIteration

    @property
    def position(self) -> Position:
        """Return where the next row begins."""
        if self.rows.lines.pushed_back:
            return self.start._replace(skip=self.count)
        self.start = Position(str(self.file.tell()), self.rows.number, self.rows.unclosed)
        self.count = 0
        return self.start


def _parse_leniently(line: str, delimiter: str) -> list[str]:
    """Parse one line with stray quotation marks; return [] if a cell is too long."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _too_long_message() -> str:
    return _("A cell in this row is too long.")


def _unclosed_message() -> str:
    return _("This row has an opening quotation mark that is never closed.")


def _gave_up_message() -> str:
    return _("Too many quotation marks are never closed. The rest of the file was not read.")


def _delimiter_score(lines: list[str], delimiter: str) -> float:
    """Return a score: higher if the delimiter splits the lines into rows of equal width."""
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


def _name_headers(cells: list[str]) -> tuple[list[str], dict[int, int]]:
    """Return a unique name for each column, and the place of the last one with the same header."""
    names: list[str] = []
    places: dict[str, int] = {}
    repeats: dict[int, int] = {}
    for place, cell in enumerate(cells):
        header = clean(unescape_formula(cell))[:120]
        name = header or _("Column %(place)d", place=place + 1)
        suffix = 2
        unique = name
        while unique in names:
            unique = f"{name} ({suffix})"
            suffix += 1
        names.append(unique)
        if header:
            if header.casefold() in places:
                repeats[place] = places[header.casefold()]
            places[header.casefold()] = place
    return names, repeats
