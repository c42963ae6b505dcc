"""Text as people type it, made fit to keep, to find and to sort.

The same rules on every database: nothing here depends on a collation.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

# Letters that look like an accented letter and have no decomposition in Unicode.
_PLAIN = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i",
     "’": "'", "‘": "'", "´": "'", "`": "'", "ʼ": "'", "–": "-", "—": "-", "‐": "-", "‑": "-"}
)  # fmt: skip
# C0 and C1 controls, lone surrogates, bidi overrides and isolates, BOM, line separators.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
_SPACES = re.compile(r"[\s\u2028\u2029]+")
# Marks a letter may bear: as many as Unicode's own "stream-safe" text. To put them in order takes
# the square of their number, and a form holds a million.
MOST_MARKS = 30
_LONG_RUN = re.compile(f"[\u0300-\U0010ffff]{{{MOST_MARKS + 1},}}")


def clean(value: str) -> str:
    """Return one line of text: NFC, no control characters, single spaces, trimmed."""
    return _SPACES.sub(" ", _normal("NFC", _UNWANTED.sub("", value))).strip()


def clean_lines(value: str) -> str:
    """Return text of several lines: as ``clean``, but line ends and tabs are kept."""
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    return _normal("NFC", _UNWANTED.sub("", value)).strip()


def _normal(form: Literal["NFC", "NFKD"], value: str) -> str:
    """Return ``value`` in one of Unicode's forms, in time that grows with its length alone."""
    thin = _LONG_RUN.sub(_without_heaps, value)
    return _LONG_RUN.sub(_without_heaps, unicodedata.normalize(form, thin))


def _without_heaps(run: re.Match[str]) -> str:
    kept, marks = [], 0
    for c in run[0]:
        marks = marks + 1 if unicodedata.combining(c) else 0
        if marks <= MOST_MARKS:
            kept.append(c)
    return "".join(kept)


def fold(value: str) -> str:
    """Return ``value`` as the search compares it: no accents, no case, one space."""
    decomposed = _normal("NFKD", value.casefold().translate(_PLAIN))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _SPACES.sub(" ", bare.casefold()).strip()


def sort_key(value: str) -> str:
    """Return the key ``value`` is sorted by: as ``fold``, with ñ between n and o."""
    # "~" follows every letter in ASCII, so "n~" sorts after "nz" and before "o".
    value = _normal("NFC", value).casefold().replace("ñ", "n\x01")
    return fold_keeping_mark(value)[:200]


def fold_keeping_mark(value: str) -> str:
    """Fold, writing the mark that ``sort_key`` left behind as ``~``."""
    return "~".join(fold(part) if part.strip() else part for part in value.split("\x01"))


def digits(value: str) -> str:
    """Return only the digits of ``value``."""
    return "".join(c for c in value if c.isascii() and c.isdigit())


def like(value: str) -> str:
    """Return ``value`` with the wildcards of LIKE escaped by a backslash."""
    return re.sub(r"([\\%_])", r"\\\1", value)
