"""What a run chooses at random, by one number that it prints: the order, and what is sampled.

The same number, given as ``PADRON_TEST_SEED``, chooses the same again. ``PADRON_TEST_FULL=1`` runs
what is sampled otherwise in full.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

IS_FULL = os.environ.get("PADRON_TEST_FULL") == "1"
# Set in the environment, so that the workers of pytest-xdist choose as the first process does.
SEED = os.environ.setdefault("PADRON_TEST_SEED", str(random.SystemRandom().randrange(10**6)))

Value = TypeVar("Value")


def chance(purpose: str) -> random.Random:
    """Return a source of random numbers that depends on the seed and on what it is for alone."""
    return random.Random(f"{SEED} {purpose}")


def is_chosen(name: str, share: float) -> bool:
    """Say whether this run's sample of a certain share has something, known by its name, in it."""
    # Asked for each test function: a checksum takes a tenth of the time of a source of numbers.
    return IS_FULL or crc32(f"{SEED} {name}".encode()) < share * 2**32


def some(values: Sequence[Value], how_many: int, purpose: str) -> list[Value]:
    """Return so many of the values, chosen by the seed, in their order; or all of them."""
    if IS_FULL or how_many >= len(values):
        return list(values)
    places = chance(purpose).sample(range(len(values)), how_many)
    return [values[place] for place in sorted(places)]
