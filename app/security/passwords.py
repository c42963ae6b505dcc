"""Passwords: hashed slowly on purpose, compared in equal time, judged before they are taken."""

from __future__ import annotations

import re
import threading
import unicodedata
from itertools import permutations
from math import prod

from flask import current_app
from flask_babel import gettext as _
from werkzeug.security import check_password_hash, generate_password_hash
from zxcvbn import zxcvbn
from zxcvbn.matching import L33T_TABLE

from app.text import fold

SHORTEST = 12
# Longer than this is refused before it is hashed or judged.
LONGEST = 200
# What comes later only adds strength.
JUDGED = 72
# Zxcvbn looks up every piece of a text, and does so again for every way of reading its signs as
# letters (4 and @ as a, ( [ { < as c): twenty different signs can be read in 736. Some 0.2 s.
MOST_WORK = 45_000
# Of 0 to 4: "safely unguessable, moderate protection from an offline attack".
STRONG = 3
# Words that English lists of bad passwords lack, and everybody here thinks of first.
GUESSED_FIRST = (
    "padron", "contraseña", "contrasena", "clave", "secreto", "usuario", "administrador",
    "asociacion", "federacion", "bienvenido", "bienvenida", "madrid", "barcelona", "españa",
)  # fmt: skip
# What an older, cheaper hash lacks to take as long as a new one.
MAKES_UP = {("scrypt:32768:8:1", "scrypt:32768:8:3"): "scrypt:32768:8:2"}

_WORDS = re.compile(r"[\W_]+")
# Zxcvbn keeps the words it is given in one place for all threads.
_judging = threading.Lock()


def hash_password(text: str) -> str:
    """Return what is kept of a password."""
    return generate_password_hash(_fit(text), method=_method(), salt_length=16)


def is_password(kept: str | None, text: str) -> bool:
    """Say whether ``text`` is the password; where none is kept, it takes as long to say no."""
    if not text.strip("\x00") or len(text) > LONGEST:
        return False
    kept = kept or ""
    used = kept.partition("$")[0]
    if kept.count("$") != 2 or not used.startswith(("scrypt:", "pbkdf2:")):
        check_password_hash(_fake(_method()), _fit(text))
        return False
    rest = MAKES_UP.get((used, _method()))
    if rest is not None:
        check_password_hash(_fake(rest), _fit(text))
    return check_password_hash(kept, _fit(text))


def is_outdated(kept: str) -> bool:
    """Say whether a hash was made by another method than today's."""
    return kept.partition("$")[0] != _method()


def weakness(text: str, *about: str | None) -> str | None:
    """Say, in the reader's language, what is wrong with a new password; None when it will do.

    ``about`` is what anybody knows of the person: names, user name, e-mail.
    """
    if len(text) < SHORTEST:
        return _("Use at least %(number)s characters.", number=SHORTEST)
    if len(text) > LONGEST:
        return _("Use at most %(number)s characters.", number=LONGEST)
    known = [*GUESSED_FIRST, *_known(*about, current_app.config["ORGANISATION"])]
    with _judging:
        score = zxcvbn(_judged(_fit(text)), user_inputs=known)["score"]
    if score < STRONG:
        return _(
            "This is too easy to guess. Four words that have nothing to do with each other, "
            "or with you, make a good password."
        )
    return None


def _judged(text: str) -> str:
    """Return as much of the beginning of a password as can be judged in bearable time.

    Only a text that mixes a dozen or more different signs is cut before its 72nd character.
    """
    signs: set[str] = set()
    ways = 1
    for place, sign in enumerate(text[:JUDGED]):
        if sign not in signs:
            signs.add(sign)
            ways = prod(len(signs & set(those)) or 1 for those in L33T_TABLE.values())
        if ways * (place + 1) ** 2 > MOST_WORK:
            return text[:place]
    return text[:JUDGED]


def _known(*about: str | None) -> list[str]:
    """Return the words somebody would try first, as typed and without accents."""
    texts = [text.strip().lower()[:100] for text in about if text and text.strip()]
    words = [word for text in texts for word in (text, *_WORDS.split(text)) if len(word) > 2]
    words = list(dict.fromkeys([*words, *map(fold, words)]))[:24]
    # Zxcvbn takes three words in a row for a good password, even if they are a name and a 1.
    return [*words, *(one + other for one, other in permutations(words, 2))]


def _fit(text: str) -> str:
    """Return a password as it is hashed, the same from every keyboard."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "replace").decode()


def _method() -> str:
    return current_app.config["FAB_PASSWORD_HASH_METHOD"]


def _fake(method: str) -> str:
    """Return what looks like a hash, is nobody's, and costs as much to compare with."""
    return f"{method}$nobodys-salt-here$00"
