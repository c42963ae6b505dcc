"""Field types parse what users type, in both languages, and format it again."""

from __future__ import annotations

import contextlib
from datetime import date
from decimal import Decimal

import pytest
from flask_babel import force_locale
from hypothesis import given
from hypothesis import strategies as st

from app import fieldtypes
from app.accounts.models import Account
from app.contacts.models import Contact
from app.errors import DomainError
from app.fieldtypes import Boolean, Hints, get_field_type
from app.i18n.dates import parse_date
from app.i18n.places import countries, find_country

CONTACT, ACCOUNT = Contact.__table__.c, Account.__table__.c
SPAIN, STATES = Hints(country="ES"), Hints(country="US", day_first=False)

in_both_languages = pytest.mark.parametrize("language", ["en", "es"])


@pytest.fixture(autouse=True)
def context(app):
    """Push an application context: error messages are translated."""
    with app.app_context():
        yield


def parse(column, typed, hints=SPAIN):
    return get_field_type(column).parse(typed, hints)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("927 21 45 67", "+34927214567"),
        ("(927) 21-45-67", "+34927214567"),
        ("0034 927214567", "+34927214567"),
        ("+44 20 7946 0958", "+442079460958"),
        ("927 214 567 ext. 12", "+34927214567;ext=12"),
        ("", None),
        ("   ", None),
    ],
)
def test_a_phone_number_is_normalized_to_e164(typed, stored):
    assert parse(CONTACT.phone, typed) == stored


def test_a_phone_number_without_prefix_belongs_to_the_given_country():
    assert parse(CONTACT.phone, "(212) 555-0123", STATES) == "+12125550123"


@pytest.mark.parametrize("typed", ["927 21", "call me", "+34", "1" * 40])
def test_an_invalid_phone_number_is_refused(typed):
    with pytest.raises(DomainError, match="not a valid phone number"):
        parse(CONTACT.phone, typed)


def test_a_formatted_phone_number_parses_to_the_same_value():
    field_type = get_field_type(CONTACT.phone)
    for stored in ("+34927214567", "+12125550123", "+34927214567;ext=12"):
        assert field_type.parse(field_type.show(stored), SPAIN) == stored
        assert field_type.parse(field_type.write(stored), SPAIN) == stored


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Ana.Garcia@Example.ORG ", "ana.garcia@example.org"),
        ("ana+tag@example.org", "ana+tag@example.org"),
        ("josé@ñandú.es", "josé@ñandú.es"),
    ],
)
def test_an_email_address_is_normalized(typed, stored):
    assert parse(CONTACT.email, typed) == stored


@pytest.mark.parametrize("typed", ["ana", "ana@", "@example.org", "a b@example.org", "ana@x..y"])
def test_an_invalid_email_address_is_refused(typed):
    with pytest.raises(DomainError, match="e-mail"):
        parse(CONTACT.email, typed)


@pytest.mark.parametrize(
    ("typed", "hints", "day"),
    [
        ("1978-03-14", SPAIN, date(1978, 3, 14)),
        ("14/03/1978", SPAIN, date(1978, 3, 14)),
        ("14.3.1978", SPAIN, date(1978, 3, 14)),
        ("03/04/1978", SPAIN, date(1978, 4, 3)),
        ("03/04/1978", STATES, date(1978, 3, 4)),
        ("03/14/1978", SPAIN, date(1978, 3, 14)),
        ("14/03/1978", STATES, date(1978, 3, 14)),
        ("1978-03-14 00:00:00", SPAIN, date(1978, 3, 14)),
        ("1978-03-14T00:00:00", SPAIN, date(1978, 3, 14)),
        # Neither 1878 nor 2078 is possible.
        ("14/03/78", SPAIN, date(1978, 3, 14)),
        ("3/14/78", STATES, date(1978, 3, 14)),
        # 1900 was no leap year.
        ("29/2/00", SPAIN, date(2000, 2, 29)),
    ],
)
def test_a_date_is_parsed_in_the_usual_formats(typed, hints, day):
    assert parse(CONTACT.birth_date, typed, hints) == day


@pytest.mark.parametrize(
    "typed", ["31/02/1978", "31/02/78", "yesterday", "1978", "0/0/2000", "-1-2-3", "٣/٣/٢٠٠٠"]
)
def test_an_invalid_date_is_refused(typed):
    with pytest.raises(DomainError, match="date"):
        parse(CONTACT.birth_date, typed)


@pytest.mark.parametrize("typed", ["14/03/08", "1.2.20", "01-Sep-08"])
def test_the_century_of_a_date_is_not_guessed(typed):
    with pytest.raises(DomainError, match="four digits"):
        parse(CONTACT.birth_date, typed)


def test_a_person_types_the_year_in_full():
    with pytest.raises(DomainError, match="four digits"):
        parse(CONTACT.birth_date, "14/03/78", Hints(country="ES", is_strict=True))


@given(st.dates())
def test_a_formatted_date_parses_to_the_same_value(day):
    assert parse_date(day.isoformat(), day_first=True) == day


@in_both_languages
@pytest.mark.parametrize(
    ("typed", "code"),
    [("Spain", "ES"), ("España", "ES"), ("espana", "ES"), ("ESP", "ES"), ("es", "ES"),
     ("Estados Unidos", "US"), ("USA", "US"), ("EE. UU.", "US"), ("Reino Unido", "GB")],
)  # fmt: skip
def test_a_country_is_parsed_in_both_languages(language, typed, code):
    with force_locale(language):
        assert parse(CONTACT.country, typed) == code


@in_both_languages
def test_every_country_is_found_by_its_displayed_name(language):
    for code, name in countries(language):
        assert find_country(name) == code


def test_an_unknown_country_is_refused():
    with pytest.raises(DomainError, match="not a valid country"):
        parse(CONTACT.country, "Atlantis")


FORM = Hints(country="ES", is_strict=True)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("Cáceres", "ES-CC"), ("CC", "ES-CC"), ("Coruña (A)", "ES-C"), ("N/A", None), ("s/d", None),
     ("-", None), ("Nowhere", "Nowhere")],
)  # fmt: skip
def test_a_province_is_stored_as_code_or_as_a_file_has_it(typed, stored):
    assert parse(CONTACT.province, typed) == stored


def test_a_form_takes_no_other_province_of_spain():
    assert parse(CONTACT.province, "Lugo", FORM) == "ES-LU"
    assert parse(CONTACT.province, "N/A", FORM) is None
    with pytest.raises(
        DomainError, match=r"“cac” is not a province of Spain\. Did you mean Cáceres"
    ):
        parse(CONTACT.province, "cac", FORM)
    with pytest.raises(DomainError, match="Choose one from the list, or another country"):
        parse(CONTACT.province, "Lisboa", FORM)
    assert parse(CONTACT.province, "Nowhere", Hints("US", is_strict=True)) == "Nowhere"


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [("8001", "ES", "08001"), ("08001", "ES", "08001"), ("10003", "ES", "10003"),
     ("8001", "CH", "8001"), ("0123", "ES", "0123"), ("SW1A 1AA", "GB", "SW1A 1AA")],
)  # fmt: skip
def test_a_spanish_postcode_gets_back_its_leading_zero(typed, country, stored):
    assert parse(CONTACT.postcode, typed, Hints(country)) == stored


@pytest.mark.parametrize(
    "typed",
    ["12 de marzo de 1980", "12 marzo 1980", "12-mar-1980", "12 Mar 1980", "March 12, 1980",
     "Mar 12 1980", "12 mar. 1980"],
)  # fmt: skip
def test_a_date_with_the_name_of_the_month_is_parsed(typed):
    assert parse(CONTACT.birth_date, typed) == date(1980, 3, 12)


def test_a_date_of_birth_is_neither_in_the_future_nor_before_1900():
    field_type = get_field_type(CONTACT.birth_date)
    field_type.validate(date(1900, 1, 1))
    for day, sentence in ((date(2980, 1, 1), "in the future"), (date(1899, 12, 31), "from 1900")):
        with pytest.raises(DomainError, match=sentence):
            field_type.validate(day)


@in_both_languages
@pytest.mark.parametrize(
    ("typed", "code"),
    [("Mr", "mr"), ("Sr.", "mr"), ("doña", "ms"), ("DRA", "dr"), ("Prof.", "prof"), ("mx", "mx")],
)
def test_a_salutation_is_parsed_in_both_languages(language, typed, code):
    with force_locale(language):
        assert parse(CONTACT.salutation, typed) == code


@pytest.mark.parametrize("typed", ["Inglés", "English", "en"])
def test_a_language_is_parsed_in_both_languages(typed):
    assert parse(CONTACT.language, typed) == "en"


def test_an_unknown_choice_is_refused():
    with pytest.raises(DomainError, match="not a valid option"):
        parse(CONTACT.salutation, "friend")


def test_text_that_is_too_long_is_refused_and_not_truncated():
    assert parse(CONTACT.first_name, "a" * 80) == "a" * 80
    with pytest.raises(DomainError, match="80 characters"):
        parse(CONTACT.first_name, "a" * 81)


def test_length_is_counted_in_characters_and_not_in_bytes():
    assert parse(CONTACT.first_name, "ñ" * 80) == "ñ" * 80


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("example.org", "https://example.org"), ("http://example.org/x", "http://example.org/x")],
)
def test_a_url_without_scheme_gets_https(typed, stored):
    assert parse(ACCOUNT.website, typed) == stored


@pytest.mark.parametrize("typed", ["javascript:alert(1)", "ftp://example.org", "nothing"])
def test_an_invalid_url_is_refused(typed):
    with pytest.raises(DomainError, match="web address"):
        parse(ACCOUNT.website, typed)


@pytest.mark.parametrize("typed", ["http://[::1", "https://exa mple.org"])
def test_a_malformed_url_raises_nothing_but_a_domain_error(typed):
    with contextlib.suppress(DomainError):
        parse(ACCOUNT.website, typed)


@pytest.mark.parametrize(
    ("typed", "value"),
    [("1.234,56", "1234.56"), ("1,234.56", "1234.56"), ("12,5", "12.5"), ("-3", "-3")],
)
def test_a_number_is_parsed_with_either_decimal_sign(typed, value):
    assert fieldtypes.Decimal().parse(typed, SPAIN) == Decimal(value)


@pytest.mark.parametrize("typed", ["NaN", "Infinity", "1e999999999", "abc", "--1"])
def test_an_invalid_number_is_refused(typed):
    with pytest.raises(DomainError):
        fieldtypes.Decimal().parse(typed, SPAIN)


@pytest.mark.parametrize(
    ("typed", "value"), [("sí", True), ("X", True), ("No", False), ("0", False)]
)
def test_yes_and_no_are_parsed_in_both_languages(typed, value):
    assert Boolean().parse(typed, SPAIN) is value
