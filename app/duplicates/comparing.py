"""Compare two contacts: what they have in common, in words and as a score. Nothing is learned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Any

from app.duplicates.models import (
    FIRST_NAME_SHORT,
    NICKNAME,
    SAME_ADDRESS,
    SAME_BIRTH_DATE,
    SAME_EMAIL,
    SAME_NAME,
    SAME_PHONE,
    SAME_TOWN,
    SPELLED,
    SURNAME_MISSING,
    SWAPPED,
)
from app.duplicates.nicknames import NICKNAMES
from app.text import fold

# The columns that are compared.
COMPARED = (
    "first_name", "last_name", "email", "phone", "mobile", "secondary_phone", "birth_date",
    "street", "postcode", "city",
)  # fmt: skip
# The least score of a pair that is worth a look.
MIN_SCORE = 50
# What each likeness of the names is worth, and each fact beside them.
_NAME_SCORES = {
    SAME_NAME: 40, NICKNAME: 35, SPELLED: 30, SWAPPED: 30, SURNAME_MISSING: 25,
    FIRST_NAME_SHORT: 20,
}  # fmt: skip
_EMAIL, _PHONE, _BIRTH_DATE, _OTHER_BIRTH_DATE, _SWAPPED_BIRTH_DATE = 45, 40, 45, -50, 20
_TOWN, _POSTCODE, _ADDRESS = 20, 25, 30
# A surname of very many says little, one of two people says a lot.
FREQUENT, RARE = -15, 10

_PARTICLES = frozenset("de del la las los el y i e da do dos van von der den di of".split())
_NOT_DIGITS = re.compile(r"\D+", re.ASCII)
_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is compared of a contact, folded."""

    id: int
    first: tuple[str, ...]
    last: tuple[str, ...]
    email: str
    phones: frozenset[str]
    birth_date: date | None
    street: str
    postcode: str
    town: str


def surname_of(last: str | tuple[str, ...]) -> str:
    """Return all surnames as one folded text."""
    return " ".join(_words(last) if isinstance(last, str) else last)


def read_facts(row: Any) -> Facts:
    """Return the facts of a row with ``id`` and the compared columns."""
    phones = (row.phone, row.mobile, row.secondary_phone)
    return Facts(
        row.id,
        _words(row.first_name or ""),
        _words(row.last_name or ""),
        (row.email or "").casefold(),
        frozenset([_NOT_DIGITS.sub("", phone) for phone in phones if phone]),
        row.birth_date,
        row.street or "",
        (row.postcode or "").replace(" ", "").upper(),
        _place(row.city or ""),
    )


@lru_cache(maxsize=10_000)
def _place(name: str) -> str:
    return fold(name)


@lru_cache(maxsize=100_000)
def _words(name: str) -> tuple[str, ...]:
    """Return the folded words of a name, without “de la”; all of them if nothing else is left."""
    words = tuple(_WORDS.findall(fold(name)))
    return tuple(word for word in words if word not in _PARTICLES) or words


@lru_cache(maxsize=100_000)
def canonical(word: str) -> str:
    """Return the first name that a short form stands for."""
    return NICKNAMES.get(word, word)


_SOUNDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"ph", "f"), (r"^h|(?<![csp])h", ""), (r"qu(?=[ei])|[qck](?![eih])|ck", "k"),
        (r"c(?=[ei])|z|ç", "s"), (r"g(?=[ei])|x", "j"), (r"gu(?=[ei])", "g"), (r"ll", "y"),
        (r"v|w", "b"), (r"tx|tch", "ch"), (r"ee|ie", "i"), (r"(.)\1+", r"\1"),
    )
)  # fmt: skip


@lru_cache(maxsize=100_000)
def sound(word: str) -> str:
    """Return how a word sounds, roughly: Giménez and Jiménez, Balle and Valle are the same."""
    for pattern, replacement in _SOUNDS:
        word = pattern.sub(replacement, word)
    return word


@lru_cache(maxsize=100_000)
def skeleton(word: str) -> str:
    """Return the first letter and the consonants of how a word sounds."""
    heard = sound(word)
    return heard[:1] + re.sub("[aeiouy]", "", heard[1:])


def facts_digest(one: Facts, other: Facts) -> str:
    """Return a digest of what is compared of two contacts: e-mails, phones, names, birth dates."""
    parts = [
        (facts.first, facts.last, facts.email, sorted(facts.phones), str(facts.birth_date))
        for facts in sorted((one, other), key=lambda facts: facts.id)
    ]
    return sha256(repr(parts).encode()).hexdigest()


def compare(one: Facts, other: Facts, weight: int = 0) -> tuple[int, int]:
    """Return (score, reasons) of two contacts; (0, 0) if they are surely not the same person.

    ``weight`` is what the frequency of their surnames adds. Other first names at one address,
    or with one e-mail, are a family.
    """
    has_email = bool(one.email) and one.email == other.email
    has_phone = not one.phones.isdisjoint(other.phones)
    added, bits = _compare_birth_dates(one.birth_date, other.birth_date)
    if added == _OTHER_BIRTH_DATE and not (has_email or has_phone):
        # Nothing else makes up for it: of most pairs the names need not be compared.
        return 0, 0
    likeness = compare_names(one, other)
    if likeness == 0:
        return 0, 0
    # The weakest likeness of the name decides.
    score = min(worth for bit, worth in _NAME_SCORES.items() if likeness & bit)
    score, reasons = score + weight + added, likeness | bits
    if has_email:
        score, reasons = score + _EMAIL, reasons | SAME_EMAIL
    if has_phone:
        score, reasons = score + _PHONE, reasons | SAME_PHONE
    added, bits = _compare_places(one, other)
    score, reasons = score + added, reasons | bits
    return (score, reasons) if score >= MIN_SCORE else (0, 0)


def _compare_birth_dates(one: date | None, other: date | None) -> tuple[int, int]:
    if one is None or other is None:
        return 0, 0
    if one == other:
        return _BIRTH_DATE, SAME_BIRTH_DATE
    if (one.year, one.month, one.day) == (other.year, other.day, other.month):
        return _SWAPPED_BIRTH_DATE, 0
    return _OTHER_BIRTH_DATE, 0


def _compare_places(one: Facts, other: Facts) -> tuple[int, int]:
    is_same_code = bool(one.postcode) and one.postcode == other.postcode
    if (
        one.street
        and fold(one.street) == fold(other.street)
        and (is_same_code or one.town == other.town)
    ):
        return _ADDRESS, SAME_ADDRESS
    if is_same_code:
        return _POSTCODE, SAME_TOWN
    return (_TOWN, SAME_TOWN) if one.town and one.town == other.town else (0, 0)


def compare_names(one: Facts, other: Facts) -> int:
    """Return how two names are alike, as bits of reasons; 0 if they are not."""
    if one.first == other.first and one.last == other.last:
        return SAME_NAME
    first, last = _compare_first(one.first, other.first), _compare_last(one.last, other.last)
    if first and last:
        return (first | last) & ~SAME_NAME or SAME_NAME
    words = [sorted(map(sound, (*facts.first, *facts.last))) for facts in (one, other)]
    # First name and surname were typed into each other's field.
    return SWAPPED if words[0] == words[1] and one.first and other.first else 0


def _compare_first(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    if one == other:
        return SAME_NAME
    if not one or not other:
        return FIRST_NAME_SHORT
    names = tuple(map(canonical, one)), tuple(map(canonical, other))
    if names[0] == names[1]:
        return NICKNAME
    if "".join(map(sound, one)) == "".join(map(sound, other)):
        return SPELLED
    short, long = sorted(names, key=len)
    if len(short) < len(long) and long[: len(short)] == short:
        return FIRST_NAME_SHORT
    if len(one) == len(other) == 1 or len(short[0]) == 1:
        if 1 in (len(one[0]), len(other[0])):
            return FIRST_NAME_SHORT if one[0][0] == other[0][0] else 0
        return SPELLED if _is_typo("".join(one), "".join(other)) else 0
    return SPELLED if _is_typo(" ".join(one), " ".join(other)) else 0


def _compare_last(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    if one == other:
        return SAME_NAME
    heard = tuple(map(sound, one)), tuple(map(sound, other))
    if heard[0] == heard[1]:
        return SPELLED
    if sorted(heard[0]) == sorted(heard[1]):
        return SWAPPED
    short, long = sorted(heard, key=len)
    if len(short) < len(long) and short and (long[: len(short)] == short or long[-1:] == short):
        return SURNAME_MISSING
    return SPELLED if _is_typo(" ".join(one), " ".join(other)) else 0


def _is_typo(one: str, other: str) -> bool:
    """Return True for texts that differ by a letter, long ones by two."""
    longest = max(len(one), len(other))
    allowed = 0 if longest < 5 else 1 if longest < 10 else 2
    if not allowed or abs(len(one) - len(other)) > allowed:
        return False
    return _distance(one, other) <= allowed


def _distance(one: str, other: str) -> int:
    """Return how many letters are wrong, missing, too many or in each other's place."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        previous, row = row, [i]
        for j, against in enumerate(other, 1):
            cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (letter != against))
            is_swapped = i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against
            row.append(min(cost, before[j - 2] + 1) if is_swapped else cost)
        before = previous
    return row[-1]


# What contacts are brought together by; those of a kind with the same key are compared.
KINDS = ("email", "phone", "birth_first", "birth_last", "name", "name_town", "surname_town")


def keys_of(facts: Facts) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield (number of the kind, key) of everything a contact is compared by."""
    if facts.email:
        yield 0, (facts.email,)
    for phone in facts.phones:
        yield 1, (phone,)
    first = skeleton(canonical(facts.first[0])) if facts.first else ""
    last = skeleton(facts.last[0]) if facts.last else ""
    if facts.birth_date:
        yield 2, (facts.birth_date, first)
        yield 3, (facts.birth_date, last)
    words = [sound(canonical(word)) for word in facts.first] + list(map(sound, facts.last))
    if len(words) > 1:
        yield 4, tuple(sorted(words))
    place = facts.town or facts.postcode
    if place:
        bones = [skeleton(canonical(word)) for word in facts.first]
        yield 5, (place, *sorted([*bones, *map(skeleton, facts.last)]))
        yield 6, (place, first, last)


_DIGEST_BYTES = 7
# Above every number that ``digests_of`` returns.
KEY_END = len(KINDS) << 8 * _DIGEST_BYTES


def digests_of(facts: Facts) -> set[int]:
    """Return a number for each key of a contact; it says of which kind the key is."""
    return {
        int.from_bytes(blake2b(repr(key).encode(), digest_size=_DIGEST_BYTES).digest(), "big")
        * len(KINDS)
        + kind
        for kind, key in keys_of(facts)
    }
