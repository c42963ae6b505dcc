"""Recognize names that look alike: letters of other alphabets, invisible characters.

Unicode's confusables (UTS 39), as far as they resemble Latin letters. Digits and letters of ASCII
stay apart: ``user1`` and ``userl`` are two names.
"""

from __future__ import annotations

import unicodedata

from app.text import clean_identifier

# Cyrillic, Greek, Armenian and other letters, and the Latin letters they look like.
_CAPITALS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԌԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧՍՏՕ",
    "ABESIJKMHOPCTYXGQWABEZHIKMNOPTYXUSO",
)
_SMALL = str.maketrans(
    "аесіјорѕухԁԛԝһӏѵαγικνορυχոսօհցıɑɡǀ",
    "aecijopsyxdqwhlvayikvopuxnuohgiagl",
)
_ALL = _CAPITALS | _SMALL


def lookalike_keys(name: str) -> set[str]:
    """Return the keys of a name: two names that look alike, in any case, have one in common.

    A small letter may look like another one than its capital does, as ν and Ν do. So there are
    two keys; they are the same for most names.
    """
    decomposed = unicodedata.normalize("NFKD", clean_identifier(name))
    by_capitals = decomposed.translate(_CAPITALS).casefold().translate(_SMALL)
    by_small = decomposed.casefold().translate(_SMALL)
    return {key for key in (by_capitals, by_small) if key}


def latinize(value: str) -> str:
    """Return an identifier with Latin letters in place of those that look like them.

    Return it unchanged if other letters would be left: then it belongs to another alphabet.
    """
    latin = value.translate(_ALL)
    return latin if latin.isascii() else value
