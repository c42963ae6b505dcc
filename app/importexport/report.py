"""The result of an import: counts, errors and samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OUTCOMES = ("new", "updated", "unchanged", "skipped", "conflict", "invalid")
# Those of rows that are in, or will be.
ACCEPTED = frozenset({"new", "updated", "unchanged"})
MAX_ERRORS = 10_000
MAX_SAMPLES = 20
MAX_NEW_SAMPLES = 5
# Values to be created that are named for each field; of more it is only said that there are more.
MAX_CREATED = 200


@dataclass
class Report:
    """Counts of the outcomes of the rows, and the reasons of the rejected ones."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    # Nobody but a person can say which stored row, if any, it is about.
    conflict: int = 0
    invalid: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    errors_left_off: int = 0
    # Name of a rule → rows that found their stored row by it.
    matched: dict[str, int] = field(default_factory=dict)
    # A few updates as {row, name, changes: [{field, old, new}]}, for the preview.
    samples: list[dict[str, Any]] = field(default_factory=list)
    # Label of a field → values that are, or would be, created.
    created_values: dict[str, list[str]] = field(default_factory=dict)

    # Labels of the fields of which more values are created than are named.
    created_more: list[str] = field(default_factory=list)
    # The first new rows as they would be stored: {row, name, values: [{field, value}]}.
    new_samples: list[dict[str, Any]] = field(default_factory=list)
    # Fields that an empty cell erases.
    erased: int = 0
    # Rows whose stored row was changed by somebody else since the check.
    changed_since: int = 0
    # Rows whose item is in the trash and stays there, and those that restore it.
    trashed: int = 0
    restored: int = 0
    # The greatest id of a stored row when the check began.
    last_id: int = 0

    @property
    def rows(self) -> int:
        """Return how many rows were read."""
        return sum(getattr(self, outcome) for outcome in OUTCOMES)

    def count(self, outcome: str) -> None:
        """Count one row."""
        setattr(self, outcome, getattr(self, outcome) + 1)

    def begin_with_rejected(self, checked: Report) -> None:
        """Take over from the report of the check what is not imported, and what is created."""
        for outcome in OUTCOMES:
            if outcome not in ACCEPTED:
                setattr(self, outcome, getattr(checked, outcome))
        self.errors, self.errors_left_off = checked.errors, checked.errors_left_off
        self.created_values, self.matched = checked.created_values, checked.matched
        self.created_more, self.erased = checked.created_more, 0
        self.trashed = checked.trashed

    def add_created(self, label: str, value: str) -> None:
        """Name a value of a field that is, or would be, created."""
        values = self.created_values.setdefault(label, [])
        if value in values:
            return
        if len(values) < MAX_CREATED:
            values.append(value)
        elif label not in self.created_more:
            self.created_more.append(label)

    def add_error(self, row: int, field_name: str, reason: str) -> None:
        """Add the reason why a row, or a cell of it, was rejected."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append({"row": row, "field": field_name, "reason": reason})
        else:
            self.errors_left_off += 1

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a JSON-serializable dictionary."""
        data: dict[str, Any] = {outcome: getattr(self, outcome) for outcome in OUTCOMES}
        data |= {"rows": self.rows, "errors": self.errors}
        if self.errors_left_off:
            data["errors_left_off"] = self.errors_left_off
        if self.created_values:
            data["created_values"] = self.created_values
        if self.created_more:
            data["created_more"] = self.created_more
        if self.erased:
            data["erased"] = self.erased
        for name in ("trashed", "restored"):
            if getattr(self, name):
                data[name] = getattr(self, name)
        if self.matched:
            data["matched"] = self.matched
        return data

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads: all but the errors."""
        names: tuple[str, ...] = OUTCOMES
        names += ("matched", "samples", "new_samples", "created_values", "created_more")
        names += ("erased", "trashed", "restored", "changed_since", "last_id")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Report:
        """Return the report that ``to_json`` wrote."""
        return cls(**data)
