"""Normalize text for storing, searching and sorting.

The result is the same on every database: nothing depends on a collation.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

# Letters that look like an accented letter and have no decomposition in Unicode.
_REPLACEMENTS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i",
     "’": "'", "‘": "'", "´": "'", "`": "'", "ʼ": "'", "–": "-", "—": "-", "‐": "-", "‑": "-"}
)  # fmt: skip
# C0 and C1 controls, lone surrogates, bidi overrides and isolates, BOM, line separators.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
_SPACES = re.compile(r"[\s\u2028\u2029]+")
# Combining marks kept per letter, as in Unicode's stream-safe text format. Ordering them takes
# quadratic time, and a form may contain a million.
MAX_MARKS = 30
_LONG_RUN = re.compile(f"[\u0300-\U0010ffff]{{{MAX_MARKS + 1},}}")


def clean(value: str) -> str:
    """Return one line of text: NFC, no control characters, single spaces, trimmed."""
    return _SPACES.sub(" ", _normalize("NFC", _UNWANTED.sub("", value))).strip()


def clean_lines(value: str) -> str:
    """Return multiline text: like ``clean``, but with line ends and tabs preserved."""
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    return _normalize("NFC", _UNWANTED.sub("", value)).strip()


def _normalize(form: Literal["NFC", "NFKD"], value: str) -> str:
    """Return ``value`` in a Unicode normalization form, in linear time."""
    limited = _LONG_RUN.sub(_limit_marks, value)
    return _LONG_RUN.sub(_limit_marks, unicodedata.normalize(form, limited))


def _limit_marks(run: re.Match[str]) -> str:
    result, marks = [], 0
    for c in run[0]:
        marks = marks + 1 if unicodedata.combining(c) else 0
        if marks <= MAX_MARKS:
            result.append(c)
    return "".join(result)


def fold(value: str) -> str:
    """Return ``value`` for comparing: without accents, lower case, single spaces."""
    decomposed = _normalize("NFKD", value.casefold().translate(_REPLACEMENTS))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _SPACES.sub(" ", bare.casefold()).strip()


def sort_key(value: str) -> str:
    """Return the sort key of ``value``: like ``fold``, but with ñ between n and o."""
    # "~" follows every letter in ASCII, so "n~" sorts after "nz" and before "o".
    value = _normalize("NFC", value).casefold().replace("ñ", "n\x01")
    return _fold_with_marker(value)[:200]


def _fold_with_marker(value: str) -> str:
    """Fold ``value``; replace the marker that ``sort_key`` inserted with ``~``."""
    return "~".join(fold(part) if part.strip() else part for part in value.split("\x01"))


def digits(value: str) -> str:
    """Return only the digits of ``value``."""
    return "".join(c for c in value if c.isascii() and c.isdigit())


# A telephone number as people write it: “+34 912-345-678”, “(912) 345.678”, “0034912345678 ext. 2”.
_PHONE = re.compile(r"(?:tel:)?\+?[\d\s()+./·\-]*\d[\d\s()+./·\-]*")
_EXTENSION = re.compile(r"[\s;,]*(?:ext\.?|extension|x)[\s=.]*\d{1,7}$")


def is_phone(text: str) -> bool:
    """Return True if a folded text can be a telephone number, or part of one."""
    return bool(_PHONE.fullmatch(_EXTENSION.sub("", text)))


def phone_digits(text: str) -> tuple[str, ...]:
    """Return the digits to look for in stored numbers (E.164) to find a typed number, any of them.

    The prefix 00 stands for +, and the 0 that begins national numbers is not stored.
    """
    bare = _EXTENSION.sub("", fold(text))
    # “+44 (0)20…”: the 0 in brackets is only dialled at home.
    if bare.lstrip().startswith(("+", "00")):
        bare = re.sub(r"\(\s*0\s*\)", "", bare)
        return (digits(bare).removeprefix("00"),)
    found = digits(bare)
    # A part of a number may begin with 0, too.
    return (found, found.lstrip("0")) if found.startswith("0") and found.strip("0") else (found,)


def escape_like(value: str) -> str:
    """Escape the wildcards of LIKE with a backslash."""
    return re.sub(r"([\\%_])", r"\\\1", value)
