"""Write the rows an import rejected to a file that can be corrected and imported."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from flask_babel import gettext as _

from app.importexport.formula_escape import escape_formula
from app.importexport.reading import SourceRow


class RejectedRowsFile:
    """A CSV file of rejected rows; it is created with the first row."""

    def __init__(self, path: Path, headers: list[str], delimiter: str) -> None:
        self.path = path
        self.headers = headers
        self.delimiter = delimiter
        self.file: IO[str] | None = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.file is not None:
            self.file.close()

    def add(self, row: SourceRow, reasons: list[str]) -> None:
        """Write one row, with the reasons in an extra column after the headers."""
        if self.file is None:
            self.file = self.path.open("w", encoding="utf-8-sig", newline="")
            self._write([*self.headers, _("Problem")])
        width = len(self.headers)
        cells = [*row.cells, *[""] * (width - len(row.cells))]
        # Cells beyond the last header follow the reasons.
        self._write([*cells[:width], " ".join(reasons), *cells[width:]])

    def _write(self, cells: list[str]) -> None:
        assert self.file is not None
        writer = csv.writer(self.file, delimiter=self.delimiter)
        writer.writerow([escape_formula(cell) for cell in cells])
