"""What people type into a search box: words with punctuation, telephones, dates, numbers, errors."""

from __future__ import annotations

import re
from datetime import date

import pytest

from app.contacts.models import Contact
from app.extensions import db
from app.search.parsing import SearchQuery, parse_query
from app.search.suggestions import suggest
from tests.factories import a_contact
from tests.people import ALICIA, BRUNO


@pytest.fixture
def found_by(session, client_as):
    """Return a function that gives the ids of the contacts a list shows for a query string."""
    alicia = client_as(ALICIA)

    def found(language: str = "en-GB", **query: str) -> list[int]:
        page = alicia.get(
            "/contacts/list/", query_string=query, headers={"Accept-Language": language}
        )
        assert page.status_code == 200, query
        return sorted({int(number) for number in re.findall(r"/contacts/show/(\d+)", page.text)})

    return found


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("", []),
        ("   ", []),
        ("Ana  ana", ["ana"]),
        ("baker, jack", ["baker", "jack"]),
        ("maría-josé", ["maria", "jose"]),
        ("ana.maria@example.org", ["ana.maria@example.org"]),
        ("%", ["%"]),
        ("a b c d e f g h i j k l", list("abcdefghij")),
    ],
)
def test_a_query_is_split_into_words(app, typed, terms):
    with app.app_context():
        assert parse_query(typed) == SearchQuery(tuple((term,) for term in terms))


NUMBERS = [
    "N.º 47", "n.º47", "Nº 47", "nº47", "№ 47", "N° 47", "No. 47", "no 47", "#47", "# 47",
    "núm. 47", "N.º 000047", "cuarenta #47", "Ana No. 47",
]  # fmt: skip


@pytest.mark.both_databases
def test_a_contact_is_found_by_its_number_as_the_page_shows_it(found_by):
    wanted = a_contact(last_name="Cuarenta", number="000047")
    a_contact(last_name="Otra", number="000147", phone="+34912340047")
    for typed in NUMBERS:
        assert found_by(q=typed) == [wanted.id], typed
    assert found_by(q="otra #47") == []


PHONES = {
    "+34912345678;ext=12": [
        "912345678", "912 345 678", "912-345-678", "912.345.678", "(912)345678", "(91) 234 56 78",
        "91/2345678", "0034912345678", "00 34 912 345 678", "+34912345678", "+34 912 34 56 78",
        "+34-912-345-678", "912–345–678", "tel:+34912345678", "345.678", "345678",
        "+34 912 34 56 78 ext. 12",
    ],
    "+442079460958": [
        "020 7946 0958", "+44 (0)20 7946 0958", "02079460958", "0044 20 7946 0958", "(020) 7946-0958",
    ],
}  # fmt: skip


@pytest.mark.both_databases
def test_a_telephone_is_found_however_it_is_written_in_search_and_filter_alike(found_by):
    a_contact(last_name="Otra", phone="+34987654321")
    for stored, spellings in PHONES.items():
        wanted = a_contact(last_name="Teléfono", phone=stored)
        for typed in spellings:
            assert found_by(q=typed) == [wanted.id], typed
            assert found_by(phone__contains=typed) == [wanted.id], typed


def test_a_member_number_with_hyphens_is_not_taken_for_a_telephone(found_by):
    wanted = a_contact(number="2019-0042")
    assert found_by(q="2019-0042") == [wanted.id]
    assert found_by(number__contains="2019-0042") == [wanted.id]


DATES = ["28/12/1951", "28-12-1951", "28.12.1951", "1951-12-28", "28 Dec 1951", "28 dic 1951",
         "28 de diciembre de 1951", "December 28, 1951", "carmen 28/12/1951", "28 dic. 1951, Carmen"]  # fmt: skip


def test_a_contact_is_found_by_its_birth_date(found_by):
    wanted = a_contact(first_name="Carmen", birth_date=date(1951, 12, 28))
    a_contact(first_name="Carmen", birth_date=date(1951, 12, 29))
    for typed in DATES:
        assert found_by(q=typed) == [wanted.id], typed
    assert found_by(q="zoe 28/12/1951") == []


def test_a_date_is_read_in_the_order_of_the_reader(found_by):
    wanted = a_contact(birth_date=date(1951, 4, 3))
    assert found_by("en-GB,en", q="03/04/1951") == [wanted.id]
    assert found_by("en-US,en", q="03/04/1951") == []
    assert found_by("en-US,en", q="04/03/1951") == [wanted.id]
    assert found_by("es", q="03/04/1951") == [wanted.id]


MISSPELT = {
    "gacria": "García", "garcai": "García", "grcia": "García", "garccia": "García",
    "garxia": "García", "carmn garcia": "Carmen García", "garsia, carmen": "García Carmen",
    "ibanyez": "Ibáñez",
}  # fmt: skip
NOTHING_NEAR = ["zzzzzz", "gac", "garcia ibanez", "gacria zzzzzz", "28/12/1950", "12345", "%"]


@pytest.mark.both_databases
def test_the_nearest_spelling_is_suggested_when_nothing_is_found(client_as, monkeypatch):
    monkeypatch.setattr("app.search.suggestions.MAX_SECONDS", 600)
    a_contact(first_name="Carmen", last_name="García")
    a_contact(first_name="Zoë", last_name="Ibáñez")
    alicia = client_as(ALICIA)

    def suggestion(typed: str) -> str | None:
        reply = alicia.get("/search", query_string={"q": typed}, headers={"X-Fragment": "1"})
        assert reply.get_json()["groups"] == []
        return reply.get_json()["suggestion"]

    assert {typed: suggestion(typed) for typed in MISSPELT} == MISSPELT
    assert [suggestion(typed) for typed in NOTHING_NEAR] == [None] * len(NOTHING_NEAR)
    for address in ("/search", "/contacts/list/"):
        assert "Did you mean “García”?" in alicia.get(f"{address}?q=gacria").text
        main = alicia.get(f"{address}?q=zzzzzz").text.partition("<main")[2].partition("</main>")[0]
        assert "No results" in main
        assert "Did you mean" not in main


def test_a_name_out_of_scope_is_not_suggested(client_as):
    a_contact(entity="Sur", last_name="Lejano")
    reply = client_as(BRUNO).get("/search?q=lejnao", headers={"X-Fragment": "1"})
    assert reply.get_json()["suggestion"] is None


def test_looking_for_a_spelling_ends_when_its_time_is_over(session, monkeypatch):
    a_contact(last_name="García")
    with_time_for = iter([0, 0, 0, 99])
    monkeypatch.setattr("app.search.suggestions.monotonic", lambda: next(with_time_for))
    monkeypatch.setattr("app.search.suggestions.MAX_SECONDS", 1)
    # An added “a” is the 90th spelling of this word: in the third batch of 40.
    assert suggest(db.session(), Contact, "grcia", lambda typed: True) is None
    monkeypatch.setattr("app.search.suggestions.monotonic", lambda: 0)
    assert suggest(db.session(), Contact, "grcia", lambda typed: True) == "garcia"
