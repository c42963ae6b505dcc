"""How far an import has come: written around each chunk, readable after the death of its process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.importexport.report import OUTCOMES, Report


class ImportProgress:
    """The rows of the file that are in, and those of the chunk that is being written.

    ``write`` is called with {"row", "until", counts}: the last row that is in, the last row of
    the chunk. They differ if the process dies between the two calls; then nobody knows whether
    that chunk was committed.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        self.write = write
        self.report = Report()
        # Last rows of the file, as its reader counts them.
        self.row = self.until = 0

    @property
    def has_begun(self) -> bool:
        """Return True if rows are, or may be, in."""
        return self.until > 0

    def begin_chunk(self, last_row: int) -> None:
        """Write which rows are about to be imported."""
        self.until = last_row
        self._write()

    def end_chunk(self) -> None:
        """Write that the chunk is committed."""
        self.row = self.until
        self._write()

    def to_dict(self) -> dict[str, Any]:
        """Return the progress as ``write`` gets it."""
        counts = {outcome: getattr(self.report, outcome) for outcome in OUTCOMES}
        return {"row": self.row, "until": self.until, "counts": counts}

    def _write(self) -> None:
        self.write(self.to_dict())
