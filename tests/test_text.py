"""Normalizing text for storing, searching and sorting."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.contacts.demo import COMPANIES, FIRST_NAMES, LAST_NAMES
from app.text import MAX_MARKS, clean, clean_lines, digits, escape_like, fold, sort_key

NAMES = (
    *FIRST_NAMES, *LAST_NAMES, *(company[0] for company in COMPANIES),
    "Łukasz Świątek", "Øystein Bjørn", "Þóra Æsir", "Œuvre", "Straße", "STRASSE", "Đorđe Ðorš",
    "Ñoño", "n\u0303andu\u0301", "İstanbul", "ıspanak", "O´Neill", "O`Neill", "d’Ávila", "L‘Été",
    "Jean–Luc", "Anna—Marie", "Pérez  de   Ayala", "JOSÉ MARÍA", "ǆungla", "Ångström", "Zażółć",
    "ﬁlm", "½", "№ 5", "Ⅳ", "Σίσυφος", "Юлия Ёлкина", "مريم", "李小龍", "Nguyễn Thị Hồng", "x²",
)  # fmt: skip

any_text = st.text(max_size=60)


@given(any_text)
def test_folding_is_idempotent(text):
    assert fold(fold(text)) == fold(text)


@given(any_text)
def test_cleaning_is_idempotent(text):
    assert clean(clean(text)) == clean(text)
    assert clean_lines(clean_lines(text)) == clean_lines(text)


@given(any_text)
def test_clean_text_has_no_characters_a_database_refuses(text):
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in cleaned)
    assert cleaned == cleaned.strip()


@given(any_text)
def test_a_sort_key_fits_its_column(text):
    assert len(sort_key(text)) <= 200


@pytest.mark.parametrize("name", NAMES)
def test_the_database_folds_like_python(session, name):
    assert session.scalar(select(func.padron_fold(name))) == fold(name)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.text(
        st.characters(min_codepoint=0x20, max_codepoint=0x17F, blacklist_categories=["Cc"]),
        max_size=30,
    )
)
def test_the_database_folds_any_western_name_like_python(session, name):
    assert session.scalar(select(func.padron_fold(clean(name)))) == fold(clean(name))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ana   Belén ", "Ana Belén"),
        ("Ana\tBelén\r\n", "Ana Belén"),
        ("Ana\x00\x07Belén", "AnaBelén"),
        ("Bele\u0301n", "Belén"),
        ("\ufeffAna", "Ana"),
        ("\u202eanA", "anA"),
        ("\ud83dAna", "Ana"),
        ("Ana\u2028Belén", "Ana Belén"),
        ("🙂 Ana", "🙂 Ana"),
        ("👩\u200d👧", "👩\u200d👧"),
    ],
)
def test_invisible_characters_are_removed_from_a_line(typed, kept):
    assert clean(typed) == kept


def test_several_lines_keep_their_line_ends():
    assert clean_lines(" uno\r\ndos\rtres\n ") == "uno\ndos\ntres"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("García", "garcia"), ("Núñez", "NUNEZ"), ("O’Neill", "o'neill"), ("Straße", "STRASSE"),
        ("Jean–Luc", "jean-luc"), ("Łukasz", "lukasz"), ("Æsir", "AESIR"),
    ],
)  # fmt: skip
def test_spellings_of_the_same_name_fold_to_the_same_text(one, other):
    assert fold(one) == fold(other)


def test_names_sort_in_spanish_alphabetical_order():
    names = [
        "Nz",
        "Ñíguez",
        "Oa",
        "Na",
        "nuñez",
        "nunez",
        "nunoz",
        "Álvarez",
        "Zapata",
        "alvarado",
    ]
    assert sorted(names, key=sort_key) == [
        "alvarado", "Álvarez", "Na", "nunez", "nunoz", "nuñez", "Nz", "Ñíguez", "Oa", "Zapata",
    ]  # fmt: skip


def test_digits_keeps_only_ascii_digits():
    assert digits("+34 (927) 21-45 67 ٣") == "34927214567"


def test_wildcards_of_like_are_escaped():
    assert escape_like(r"50%_off\now") == r"50\%\_off\\now"


@pytest.mark.parametrize("make", [clean, clean_lines, fold, sort_key])
@pytest.mark.parametrize("mark", ["\u0301\u0327", "\u0344\u0327", "\x00\u0301\u0327\ufeff"])
def test_combining_marks_are_limited_before_normalizing(make, mark, monkeypatch):
    mark_counts = []
    normalize = unicodedata.normalize

    def counting_normalize(form, text):
        marks = "".join("m" if unicodedata.combining(c) else " " for c in text)
        mark_counts.extend(map(len, marks.split()))
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", counting_normalize)
    made = make("a" + mark * 1000 + "b" + mark * 1000)
    assert max(mark_counts, default=0) <= MAX_MARKS
    assert make(made) == made
    assert fold(made)[0] == "a"


@pytest.mark.parametrize("make", [clean, clean_lines, fold, sort_key])
def test_latin_text_alone_is_normalized_as_beside_other_scripts(make):
    """Latin text takes a shorter way, which must lead to the same."""
    for letter in (*map(chr, range(0x250)), "’", "“", "–", "€", "…"):
        for text in (f"a{letter}b", f"a {letter} b", f"a{letter}{letter}ñb"):
            assert make(f"{text}漢") == f"{make(text)}漢"
