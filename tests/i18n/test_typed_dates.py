"""Dates in forms and in the filter dialog are written and read as the reader writes them."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.i18n.dates import parse_date
from app.i18n.formats import edit_date, is_day_first
from tests.factories import a_contact
from tests.people import BRUNO

READERS = [("es", "31/12/1980", "dd/mm/aaaa"), ("en-GB", "31/12/1980", "dd/mm/yyyy"),
           ("en-US", "12/31/1980", "mm/dd/yyyy")]  # fmt: skip
as_readers = pytest.mark.parametrize(("language", "typed", "pattern"), READERS)


@pytest.fixture
def bruno(client_as):
    browser = client_as(BRUNO)
    BRUNO.user.language = None
    return browser


def _input(page: str) -> dict[str, str]:
    found = re.search(r'<input [^>]*name="birth_date"[^>]*>', page)
    assert found is not None
    return dict(re.findall(r'(\S+)="([^"]*)"', found[0]))


@as_readers
def test_a_form_shows_and_reads_a_date_as_the_reader_writes_it(bruno, language, typed, pattern):
    contact = a_contact(birth_date=date(1980, 12, 30))
    headers = {"Accept-Language": language}

    shown = _input(bruno.get(f"/contacts/edit/{contact.id}", headers=headers).text)
    form = {"version": contact.version, "last_name": "Peña", "birth_date": typed}
    bruno.post(f"/contacts/edit/{contact.id}", data=form, headers=headers)

    assert shown["value"] == typed.replace("31", "30")
    assert (shown["type"], shown["placeholder"]) == ("text", pattern)
    assert contact.birth_date == date(1980, 12, 31)


@pytest.mark.parametrize(
    ("typed", "of_british", "of_americans"),
    [
        ("5/4/1980", date(1980, 4, 5), date(1980, 5, 4)),
        ("05.04.1980", date(1980, 4, 5), date(1980, 5, 4)),
        ("5-4-1980", date(1980, 4, 5), date(1980, 5, 4)),
        ("5 / 4 / 1980", date(1980, 4, 5), date(1980, 5, 4)),
        ("31/12/1980", date(1980, 12, 31), None),
        ("12/31/1980", None, date(1980, 12, 31)),
        ("1980-12-31", date(1980, 12, 31), date(1980, 12, 31)),
        ("1980-12-31T00:00:00Z", date(1980, 12, 31), date(1980, 12, 31)),
        ("1980-4-5", date(1980, 4, 5), date(1980, 4, 5)),
        ("5 de abril de 1980", date(1980, 4, 5), date(1980, 4, 5)),
        ("5/4/1980 or so", None, None),
        ("5/4/80", None, None),
        ("5/4", None, None),
        ("29/2/1981", None, None),
    ],
)
def test_a_typed_date_is_read_in_the_readers_order_alone(typed, of_british, of_americans):
    assert parse_date(typed, day_first=True, is_strict=True) == of_british
    assert parse_date(typed, day_first=False, is_strict=True) == of_americans


@as_readers
def test_a_date_in_the_other_order_is_refused_in_forms_and_filters(
    bruno, language, typed, pattern
):
    first, second, year = typed.split("/")
    headers = {"Accept-Language": language}
    other = f"{second}/{first}/{year}"

    form = bruno.post("/contacts/add", data={"birth_date": other}, headers=headers)
    filter_ = bruno.get(f"/contacts/filter?filter=birth_date__is&value={other}", headers=headers)

    sentence = re.search(r'id="birth_date-error">.*?</p>', form.text, re.S)[0]
    assert other in sentence
    assert pattern in sentence
    assert typed.replace("1980", "2026") in sentence
    assert filter_.status_code == 422
    assert f'value="{other}"' in filter_.text


@as_readers
@pytest.mark.parametrize("short", ["31/12/80", "1-2-80", "80.12.31"])
def test_a_year_of_two_digits_is_asked_for_in_full(bruno, language, typed, pattern, short):
    page = bruno.post(
        "/contacts/add", data={"birth_date": short}, headers={"Accept-Language": language}
    )

    sentence = re.search(r'id="birth_date-error">.*?</p>', page.text, re.S)[0]
    assert ("cuatro cifras" if language == "es" else "four digits") in sentence
    assert _input(page.text)["value"] == short


@as_readers
@pytest.mark.parametrize("wrong", ["31/02/1980", "1980", "soon"])
def test_a_wrong_date_is_explained_in_the_readers_order(bruno, language, typed, pattern, wrong):
    page = bruno.post(
        "/contacts/add",
        data={"last_name": "Peña", "birth_date": wrong},
        headers={"Accept-Language": language},
    )

    assert page.status_code == 422
    assert pattern in re.search(r'id="birth_date-error">.*?</p>', page.text, re.S)[0]
    assert _input(page.text)["value"] == wrong


@as_readers
def test_a_filter_by_date_has_the_same_address_for_every_reader(bruno, language, typed, pattern):
    reply = bruno.get(
        f"/contacts/filter?filter=birth_date__is&value={typed}",
        headers={"Accept-Language": language},
    )

    assert "birth_date__is=1980-12-31" in reply.headers["Location"]


def test_a_wrong_date_in_a_filter_is_told_in_the_dialog_and_stays(bruno):
    for name in ("birth_date__from", "created_at__from"):
        reply = bruno.get(f"/contacts/filter?filter={name}&value=31/02/1980")

        assert reply.status_code == 422
        assert "Enter it as dd/mm/yyyy, for example 31/12/2026." in reply.text
        assert 'value="31/02/1980"' in reply.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(day=st.dates())
@pytest.mark.parametrize("language", ["es", "en-US"])
def test_a_date_in_a_form_is_read_back_as_it_was(app, language, day):
    with app.test_request_context(headers={"Accept-Language": language}):
        assert parse_date(edit_date(day), is_day_first()) == day


def test_no_template_has_an_input_that_speaks_the_browsers_language():
    """Inputs of dates and files stand inside the macros of crud/inputs.html only."""
    for path in Path("app").rglob("*.html"):
        text = path.read_text()
        if path.name != "inputs.html":
            assert not re.search(r'type="?(date|datetime-local|time|month|week)\b', text), path
        for found in re.finditer(r'type="?file\b', text):
            assert "{% call file_input(" in text[: found.start()].splitlines()[-1], path


def test_no_form_field_draws_an_input_that_speaks_the_browsers_language():
    """Only PhotoField is a file field: the template of a field draws it."""
    native = re.compile(
        r"\b(Date|DateTime|DateTimeLocal|Time|Month|Week|File|MultipleFile)(Input|Field)\b"
    )
    for path in Path("app").rglob("*.py"):
        found = {match[0] for match in native.finditer(path.read_text())}
        assert found <= ({"FileField"} if path.name == "fields.py" else set()), path


def test_no_form_leaves_its_messages_to_the_browser():
    """The browser says “Please fill out this field” in its own language, not in the page's."""
    for path in Path("app").rglob("*.html"):
        for form in re.findall(r"<form\b.*?</form>", path.read_text(), re.S):
            if re.search(r'\brequired\b(?!")|type="(email|url)"', form):
                assert re.match(r"<form\b[^>]*\bnovalidate\b", form), path
