"""Suggest the nearest spelling of a word that the search does not find."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from itertools import islice
from time import monotonic
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.search.parsing import parse_query
from app.text import fold

# Shorter words have too many neighbours, longer ones too many spellings to try.
MIN_LENGTH, MAX_LENGTH = 4, 20
# Words of a query that are looked at, and spellings of each that are proposed.
MAX_WORDS, MAX_SPELLINGS = 3, 3
# Spellings per statement, and rows read of each.
_BATCH, _ROWS = 40, 5
# No batch begins later than this.
MAX_SECONDS = 0.4

_WORD = re.compile(r"[^\W_]+")


def suggest(session: Session, model: Any, typed: str, finds: Callable[[str], bool]) -> str | None:
    """Return the query with misspelt words corrected, or None.

    A word is misspelt if the index holds it nowhere, but one that is a single letter away: one
    left out, added, exchanged or swapped with the next. ``finds`` tells whether a query has
    results in the reader's scope; nothing else is suggested. At most ``MAX_SECONDS`` and one
    batch are spent, whatever the number of rows: each spelling is a look-up in the trigram index.
    """
    deadline = monotonic() + MAX_SECONDS
    query = parse_query(typed)
    if query.dates or query.numbers or any(len(term) > 1 for term in query.terms):
        return None
    words = [term[0] for term in query.terms]
    misspelt = [
        place for place, word in enumerate(words[:MAX_WORDS]) if _is_unknown(session, model, word)
    ]
    if not misspelt:
        return None
    for place in misspelt[1:]:
        nearest = next(_nearest(session, model, words[place], deadline), None)
        if nearest is None:
            return None
        words[place] = nearest
    place = misspelt[0]
    # Lazily: most often the first spelling has results, and no more need be looked up.
    for spelling in islice(_nearest(session, model, words[place], deadline), MAX_SPELLINGS):
        corrected = " ".join((*words[:place], spelling, *words[place + 1 :]))
        if finds(corrected):
            return corrected
    return None


def _is_unknown(session: Session, model: Any, word: str) -> bool:
    """Return True if a word of letters, neither short nor very long, is nowhere in the index."""
    is_plain = word.isalpha() and MIN_LENGTH <= len(word) <= MAX_LENGTH
    return is_plain and not any(_words_in_index(session, model, [word]))


def _nearest(session: Session, model: Any, word: str, deadline: float) -> Iterator[str]:
    """Yield words of the index that are one letter away from ``word``, likeliest first."""
    spellings = _spellings(word)
    # First those with the same letters but one: most words are misspelt so.
    size = 3 * len(word)
    while monotonic() < deadline and (batch := list(islice(spellings, size))):
        size = _BATCH
        found = set(_words_in_index(session, model, batch))
        yield from (spelling for spelling in batch if spelling in found)


def _spellings(word: str) -> Iterator[str]:
    """Yield the spellings one letter away: swapped, left out, exchanged and added letters."""
    places = range(len(word))
    seen = {word}
    for spelling in (
        *(word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in places[:-1]),
        *(word[:i] + word[i + 1 :] for i in places),
        # A letter typed once instead of twice comes before any other letter.
        *(word[:i] + word[i] + word[i:] for i in places),
        *(word[:i] + c + word[i + 1 :] for i in places for c in string.ascii_lowercase),
        *(word[:i] + c + word[i:] for i in (*places, len(word)) for c in string.ascii_lowercase),
    ):
        if spelling not in seen and len(spelling) >= 3:
            seen.add(spelling)
            yield spelling


def _words_in_index(session: Session, model: Any, words: list[str]) -> Iterator[str]:
    """Yield those of the words that are words of a search text, in one statement."""
    table = model.search_table.name
    # As text: SQLAlchemy takes longer to build such a statement than the database to answer it.
    if session.get_bind().dialect.name == "sqlite":
        quoted = '"{}"'
        look_up = (
            f"SELECT :word_{{0}} AS word, text FROM {table} WHERE row_id IN (SELECT rowid "
            f"FROM {table}_fts WHERE {table}_fts MATCH :pattern_{{0}} LIMIT {_ROWS})"
        )
    else:
        quoted = "%{}%"
        look_up = (
            f"(SELECT CAST(:word_{{0}} AS text) AS word, text FROM {table} "
            f"WHERE text LIKE :pattern_{{0}} LIMIT {_ROWS})"
        )
    values = {f"word_{place}": word for place, word in enumerate(words)}
    values |= {f"pattern_{place}": quoted.format(word) for place, word in enumerate(words)}
    statement = " UNION ALL ".join(look_up.format(place) for place in range(len(words)))
    for word, row_text in session.execute(text(statement), values):
        if word in _WORD.findall(row_text):
            yield word


def in_original_spelling(corrected: str, texts: list[str]) -> str:
    """Return a corrected query with its words written as in ``texts``, such as García."""
    written = {fold(word): word for text in texts for word in _WORD.findall(text)}
    return " ".join(written.get(word, word) for word in corrected.split())
