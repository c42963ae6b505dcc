"""Passwords: what is kept of them, how long a comparison takes, which are refused."""

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

GOOD = "lluvia tractor violín nogal"


@pytest.fixture(autouse=True)
def _in_the_program(session):
    """Every test here reads the program's settings."""


@pytest.fixture
def hashed(monkeypatch):
    """Collect the method of every hash that is computed."""
    found: list[str] = []
    compute = security._hash_internal

    def note(method, salt, password):
        found.append(method)
        return compute("pbkdf2:sha256:1", salt, password)[0], method

    monkeypatch.setattr(security, "_hash_internal", note)
    return found


def test_a_password_is_known_again_and_nothing_else_is():
    kept = hash_password(GOOD)
    assert GOOD not in kept
    assert check_password(kept, GOOD)
    for other in (GOOD + " ", GOOD.upper(), "", "\x00", "x" * 201, kept):
        assert not check_password(kept, other)


def test_the_same_letters_from_another_keyboard_are_the_same_password():
    assert check_password(hash_password("vi\u00f3lin nogal lluvia"), "vio\u0301lin nogal lluvia")


@pytest.mark.parametrize("kept", [None, "", "cannot sign in by password", "plain$$hash", "a$b$c"])
def test_no_password_is_the_password_of_an_account_without_one(kept):
    for typed in ("", "\x00", "cannot sign in by password", "hash", "c", "nobody's password"):
        assert not check_password(kept, typed)


@pytest.mark.parametrize("kind", ["right", "wrong", "none", "unusable"])
def test_every_comparison_costs_the_same(kind, hashed, app, monkeypatch):
    method = settings({"PADRON_SECRET_KEY": "x" * 32})["FAB_PASSWORD_HASH_METHOD"]
    monkeypatch.setitem(app.config, "FAB_PASSWORD_HASH_METHOD", method)
    kept = {"none": None, "unusable": "cannot sign in by password"}.get(kind, hash_password(GOOD))
    hashed.clear()
    check_password(kept, GOOD if kind == "right" else "something else")
    assert hashed == [method] == ["scrypt:32768:8:3"]


def test_an_older_hash_is_compared_at_the_price_of_a_new_one(hashed, app, monkeypatch):
    monkeypatch.setitem(app.config, "FAB_PASSWORD_HASH_METHOD", "scrypt:32768:8:3")
    old = generate_password_hash(GOOD, "scrypt:32768:8:1")
    hashed.clear()
    assert check_password(old, GOOD)
    assert needs_rehash(old)
    assert sum(int(method.rpartition(":")[2]) for method in hashed) == 3


def test_what_is_too_long_is_not_even_hashed(hashed):
    kept = hash_password(GOOD)
    hashed.clear()
    assert not check_password(kept, "x" * 100_000)
    assert hashed == []


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
    "password", [GOOD, "x7#Kq9!mZ2$w", "日本語のパスワードです長い文", "ñ" + GOOD * 7]
)
def test_a_good_password_is_taken(password):
    assert password_problem(password, "Bruno", None, "") is None


def test_the_refusal_is_in_the_readers_language():
    with force_locale("en"):
        english = password_problem("123456789012")
    assert "easy to guess" in english


# Every sign that zxcvbn may read as a letter, in 736 combinations: seconds for each text.
SIGNS = "4@8({[<369!1|70$5+2%"
SHUFFLED = ["".join(Random(seed).choices(SIGNS, k=200)) for seed in range(20)]
HOSTILE = (
    *SHUFFLED, SIGNS * 10, f"{GOOD} {SIGNS}" * 4, "p@$$w0rd" * 25, "a" * 150 + SIGNS,
    "1qaz2wsx3edc!QAZ" * 12, "01/02/2003" * 20, "19" * 100, "$a" * 100, "0123456789" * 20,
)  # fmt: skip


def work(text: str) -> int:
    """Return how many pieces zxcvbn looks up, in how many readings."""
    ways = prod(sum(sign in text for sign in signs) or 1 for signs in L33T_TABLE.values())
    return ways * len(text) ** 2


@pytest.fixture
def handed_over(monkeypatch):
    """Collect what is given to zxcvbn, which is spared the work."""
    found: list[str] = []

    def note(text, user_inputs):
        found.append(text)
        return {"score": 4}

    monkeypatch.setattr(passwords, "zxcvbn", note)
    return found


@pytest.mark.parametrize("password", HOSTILE, ids=range(len(HOSTILE)))
def test_no_password_takes_seconds_to_judge(password, handed_over):
    assert password_problem(password[:200]) is None
    assert password.startswith(handed_over[0])
    assert len(handed_over[0]) >= passwords.MIN_LENGTH
    assert work(handed_over[0]) <= 45_000


@pytest.mark.parametrize("password", [GOOD * 3, "x7#Kq9!mZ2$w", "1234567890!@#$%^&*()"])
def test_a_usual_password_is_judged_as_a_whole(password, handed_over):
    password_problem(password)
    assert handed_over == [password[:72]]


@pytest.mark.parametrize(
    "password", ["1234567890!@#$%^&*()", "p@$$w0rd" * 9, "4@8" * 24, "aA1$" * 18, "!" * 200]
)
def test_what_is_weak_with_many_signs_stays_weak(password):
    assert password_problem(password)
