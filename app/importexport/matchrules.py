"""By what a row of a file finds the stored row it is about, and how far the two agree."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


@dataclass(frozen=True)
class MatchRule:
    """A rule by which a row of the file finds the stored row it updates."""

    name: str
    label: Any
    # Names of the fields that must be mapped.
    required_fields: tuple[str, ...]
    # Whether a row of the file that names an entity finds only rows of that entity.
    within_entity: bool = False
    # Whether rows in the trash are not found: its index is without them.
    only_live: bool = False


class Agreement(IntEnum):
    """What else a row of a file and a stored row with the same key say of each other."""

    # They contradict each other: it is another one.
    OTHER = 0
    # They contradict each other, though the key should be theirs alone: somebody must decide.
    DOUBTFUL = 1
    # Nothing contradicts, but one knows more than the other.
    LIKELY = 2
    # All that identifies them is the same.
    EXACT = 3
