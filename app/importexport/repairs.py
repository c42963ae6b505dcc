"""What a user has decided about the problems of a file: other texts, values to create, the trash."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.importexport.fields import CsvField, ManyToManyField
from app.importexport.lookups import Lookup, join_list, split_list
from app.importexport.reading import SourceRow

# A longer text of a cell is corrected in the file.
MAX_TEXT = 200
# So many cells and values can be corrected on the page; whoever has more corrects the file.
MAX_DECISIONS = 1_000


@dataclass
class Repairs:
    """The decisions, by the places of the columns. Without any, every row stays as it is."""

    # Place of a column → text of a cell, or of one of its values → what is read instead.
    texts: dict[int, dict[str, str]] = field(default_factory=dict)
    # Number of a row → place of a column → what is read instead.
    cells: dict[int, dict[int, str]] = field(default_factory=dict)
    # Place of a column → names that are created.
    created: dict[int, list[str]] = field(default_factory=dict)
    # Whether all rows whose item is in the trash restore it, or the numbers of those that do.
    restores_all: bool = False
    restored: frozenset[int] = frozenset()

    def restores(self, number: int) -> bool:
        """Return True if a row restores the item it is about, if that is in the trash."""
        return self.restores_all or number in self.restored

    def apply(
        self,
        rows: Iterable[SourceRow],
        mapping: dict[int, CsvField | None],
        lookups: dict[str, Lookup],
    ) -> list[SourceRow]:
        """Return the rows of a file as they were corrected."""
        if not self.texts and not self.cells:
            return list(rows)
        lists = {
            place: lookups[one.name]
            for place, one in mapping.items()
            if isinstance(one, ManyToManyField)
        }
        return [self._corrected(row, lists) for row in rows]

    def _with_cells(self, row: SourceRow, cells: list[str]) -> SourceRow:
        for place, text in self.cells.get(row.number, {}).items():
            if place < len(cells):
                cells[place] = text
        return row._replace(cells=cells)

    def _corrected(self, row: SourceRow, lists: dict[int, Lookup]) -> SourceRow:
        cells = list(row.cells)
        row = self._with_cells(row, cells)
        for place, texts in self.texts.items():
            if place >= len(cells):
                continue
            stripped = cells[place].strip()
            if place in lists:
                parts = split_list(stripped, lists[place]) if stripped else []
                if not texts.keys().isdisjoint(parts):
                    cells[place] = join_list(filter(None, (texts.get(one, one) for one in parts)))
            elif stripped in texts:
                cells[place] = texts[stripped]
        return row

    def to_json(self) -> dict[str, Any]:
        """Return the decisions as a plan stores them."""
        return {
            "texts": {str(place): texts for place, texts in self.texts.items()},
            "cells": {
                str(number): {str(place): text for place, text in cells.items()}
                for number, cells in self.cells.items()
            },
            "created": {str(place): names for place, names in self.created.items()},
            "restores_all": self.restores_all,
            "restored": sorted(self.restored),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Repairs:
        """Return the decisions that ``to_json`` wrote."""
        return cls(
            texts={int(place): texts for place, texts in data["texts"].items()},
            cells={
                int(number): {int(place): text for place, text in cells.items()}
                for number, cells in data["cells"].items()
            },
            created={int(place): names for place, names in data["created"].items()},
            restores_all=data["restores_all"],
            restored=frozenset(data["restored"]),
        )

    @classmethod
    def from_choices(cls, choices: dict[str, Any], headers: list[str]) -> Repairs:
        """Return the decisions of a page, which names columns by their headers.

        Those about a column that the file does not have are left out.
        """
        places = {header: place for place, header in enumerate(headers)}
        cells = {
            int(number): {
                places[header]: text for header, text in cells.items() if header in places
            }
            for number, cells in choices.get("cells", {}).items()
        }
        return cls(
            texts={
                places[header]: texts
                for header, texts in choices.get("texts", {}).items()
                if header in places
            },
            cells=cells,
            created={
                places[header]: names
                for header, names in choices.get("created", {}).items()
                if header in places
            },
            restores_all=bool(choices.get("restores_all")),
            restored=frozenset(choices.get("restored", ())),
        )
