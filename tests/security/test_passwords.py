"""Passwords: hashing, cost of a comparison, strength."""

from __future__ import annotations

from math import prod
from random import Random

import pytest
from flask_babel import force_locale
from werkzeug import security
from werkzeug.security import generate_password_hash
from zxcvbn.matching import L33T_TABLE

from app.security import passwords
from app.security.passwords import check_password, hash_password, needs_rehash, password_problem
from config import settings

STRONG_PASSWORD = "lluvia tractor violín nogal"


@pytest.fixture(autouse=True)
def _in_the_program(session):
    """Provide an application context: passwords depend on settings."""


@pytest.fixture
def recorded_hashes(monkeypatch):
    """Record the method of every computed hash."""
    found: list[str] = []
    compute = security._hash_internal

    def note(method, salt, password):
        found.append(method)
        return compute("pbkdf2:sha256:1", salt, password)[0], method

    monkeypatch.setattr(security, "_hash_internal", note)
    return found


def test_only_the_password_itself_matches():
    kept = hash_password(STRONG_PASSWORD)
    assert STRONG_PASSWORD not in kept
    assert check_password(kept, STRONG_PASSWORD)
    for other in (STRONG_PASSWORD + " ", STRONG_PASSWORD.upper(), "", "\x00", "x" * 201, kept):
        assert not check_password(kept, other)


def test_composed_and_decomposed_letters_are_the_same_password():
    assert check_password(hash_password("vi\u00f3lin nogal lluvia"), "vio\u0301lin nogal lluvia")


@pytest.mark.parametrize("kept", [None, "", "cannot sign in by password", "plain$$hash", "a$b$c"])
def test_no_password_is_the_password_of_an_account_without_one(kept):
    for typed in ("", "\x00", "cannot sign in by password", "hash", "c", "nobody's password"):
        assert not check_password(kept, typed)


@pytest.mark.parametrize("kind", ["right", "wrong", "none", "unusable"])
def test_every_comparison_costs_the_same(kind, recorded_hashes, app, monkeypatch):
    method = settings({"PADRON_SECRET_KEY": "x" * 32})["FAB_PASSWORD_HASH_METHOD"]
    monkeypatch.setitem(app.config, "FAB_PASSWORD_HASH_METHOD", method)
    kept = {"none": None, "unusable": "cannot sign in by password"}.get(
        kind, hash_password(STRONG_PASSWORD)
    )
    recorded_hashes.clear()
    check_password(kept, STRONG_PASSWORD if kind == "right" else "something else")
    assert recorded_hashes == [method] == ["scrypt:32768:8:3"]


def test_comparing_an_older_hash_costs_as_much_as_a_new_one(recorded_hashes, app, monkeypatch):
    monkeypatch.setitem(app.config, "FAB_PASSWORD_HASH_METHOD", "scrypt:32768:8:3")
    old = generate_password_hash(STRONG_PASSWORD, "scrypt:32768:8:1")
    recorded_hashes.clear()
    assert check_password(old, STRONG_PASSWORD)
    assert needs_rehash(old)
    assert sum(int(method.rpartition(":")[2]) for method in recorded_hashes) == 3


def test_too_long_passwords_are_not_hashed(recorded_hashes):
    kept = hash_password(STRONG_PASSWORD)
    recorded_hashes.clear()
    assert not check_password(kept, "x" * 100_000)
    assert recorded_hashes == []


@pytest.mark.parametrize(
    "password",
    [
        "", "short", "12345678901", "123456789012", "password1234", "qwertyuiop12", "aaaaaaaaaaaa",
        "BrunoGarcía1", "bruno.garcia", "bruno@example.org", "Federación2026", "federacion 2026",
        "Contraseña1234", "x" * 201, "\x00" * 14,
    ],
)  # fmt: skip
def test_a_password_that_can_be_guessed_is_refused(password):
    assert password_problem(password, "Bruno", "García", "bruno.garcia", "bruno@example.org")


@pytest.mark.parametrize(
    "password",
    [STRONG_PASSWORD, "x7#Kq9!mZ2$w", "日本語のパスワードです長い文", "ñ" + STRONG_PASSWORD * 7],
)
def test_a_strong_password_is_accepted(password):
    assert password_problem(password, "Bruno", None, "") is None


def test_the_refusal_is_in_the_readers_language():
    with force_locale("en"):
        english = password_problem("123456789012")
    assert "easy to guess" in english


# Every sign that zxcvbn may read as a letter, in 736 combinations: seconds for each text.
SIGNS = "4@8({[<369!1|70$5+2%"
SHUFFLED = ["".join(Random(seed).choices(SIGNS, k=200)) for seed in range(20)]
HOSTILE = (
    *SHUFFLED, SIGNS * 10, f"{STRONG_PASSWORD} {SIGNS}" * 4, "p@$$w0rd" * 25, "a" * 150 + SIGNS,
    "1qaz2wsx3edc!QAZ" * 12, "01/02/2003" * 20, "19" * 100, "$a" * 100, "0123456789" * 20,
)  # fmt: skip


def scoring_work(text: str) -> int:
    """Return the number of substrings times the number of l33t combinations."""
    ways = prod(sum(sign in text for sign in signs) or 1 for signs in L33T_TABLE.values())
    return ways * len(text) ** 2


@pytest.fixture
def scored_texts(monkeypatch):
    """Record the texts passed to zxcvbn instead of scoring them."""
    found: list[str] = []

    def note(text, user_inputs):
        found.append(text)
        return {"score": 4}

    monkeypatch.setattr(passwords, "zxcvbn", note)
    return found


@pytest.mark.parametrize("password", HOSTILE, ids=range(len(HOSTILE)))
def test_no_password_takes_seconds_to_score(password, scored_texts):
    assert password_problem(password[:200]) is None
    assert password.startswith(scored_texts[0])
    assert len(scored_texts[0]) >= passwords.MIN_LENGTH
    assert scoring_work(scored_texts[0]) <= 45_000


@pytest.mark.parametrize("password", [STRONG_PASSWORD * 3, "x7#Kq9!mZ2$w", "1234567890!@#$%^&*()"])
def test_a_usual_password_is_scored_as_a_whole(password, scored_texts):
    password_problem(password)
    assert scored_texts == [password[:72]]


@pytest.mark.parametrize(
    "password", ["1234567890!@#$%^&*()", "p@$$w0rd" * 9, "4@8" * 24, "aA1$" * 18, "!" * 200]
)
def test_a_weak_password_with_many_symbols_is_refused(password):
    assert password_problem(password)
