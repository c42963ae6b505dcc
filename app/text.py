"""Normalize text for storing, searching and sorting.

The result is the same on every database: nothing depends on a collation.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
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
# Characters that nobody sees: Unicode's Default_Ignorable_Code_Point.
_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_IGNORABLE}]")
# The flags of England, Scotland and Wales are spelled with invisible letters.
_INVISIBLE_OR_FLAG = re.compile(
    f"\U0001f3f4[\U000e0061-\U000e007a]{{2,6}}\U000e007f|[{_IGNORABLE}]"
)
# How far the visible character before an invisible one is looked for.
_MAX_LOOK_BACK = 4
_SPACES = re.compile(r"[\s\u2028\u2029]+")
# Combining marks kept per letter, as in Unicode's stream-safe text format. Ordering them takes
# quadratic time, and a form may contain a million.
MAX_MARKS = 30
_LONG_RUN = re.compile(f"[\u0300-\U0010ffff]{{{MAX_MARKS + 1},}}")
# Text in NFC of which nothing but spaces is dropped: what nearly every value consists of.
_PLAIN = re.compile("[ -~\u00a1-\u00ac\u00ae-\u017f‘’“”–—…€]*")
# Letters whose folded form does not depend on what stands beside them.
_LATIN = re.compile("[\x00-\u024f]*")


def clean(value: str) -> str:
    """Return one line of text: NFC, no control characters, single spaces, trimmed."""
    if _PLAIN.fullmatch(value):
        return " ".join(value.split())
    return _SPACES.sub(" ", _normalize("NFC", _drop_invisible(value))).strip()


def clean_lines(value: str) -> str:
    """Return multiline text: like ``clean``, but with line ends and tabs preserved."""
    if _PLAIN.fullmatch(value):
        return value.strip()
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    return _normalize("NFC", _drop_invisible(value)).strip()


def clean_identifier(value: str) -> str:
    """Return a name that must be unique: one line, NFKC, without any invisible character."""
    # The braille blank is empty, though Unicode takes it for visible.
    visible = _INVISIBLE.sub("", _UNWANTED.sub("", value)).replace("\u2800", "")
    return _SPACES.sub(" ", _normalize("NFKC", visible)).strip()


def _drop_invisible(value: str) -> str:
    """Drop the invisible characters, except where a script or an emoji needs them."""
    return _INVISIBLE_OR_FLAG.sub(_keep_if_needed, _UNWANTED.sub("", value))


def _keep_if_needed(match: re.Match[str]) -> str:
    character, text, place = match[0][:1], match.string, match.start()
    if character == "\U0001f3f4":
        return match[0]
    before = text[max(0, place - _MAX_LOOK_BACK) : place]
    before, after = _INVISIBLE.sub("", before)[-1:], text[match.end() : match.end() + 1]
    if not before:
        return ""
    is_needed = False
    if character in "\u200c\u200d":
        # Between letters of Arabic, Persian and the scripts of India, and between emoji.
        is_needed = bool(after) and all(_is_joining(c) or _is_symbol(c) for c in (before, after))
    elif character in "\u200e\u200f\u061c":
        # Beside letters that run from right to left, to place what belongs to neither direction.
        is_needed = any(unicodedata.bidirectional(c) in ("R", "AL") for c in (before, after) if c)
    elif "\ufe00" <= character <= "\ufe0f":
        # The form of an emoji, of a key such as 1\ufe0f\u20e3, of a Chinese character.
        is_needed = _is_symbol(before) or _is_ideograph(before) or after == "\u20e3"
    elif "\U000e0100" <= character <= "\U000e01ef":
        is_needed = _is_ideograph(before)
    elif "\u180b" <= character <= "\u180f":
        is_needed = "\u1820" <= before <= "\u18aa"
    return character if is_needed else ""


def _is_joining(character: str) -> bool:
    """Return True for scripts whose letters take other forms beside each other."""
    return any(
        first <= character <= last
        for first, last in (
            ("\u0600", "\u109f"), ("\u1780", "\u18aa"), ("\u1900", "\u1cff"),
            ("\ua800", "\uabff"), ("\ufb50", "\ufefc"), ("\U00010a00", "\U00011fff"),
            ("\U0001e900", "\U0001e95f"),
        )
    )  # fmt: skip


def _is_symbol(character: str) -> bool:
    """Return True for emoji and other symbols, and for the tones of skin."""
    return unicodedata.category(character) in ("So", "Sm", "Sk") and not character.isascii()


def _is_ideograph(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\U0003ffff"


def _normalize(form: Literal["NFC", "NFKC", "NFKD"], value: str) -> str:
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
    if _LATIN.fullmatch(value):
        return " ".join(value.translate(_folded_letters()).split())
    decomposed = _normalize("NFKD", value.casefold().translate(_REPLACEMENTS))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _SPACES.sub(" ", bare.casefold()).strip()


@cache
def _folded_letters() -> dict[int, str]:
    """Return the folded form of each character that ``_LATIN`` matches."""
    table = {}
    for c in map(chr, range(0x250)):
        decomposed = unicodedata.normalize("NFKD", c.casefold().translate(_REPLACEMENTS))
        table[ord(c)] = "".join(d for d in decomposed if not unicodedata.combining(d)).casefold()
    return table


def sort_key(value: str) -> str:
    """Return the sort key of ``value``: like ``fold``, but with ñ between n and o."""
    # "~" follows every letter in ASCII, so "n~" sorts after "nz" and before "o".
    if not _LATIN.fullmatch(value):
        value = _normalize("NFC", value)
    value = value.casefold().replace("ñ", "n\x01")
    if "\x01" not in value and not value.isspace():
        return fold(value)[:200]
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
