"""The formats of exported files: CSV, XLSX, vCard. Each writes rows of cells to an open file."""

from __future__ import annotations

import codecs
import csv
import datetime
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from xlsxwriter import Workbook

from app.errors import DomainError
from app.fieldtypes import Boolean, Date, Decimal, Integer
from app.importexport.fields import CsvField, ValueField, header
from app.importexport.formula_escape import escape_formula
from app.importexport.vcard_writing import card_lines

# Spreadsheets hold no more; XlsxWriter would cut longer texts without a word.
MAX_XLSX_TEXT, MAX_XLSX_ROWS = 32_767, 1_048_576
# Spreadsheets take 1900 for a leap year: days before this mean others to other programs.
_FIRST_DAY = datetime.date(1900, 3, 1)
_MAX_DIGITS = 15
_MAX_WIDTH = 40


class FileFormat:
    """A format of exported files, open for one file: ``write`` each row, then ``close``."""

    name: ClassVar[str]
    label: ClassVar[Any]
    mime: ClassVar[str]

    def __init__(self, file: IO[bytes], fields: Sequence[CsvField], delimiter: str = ",") -> None:
        self.file, self.fields, self.delimiter = file, tuple(fields), delimiter
        self.count = 0

    def write(self, cells: Sequence[str]) -> None:
        """Write a row; DomainError if the format cannot hold it."""
        raise NotImplementedError

    def close(self) -> None:
        """Write what is left; the file stays open."""

    def discard(self) -> None:
        """Give up a file that was not closed."""

    @classmethod
    def fields_of(
        cls, fields: Sequence[CsvField], known: Sequence[CsvField]
    ) -> tuple[CsvField, ...]:
        """Return the fields of a file: those that were chosen, and what the format needs."""
        return tuple(fields)


class CsvFormat(FileFormat):
    """CSV in UTF-8 with a byte order mark; what a spreadsheet would compute is escaped."""

    name = "csv"
    label = _l("CSV")
    mime = "text/csv; charset=utf-8"

    def __init__(self, file: IO[bytes], fields: Sequence[CsvField], delimiter: str = ",") -> None:
        super().__init__(file, fields, delimiter)
        self.text = io.StringIO(newline="")
        self.writer = csv.writer(self.text, delimiter=delimiter)
        file.write(codecs.BOM_UTF8)
        self._write([header(field) for field in self.fields])

    def write(self, cells: Sequence[str]) -> None:
        self.count += 1
        self._write(cells)

    def _write(self, cells: Sequence[str]) -> None:
        self.writer.writerow([escape_formula(cell) for cell in cells])
        self.file.write(self.text.getvalue().encode())
        self.text.seek(0)
        self.text.truncate()


class XlsxFormat(FileFormat):
    """A workbook with one sheet; dates and numbers are typed, everything else is text."""

    name = "xlsx"
    label = _l("Excel (XLSX)")
    mime = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def __init__(self, file: IO[bytes], fields: Sequence[CsvField], delimiter: str = ",") -> None:
        super().__init__(file, fields, delimiter)
        self.book = Workbook(
            file,
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        self.sheet = self.book.add_worksheet()
        self.day = self.book.add_format({"num_format": "yyyy-mm-dd"})
        headers = [header(field) for field in self.fields]
        for place, text in enumerate(headers):
            self.sheet.set_column(place, place, min(max(len(text) + 2, 12), _MAX_WIDTH))
        self.sheet.freeze_panes(1, 0)
        bold = self.book.add_format({"bold": True})
        for place, text in enumerate(headers):
            self.sheet.write_string(0, place, text, bold)
        self.kinds = [_kind(field) for field in self.fields]

    def write(self, cells: Sequence[str]) -> None:
        self.count += 1
        if self.count >= MAX_XLSX_ROWS:
            raise DomainError(
                _("A spreadsheet holds %(most)d rows at most. Export this as CSV.",
                  most=MAX_XLSX_ROWS - 1)
            )  # fmt: skip
        for place, (cell, kind) in enumerate(zip(cells, self.kinds, strict=True)):
            if cell:
                self._write_cell(place, cell, kind)

    def _write_cell(self, place: int, cell: str, kind: str) -> None:
        row = self.count
        if kind == "day" and (day := _day(cell)) is not None:
            self.sheet.write_datetime(row, place, day, self.day)
        elif kind == "number" and sum(map(str.isdigit, cell)) <= _MAX_DIGITS:
            self.sheet.write_number(row, place, float(cell))
        elif kind == "flag":
            self.sheet.write_boolean(row, place, cell == "1")
        elif len(cell.encode("utf-16-le")) // 2 > MAX_XLSX_TEXT:
            raise DomainError(
                _(
                    "“%(field)s” has a text of more than %(most)d characters in row %(row)d, which no cell of a spreadsheet holds. Leave the column out, or export as CSV.",
                    field=header(self.fields[place]), most=MAX_XLSX_TEXT, row=row + 1,
                )
            )  # fmt: skip
        elif self.sheet.write_string(row, place, cell):
            raise DomainError(_("The file could not be written."))

    def close(self) -> None:
        self.book.close()

    def discard(self) -> None:
        # Without packing what was written, which may take a minute.
        self.book.fileclosed = True
        self.sheet.row_data_fh.close()
        Path(self.sheet.row_data_filename).unlink(missing_ok=True)


class VcardFormat(FileFormat):
    """vCards of version 4: a card for each row; what vCard has no property for has one of ours."""

    name = "vcf"
    label = _l("vCard 4")
    mime = "text/vcard; charset=utf-8"

    def write(self, cells: Sequence[str]) -> None:
        self.count += 1
        values = {field.name: cell for field, cell in zip(self.fields, cells, strict=True) if cell}
        self.file.write("".join(card_lines(values)).encode())

    @classmethod
    def fields_of(
        cls, fields: Sequence[CsvField], known: Sequence[CsvField]
    ) -> tuple[CsvField, ...]:
        # A card must have a name.
        names = [field for field in known if field.name in ("first_name", "last_name", "name")]
        return tuple(dict.fromkeys([*names, *fields]))


FORMATS: dict[str, type[FileFormat]] = {
    one.name: one for one in (CsvFormat, XlsxFormat, VcardFormat)
}


def write_rows(writer: FileFormat, rows: Iterable[Sequence[str]]) -> None:
    """Write all rows and close the file, or give it up with the error."""
    try:
        for cells in rows:
            writer.write(cells)
    except BaseException:
        writer.discard()
        raise
    writer.close()


def formats_of(fields: Sequence[CsvField]) -> list[type[FileFormat]]:
    """Return the formats in which rows with these fields can be exported: cards of people alone."""
    names = {field.name for field in fields}
    is_somebody = "last_name" in names or bool("name" in names and names & {"email", "phone"})
    return [one for one in FORMATS.values() if is_somebody or one is not VcardFormat]


def _kind(field: CsvField) -> str:
    """Return how the cells of a field are typed in a workbook: “day”, “number”, “flag” or “”."""
    field_type = getattr(field, "field_type", None)
    if not isinstance(field, ValueField) or field_type is None:
        return ""
    if isinstance(field_type, Date):
        return "day"
    if type(field_type) is Integer or isinstance(field_type, Decimal):
        return "number"
    return "flag" if isinstance(field_type, Boolean) else ""


def _day(cell: str) -> datetime.date | None:
    try:
        day = datetime.date.fromisoformat(cell)
    except ValueError:
        return None
    return day if day >= _FIRST_DAY else None
