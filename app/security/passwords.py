"""Passwords: hashing, comparison in constant time, strength."""

from __future__ import annotations

import re
import threading
import unicodedata
from itertools import permutations
from math import prod
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from werkzeug.security import check_password_hash, generate_password_hash

from app import organisation
from app.text import fold

MIN_LENGTH = 12
# Longer passwords are refused before they are hashed or scored.
MAX_LENGTH = 200
# Only so many characters are scored; the rest can only add strength.
MAX_SCORED_LENGTH = 72
# zxcvbn looks up every substring, once for every combination of l33t substitutions (4 and @ as a,
# ( [ { < as c): twenty different characters have 736. This limit is worth some 0.2 s.
MAX_SCORING_WORK = 45_000
# zxcvbn's score, 0 to 4. 3: "safely unguessable, moderate protection from an offline attack".
MIN_SCORE = 3
# Common Spanish words that zxcvbn's English lists lack.
COMMON_WORDS = (
    "padron", "contraseña", "contrasena", "clave", "secreto", "usuario", "administrador",
    "asociacion", "federacion", "bienvenido", "bienvenida", "madrid", "barcelona", "españa",
)  # fmt: skip
# (stored method, current method) → method of an extra hash that makes both take equally long.
TIMING_PADDING = {("scrypt:32768:8:1", "scrypt:32768:8:3"): "scrypt:32768:8:2"}

_WORD_BREAKS = re.compile(r"[\W_]+")
# zxcvbn stores the user's words in a global dictionary.
_zxcvbn_lock = threading.Lock()


def hash_password(text: str) -> str:
    """Return the hash of a password, as it is stored."""
    return generate_password_hash(_normalise(text), method=_hash_method(), salt_length=16)


def check_password(stored: str | None, text: str) -> bool:
    """Return True if ``text`` matches the stored hash; without a hash, take as long to say no."""
    if not text.strip("\x00") or len(text) > MAX_LENGTH:
        return False
    stored = stored or ""
    used = stored.partition("$")[0]
    if stored.count("$") != 2 or not used.startswith(("scrypt:", "pbkdf2:")):
        check_password_hash(_dummy_hash(_hash_method()), _normalise(text))
        return False
    rest = TIMING_PADDING.get((used, _hash_method()))
    if rest is not None:
        check_password_hash(_dummy_hash(rest), _normalise(text))
    return check_password_hash(stored, _normalise(text))


def needs_rehash(stored: str) -> bool:
    """Return True if a hash was made by another method than the current one."""
    return stored.partition("$")[0] != _hash_method()


def password_problem(text: str, *about: str | None) -> str | None:
    """Return a translated message if a new password is too short, long or weak, else None.

    ``about`` are personal data an attacker would try: names, user name, e-mail.
    """
    if len(text) < MIN_LENGTH:
        return _("Use at least %(number)s characters.", number=MIN_LENGTH)
    if len(text) > MAX_LENGTH:
        return _("Use no more than %(number)s characters.", number=MAX_LENGTH)
    words = [*COMMON_WORDS, *_personal_words(*about, organisation.name())]
    with _zxcvbn_lock:
        score = zxcvbn(_scored_part(_normalise(text)), user_inputs=words)["score"]
    if score < MIN_SCORE:
        return _("This password is too easy to guess. Four unrelated words make a good password.")
    return None


def zxcvbn(text: str, user_inputs: list[str]) -> dict[str, Any]:
    """Score a password; the lists of words, 12 MB, are loaded once a password is chosen."""
    from zxcvbn import zxcvbn as score

    return score(text, user_inputs=user_inputs)


def _scored_part(text: str) -> str:
    """Return the longest prefix of a password that is scored in acceptable time.

    Only a text with a dozen or more different symbols is cut before its 72nd character.
    """
    from zxcvbn.matching import L33T_TABLE

    used: set[str] = set()
    combinations = 1
    for index, character in enumerate(text[:MAX_SCORED_LENGTH]):
        if character not in used:
            used.add(character)
            combinations = prod(len(used & set(signs)) or 1 for signs in L33T_TABLE.values())
        if combinations * (index + 1) ** 2 > MAX_SCORING_WORK:
            return text[:index]
    return text[:MAX_SCORED_LENGTH]


def _personal_words(*about: str | None) -> list[str]:
    """Return the words in personal data, and pairs of them, with and without accents."""
    texts = [text.strip().lower()[:100] for text in about if text and text.strip()]
    words = [word for text in texts for word in (text, *_WORD_BREAKS.split(text)) if len(word) > 2]
    words = list(dict.fromkeys([*words, *map(fold, words)]))[:24]
    # zxcvbn rates three words in a row as strong, even if they are a name and a digit.
    return [*words, *(one + other for one, other in permutations(words, 2))]


def _normalise(text: str) -> str:
    """Return a password in Unicode's NFC form, which is independent of the keyboard."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "replace").decode()


def _hash_method() -> str:
    return current_app.config["FAB_PASSWORD_HASH_METHOD"]


def _dummy_hash(method: str) -> str:
    """Return a hash that matches nothing and takes as long to compare with as a real one."""
    return f"{method}$nobodys-salt-here$00"
