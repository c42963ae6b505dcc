"""The state of one row of a file during an import."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.importexport.lookups import LinkedRow, UnknownName
from app.importexport.reading import SourceRow


@dataclass(slots=True)
class ImportRow:
    """One row of the file: its parsed values, the stored row it matches, and its outcome."""

    source: SourceRow
    # Column key → parsed value.
    values: dict[str, Any] = field(default_factory=dict)
    # The id and the version of the stored row that the row of an exported file names.
    given_id: int | None = None
    given_version: int | None = None
    # Field name → text that names one or many other rows.
    texts: dict[str, str] = field(default_factory=dict)
    # Field name → the row or rows that text names.
    links: dict[str, LinkedRow] = field(default_factory=dict)
    many: dict[str, list[LinkedRow]] = field(default_factory=dict)
    # (field name, reason) of everything that is wrong.
    problems: list[tuple[str, str]] = field(default_factory=list)
    # Field name → the text that is no value of it, which other rows may have, too.
    wrong_texts: dict[str, str] = field(default_factory=dict)
    # Whether its stored row is in the trash; whether it comes back from there.
    is_trashed: bool = False
    is_restored: bool = False
    # One of ``report.OUTCOMES``; empty until it is known.
    outcome: str = ""
    # The name of the rule by which it found its stored row; empty for a new one.
    rule: str = ""
    # Whether the two agree in all that identifies them.
    is_exact: bool = False
    # Field name → the text that names a row of the same model which no stored row has.
    unknown: dict[str, str] = field(default_factory=dict)
    stored: dict[str, Any] | None = None
    row_id: int = 0
    # The version of its stored row when it was compared; 0 for a new one.
    was_version: int = 0
    # Field key → (old, new), as values, LinkedRows or lists of LinkedRows.
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def reject(self, outcome: str, field_name: str, reason: object) -> None:
        """Record why the row is not imported; ``outcome`` is “invalid”, “conflict” or “skipped”."""
        self.problems.append((field_name, str(reason)))
        if isinstance(reason, UnknownName) and reason.text:
            self.wrong_texts[field_name] = reason.text
        self.outcome = outcome
