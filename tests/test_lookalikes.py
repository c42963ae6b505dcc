"""Names that look alike, and the characters of a text that nobody sees."""

from __future__ import annotations

import unicodedata

import pytest

from app.lookalikes import latinize, lookalike_keys
from app.text import clean, clean_identifier, clean_lines

INVISIBLE = ("\u200b", "\u00ad", "\u2060", "\u3164", "\u200f", "\u200d", "\ufe0f", "\U000e0061")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("admin2", "Admin2"),
        ("admin2", "\u0430dmin2"),  # Cyrillic a
        ("admin2", "\uff41dmin2"),  # full-width a
        ("NORA", "\u039dora"),  # Greek capital Nu
        ("eva", "e\u03bda"),  # Greek small nu
        ("Jos\u00e9", "Jo\u0455e\u0301"),  # Cyrillic s, a combining accent
        ("\u0416\u043e\u0440\u0430", "\u0416opa"),  # a Russian name, half of it Latin
        ("\u039d\u03bd", "\u03bd\u039d"),
        *(("admin2", f"ad{c}min2") for c in INVISIBLE),
    ],
)
def test_names_that_look_alike_share_a_key(one, other):
    assert lookalike_keys(one) & lookalike_keys(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("user1", "userl"), ("ana", "aña"), ("jose", "josé"), ("o1", "01"), ("ana", "anna"),
     ("\u0418\u0432\u0430\u043d", "Ivan")],
)  # fmt: skip
def test_names_that_differ_to_the_eye_share_none(one, other):
    assert not lookalike_keys(one) & lookalike_keys(other)


@pytest.mark.parametrize("character", [*INVISIBLE, "\u2800"])
def test_an_identifier_holds_nothing_invisible(character):
    assert clean_identifier(f"{character}00{character}01{character}") == "0001"


@pytest.mark.parametrize("character", INVISIBLE)
@pytest.mark.parametrize("normalize", [clean, clean_lines])
def test_invisible_characters_are_dropped_from_text(normalize, character):
    assert normalize(f"Pe\u00f1a{character}") == "Peña"
    assert normalize(f"{character}Pe{character}\u00f1a") == "Peña"


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with its half-space
        "\u0915\u094d\u200d\u0937",  # Hindi, a half form
        "\U0001f469\u200d\U0001f469\u200d\U0001f467",  # a family
        "\U0001f44d\U0001f3fd",
        "\U0001f3f3\ufe0f\u200d\U0001f308",  # the rainbow flag
        "\u2764\ufe0f",
        "1\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # England
        "\u845b\U000e0100",  # a form of a Japanese name
        "\u05d0\u200f!",
    ],
)
def test_what_a_script_or_an_emoji_needs_is_kept(text):
    assert clean(text) == unicodedata.normalize("NFC", text)
    assert clean(clean(text)) == clean(text)


def test_many_invisible_characters_take_no_long_time():
    assert clean("\U0001f469" + "\u200d" * 200_000) == "\U0001f469"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("\u0410-001", "A-001"),  # Cyrillic A
        ("000001", "000001"),
        ("Ñ-1", "Ñ-1"),
        ("\u0418-1", "\u0418-1"),  # no Latin letter looks like it
    ],
)
def test_a_code_is_in_latin_letters_if_it_can_be(typed, expected):
    assert latinize(typed) == expected
