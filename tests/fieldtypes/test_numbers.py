"""Numbers, money, percentages and durations: typed in both languages, stored exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask_babel import force_locale
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, func, insert, select, text

from app import types
from app.errors import DomainError
from app.fieldtypes import Duration, Hints, Integer, Money, Percent, Quantity, get_field_type
from app.fieldtypes.numbers import parse_number
from app.i18n.formats import edit_number
from app.types import round_half_up

SPANISH, ENGLISH, FILE = Hints("ES", decimal_sign=","), Hints("ES", decimal_sign="."), Hints("ES")
AMOUNT = Column("amount", types.Money(), info={"kind": "money"})
RATE = Column("rate", types.Percent(), info={"kind": "percent"})
NUMBER_OF = Column("quantity", types.Quantity(), info={"kind": "quantity"})


@pytest.fixture(autouse=True)
def context(app):
    """Push an application context: error messages are translated."""
    with app.test_request_context(method="POST"):
        yield


@pytest.mark.parametrize(
    ("typed", "sign", "number"),
    [
        ("1.234,56", ",", "1234.56"),
        ("1,234.56", ".", "1234.56"),
        ("1.234", ",", "1234"),
        ("1.234", ".", "1.234"),
        ("1,234", ".", "1234"),
        ("1,5", ",", "1.5"),
        # The numeric keypad has a point in every language.
        ("12.5", ",", "12.5"),
        ("12,5", ".", "12.5"),
        ("1.234.567", ",", "1234567"),
        ("1.234.567", None, "1234567"),
        ("1,234,567.8", None, "1234567.8"),
        ("1 234 567,8", ",", "1234567.8"),
        ("1 234,5", ",", "1234.5"),
        ("-1.234,50", ",", "-1234.50"),
        ("−3", ",", "-3"),
        ("+3", ".", "3"),
        (",5", ",", "0.5"),
        ("5,", ",", "5"),
        ("0", ",", "0"),
        ("1234567890123", ".", "1234567890123"),
        ("1,5", None, "1.5"),
        ("1.5", None, "1.5"),
    ],
)
def test_a_number_is_read_as_the_language_writes_it(typed, sign, number):
    assert parse_number(typed, sign) == Decimal(number)


@pytest.mark.parametrize("sign", [",", ".", None])
@pytest.mark.parametrize(
    "typed",
    ["", "x", "1.2.3", "1,2,3", "1..2", "1,,2", "--1", "1-", ".", ",", "1e5", "NaN", "Infinity",
     "٣", "1.23,45.6", "12 34", "1,234.567,8", "0x10", "½"],
)  # fmt: skip
def test_what_is_no_number_in_any_language_is_refused(typed, sign):
    assert parse_number(typed, sign) is None


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9
    )
)
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_number_in_a_form_is_read_back_as_it_was(language, number):
    with force_locale(language):
        hints = SPANISH if language == "es" else ENGLISH
        for column in (NUMBER_OF, RATE):
            field_type = get_field_type(column)
            assert field_type.parse(field_type.edit(number), hints) == number
            assert field_type.parse(field_type.write(number), FILE) == number
            assert (
                field_type.parse(field_type.form_text(field_type.to_json(number)), hints) == number
            )


@pytest.mark.parametrize(
    ("typed", "hints", "amount"),
    [
        ("12,50 €", SPANISH, "12.50"), ("€12.50", ENGLISH, "12.50"), ("1.234,5", SPANISH, "1234.5"),
        ("EUR 12", ENGLISH, "12"), ("-0,01", SPANISH, "-0.01"), ("12.5", SPANISH, "12.5"),
    ],
)  # fmt: skip
def test_an_amount_is_typed_with_or_without_its_sign(typed, hints, amount):
    assert get_field_type(AMOUNT).parse(typed, hints) == Decimal(amount)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("1,234", "up to 2 decimals"), ("9" * 15, "not a valid number|too large"), ("ten", "not a valid number"),
     ("12 $ €", "not a valid number")],
)  # fmt: skip
def test_an_amount_that_cannot_be_stored_is_refused(typed, sentence):
    hints = SPANISH
    field_type = get_field_type(AMOUNT)
    if typed == "9" * 15:
        assert field_type.parse(typed, hints) == Decimal(typed)
        typed = "9" * 17
    with pytest.raises(DomainError, match=sentence):
        field_type.parse(typed, hints)


@pytest.mark.parametrize(
    ("language", "money", "percent"),
    [("en", "€1,234.50", "21.5%"), ("es", "1.234,50\xa0€", "21,5\xa0%")],
)
def test_money_and_percentages_are_shown_as_the_language_writes_them(language, money, percent):
    with force_locale(language):
        assert Money().show(Decimal("1234.50")) == money
        assert Percent().show(Decimal("21.5")) == percent
        assert Money().edit(Decimal("1234.5")) == ("1234,50" if language == "es" else "1234.50")


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [("1:30", 90), ("90", 90), ("90 min", 90), ("1 h 30 min", 90), ("1h30", 90), ("2 h", 120), ("2 horas", 120),
     ("0:05", 5), ("1h 5m", 65), ("0", 0)],
)  # fmt: skip
def test_a_duration_is_read_in_the_usual_ways(typed, minutes):
    duration = Duration()
    assert duration.parse(typed, SPANISH) == minutes
    assert duration.parse(duration.edit(minutes), SPANISH) == minutes
    assert duration.parse(duration.write(minutes), FILE) == minutes
    assert duration.parse(duration.show(minutes), SPANISH) == minutes


@pytest.mark.parametrize("typed", ["1:75", "h", "-5", "1:2:3", "soon", "1 d"])
def test_what_is_no_duration_is_refused(typed):
    with pytest.raises(DomainError, match="not a duration"):
        Duration().parse(typed, SPANISH)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        ("0.005", "0.01"),
        ("-0.005", "-0.01"),
        ("2.675", "2.68"),
        ("1.0049999", "1.00"),
        ("1.015", "1.02"),
    ],
)
def test_amounts_are_rounded_half_up(value, rounded):
    assert round_half_up(Decimal(value)) == Decimal(rounded)


@pytest.mark.both_databases
def test_sums_comparisons_and_orders_of_amounts_are_exact(session):
    amounts = Table("amount_sample", MetaData(), Column("amount", types.Money(), nullable=True))
    connection = session.connection()
    amounts.create(connection)
    values = [
        Decimal(v)
        for v in ("0.10", "0.20", "-0.30", "0.10", "0.20", "-0.30", "92233720368547758.07")
    ]
    connection.execute(insert(amounts), [{"amount": value} for value in values])

    small = select(func.sum(amounts.c.amount)).where(amounts.c.amount < 1)
    assert connection.scalar(small) == 0
    assert connection.scalar(select(func.sum(amounts.c.amount))) == Decimal("92233720368547758.07")
    assert connection.scalar(select(func.count()).where(amounts.c.amount == Decimal("0.1"))) == 2
    assert list(connection.scalars(select(amounts.c.amount).order_by(amounts.c.amount))) == sorted(
        values
    )
    kind = "typeof(amount)" if connection.dialect.name == "sqlite" else "pg_typeof(amount)::text"
    assert set(connection.scalars(text(f"SELECT {kind} FROM amount_sample"))) <= {
        "integer",
        "bigint",
    }


@pytest.mark.parametrize("wrong", [0.1, Decimal("0.001")])
def test_a_float_and_too_many_decimals_are_not_stored(wrong):
    with pytest.raises(ValueError, match=r"float|decimals"):
        types.Money().process_bind_param(wrong, None)


def test_the_type_of_a_column_gives_its_field_type():
    assert type(get_field_type(Column("x", types.Money()))).name == "number"
    assert isinstance(get_field_type(AMOUNT), Money)
    assert isinstance(get_field_type(NUMBER_OF), Quantity)
    assert type(get_field_type(Column("x", types.UTCDateTime()))).name == "moment"
    assert type(Integer()).name == "whole"
    assert edit_number(Decimal("0.00")) == "0"
