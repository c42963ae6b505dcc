"""What an import did, row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OUTCOMES = ("new", "updated", "unchanged", "skipped", "invalid")
MOST_ERRORS = 10_000
MOST_SAMPLES = 20


@dataclass
class Report:
    """Counts of what became of the rows, and the reasons of those that were refused."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    invalid: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    errors_left_off: int = 0
    # A few updates as {row, name, changes: [{field, old, new}]}, to look at before deciding.
    samples: list[dict[str, Any]] = field(default_factory=list)
    # Label of a field → values that are, or would be, created.
    created_values: dict[str, list[str]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Return how many rows were looked at."""
        return sum(getattr(self, outcome) for outcome in OUTCOMES)

    def count(self, outcome: str) -> None:
        """Count one row."""
        setattr(self, outcome, getattr(self, outcome) + 1)

    def refuse(self, row: int, field_name: str, reason: str) -> None:
        """Note why a row, or a cell of it, was refused."""
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"row": row, "field": field_name, "reason": reason})
        else:
            self.errors_left_off += 1

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        found: dict[str, Any] = {outcome: getattr(self, outcome) for outcome in OUTCOMES}
        found |= {"rows": self.rows, "errors": self.errors}
        if self.errors_left_off:
            found["errors_left_off"] = self.errors_left_off
        if self.created_values:
            found["created_values"] = self.created_values
        return found
