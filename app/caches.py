"""A cache of a limited size."""

from __future__ import annotations

from typing import Any


class LatestOnly(dict[Any, Any]):
    """A dictionary that is emptied when it is full."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self) >= self.size:
            self.clear()
        super().__setitem__(key, value)
