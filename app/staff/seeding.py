"""What a new database begins with: each room adds a function that fills what is empty."""

from __future__ import annotations

from collections.abc import Callable

# Each is called with whether demo data is wanted, and does nothing when it finds contents.
STARTING: list[Callable[[bool], None]] = []
