"""Which two contacts may be the same person, and why."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from app.duplicates.comparing import COMPARED, FREQUENT, compare, facts_digest, keys_of, read_facts
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


def facts(first, last, number=1, **more):
    values = dict.fromkeys(COMPARED) | {"first_name": first, "last_name": last} | more
    return read_facts(SimpleNamespace(id=number, **values))


BORN = {"birth_date": date(1980, 3, 2)}
MAIL = {"email": "ana@example.org"}
TOWN = {"city": "Cáceres"}
HOME = {"street": "C/ Mayor, 1", "postcode": "10001", "city": "Cáceres"}


@pytest.mark.parametrize(
    ("one", "other", "shared", "reasons"),
    [
        (("Ana", "García"), ("ana", "Garcia"), MAIL, SAME_NAME | SAME_EMAIL),
        (("Ana", "García"), ("Ana", "García"), {"phone": "+34600"}, SAME_NAME | SAME_PHONE),
        (("Ana", "García"), ("Ana", "García"), BORN, SAME_NAME | SAME_BIRTH_DATE),
        (("Ana", "Giménez"), ("Ana", "Jiménez"), TOWN, SPELLED | SAME_TOWN),
        (("Ana", "Gonzlez Ruiz"), ("Ana", "González Ruiz"), TOWN, SPELLED | SAME_TOWN),
        (("Ana", "García López"), ("Ana", "López García"), TOWN, SWAPPED | SAME_TOWN),
        (("García", "Ana"), ("Ana", "García"), TOWN, SWAPPED | SAME_TOWN),
        (("Ana", "García López"), ("Ana", "García"), MAIL, SURNAME_MISSING | SAME_EMAIL),
        (("Pepe", "Ruiz"), ("José", "Ruiz"), TOWN, NICKNAME | SAME_TOWN),
        (("Bob", "Smith"), ("Robert", "Smith"), TOWN, NICKNAME | SAME_TOWN),
        (("A.", "Ruiz"), ("Ana", "Ruiz"), MAIL, FIRST_NAME_SHORT | SAME_EMAIL),
        ((None, "Ruiz"), ("Ana", "Ruiz"), MAIL, FIRST_NAME_SHORT | SAME_EMAIL),
        (("Lola", "Peña"), ("Dolores", "Peña"), HOME, NICKNAME | SAME_ADDRESS),
    ],
)
def test_these_two_may_be_the_same_person(one, other, shared, reasons):
    pair = facts(*one, **shared), facts(*other, number=2, **shared)
    assert compare(*pair)[1] == reasons
    # What is compared is brought together first.
    assert set(keys_of(pair[0])) & set(keys_of(pair[1]))


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        # Families: one address, one e-mail, one telephone, other first names.
        (("Ana", "García"), ("Luis", "García"), HOME | MAIL | {"phone": "+34600"}),
        (("Ana", "García"), ("Eva", "García"), HOME | BORN),
        # A name alone says little.
        (("Ana", "García"), ("Ana", "García"), {}),
        (("Ana", "García"), ("Ana", "Ruiz"), HOME),
    ],
)
def test_these_two_are_not_the_same_person(one, other, shared):
    assert compare(facts(*one, **shared), facts(*other, number=2, **shared)) == (0, 0)


def test_father_and_son_of_the_same_name_are_two():
    father, son = (
        facts("Luis", "Ruiz", birth_date=date(year, 1, 5), **HOME) for year in (1950, 1980)
    )
    assert compare(father, son) == (0, 0)


def test_a_frequent_surname_needs_more_than_the_town():
    pair = facts("Pepe", "García", **TOWN), facts("José", "García", **TOWN)
    assert compare(*pair)[0] > 0
    assert compare(*pair, FREQUENT) == (0, 0)


def test_the_digest_changes_with_what_is_compared_alone():
    one, other = facts("Ana", "García", **MAIL), facts("Ana", "Garcia", 2)
    assert facts_digest(one, other) == facts_digest(other, facts("ANA", "garcía", **MAIL, **HOME))
    assert facts_digest(one, other) != facts_digest(one, facts("Ana", "Garcia", 2, **BORN))
