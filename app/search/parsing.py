"""Read what is typed into a search box: words, telephone numbers, dates, member numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from app.i18n.dates import WORDED_DATE, parse_date
from app.i18n.formats import is_day_first
from app.text import clean, fold, is_phone, phone_digits

# Longer queries are cut: no name is that long.
MAX_QUERY_LENGTH = 200
MAX_TERMS = 10
# Fewer digits are searched for as they are: they may be part of a member number.
MIN_PHONE_DIGITS = 5

# “N.º 47”, “No. 47”, “#47”, folded.
_NUMBER = re.compile(
    r"(?:(?<=\s)|^)(?:n\.? ?[o°](?:\. ?| |(?=\d))|n\.[o°]|num(?:\. ?| )|# ?)(?=[\w-]*\d)([\w-]+)"
)
_BREAKS = re.compile(r"[\s,;]+")
# Inside a word; an e-mail address is not split.
_INNER_BREAKS = re.compile(r"[-/'.·()]+")
_EDGES = re.compile(r"^[^\w]+|[^\w]+$|^_+|_+$")

# A term is found by any of its spellings.
Term = tuple[str, ...]


@dataclass(frozen=True)
class SearchQuery:
    """What a row must match: all of the terms, all of the dates and all of the numbers."""

    terms: tuple[Term, ...] = ()
    dates: tuple[date, ...] = ()
    numbers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms or self.dates or self.numbers)


def parse_query(typed: str) -> SearchQuery:
    """Return what is searched for; dates are read in the order of the reader."""
    text = fold(clean(typed)[:MAX_QUERY_LENGTH])
    dates: list[date] = []

    def take_date(match: re.Match[str]) -> str:
        day = parse_date(match[0].rstrip(","), is_day_first())
        if day is None:
            return match[0]
        dates.append(day)
        return " "

    rest = WORDED_DATE.sub(take_date, text)
    rest = re.sub(r"(?<!\S)[\d./-]+,?(?!\S)", take_date, rest)
    numbers: list[str] = []

    def take_number(match: re.Match[str]) -> str:
        if not match[1].isdigit():
            return match[1]
        numbers.append(match[1])
        return " "

    rest = _NUMBER.sub(take_number, rest).strip()
    if is_phone(rest) and (spellings := _phone_spellings(rest)):
        terms: tuple[Term, ...] = (spellings,)
    else:
        terms = split_words(rest)
    return SearchQuery(terms, tuple(dict.fromkeys(dates)), tuple(dict.fromkeys(numbers)))


def split_words(text: str) -> tuple[Term, ...]:
    """Return the words of a text, at most 10, without the punctuation around them."""
    text = fold(clean(text)[:MAX_QUERY_LENGTH])
    terms: list[Term] = []
    for word in _BREAKS.split(text):
        if is_phone(word) and (spellings := _phone_spellings(word)):
            terms.append(spellings)
            continue
        parts = [word] if "@" in word else _INNER_BREAKS.split(word)
        terms += [(part,) for part in (_EDGES.sub("", part) for part in parts) if part]
    if not terms:
        # Nothing but punctuation is searched for as it is.
        terms = [(word,) for word in text.split()]
    return tuple(dict.fromkeys(terms))[:MAX_TERMS]


def _phone_spellings(text: str) -> Term:
    """Return the digits of a telephone number and, if it has no spaces, its text; () if short."""
    found = phone_digits(text)
    if len(found[0]) < MIN_PHONE_DIGITS:
        return ()
    as_typed = () if " " in text else (text.strip("()./-+"),)
    return tuple(dict.fromkeys((*found, *as_typed)))
