"""Answers are stored in one way, and shown and read in the language of whoever reads them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Column, Date
from werkzeug.datastructures import MultiDict

from app import types
from app.crud.fields import make_typed_field
from app.fieldtypes import get_field_type
from app.operations.actionbase import ActionForm, answers_to_json

QUANTITY = Column("quantity", types.Quantity(), info={"kind": "quantity"})
DAY = Column("day", Date)


class SampleForm(ActionForm):
    """The form of an action with a number and a date."""

    quantity = make_typed_field(get_field_type(QUANTITY), "Quantity", required=True)
    day = make_typed_field(get_field_type(DAY), "Day", required=True)


@pytest.mark.parametrize(
    ("asks", "typed"),
    [("es", ("1.234,5", "01/02/2026")), ("en-US", ("1,234.5", "02/01/2026"))],
)
@pytest.mark.parametrize(
    ("reads", "shown"),
    [("es", ("1234,5", "01/02/2026")), ("en-US", ("1234.5", "02/01/2026"))],
)
def test_an_answer_means_the_same_in_every_language(app, asks, typed, reads, shown):
    with app.test_request_context(headers={"Accept-Language": asks}):
        answers = MultiDict(zip(("quantity", "day"), typed, strict=True))
        form = SampleForm(formdata=answers, meta={"csrf": False})
        assert form.validate()
        stored = answers_to_json(form)
    with app.test_request_context(headers={"Accept-Language": reads}):
        form = SampleForm(formdata=MultiDict(stored), meta={"csrf": False, "is_stored": True})
        assert (form.quantity._value(), form.day._value()) == shown
        assert form.validate()
        assert (form.quantity.data, form.day.data) == (Decimal("1234.5"), date(2026, 2, 1))


def test_a_number_of_three_decimals_is_not_taken_for_thousands(app):
    with app.test_request_context(headers={"Accept-Language": "es"}):
        stored = {"quantity": ["1.234"], "day": ["2026-02-01"]}
        form = SampleForm(formdata=MultiDict(stored), meta={"csrf": False, "is_stored": True})
        assert form.validate()
        assert form.quantity.data == Decimal("1.234")
