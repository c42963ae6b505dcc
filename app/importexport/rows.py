"""What is known of one row of a file on its way to the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.importexport.lookups import Ref
from app.importexport.reading import SourceRow


@dataclass
class Draft:
    """What is known of one row of the file."""

    row: SourceRow
    values: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    links: dict[str, Ref] = field(default_factory=dict)
    many: dict[str, list[Ref]] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    outcome: str = ""
    key: Any = None
    stored: dict[str, Any] | None = None
    row_id: int = 0
    # Field key → (old, new), as values, Refs or lists of Refs.
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def refuse(self, outcome: str, field_name: str, reason: object) -> None:
        """Note why the row is not taken over."""
        self.problems.append((field_name, str(reason)))
        self.outcome = outcome
