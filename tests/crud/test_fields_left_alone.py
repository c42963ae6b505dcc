"""A field that is left alone keeps its stored value, which may say more than the field shows."""

from __future__ import annotations

from datetime import UTC, datetime

from werkzeug.datastructures import MultiDict

from app.crud.fields import make_typed_field
from app.crud.forms import RowForm
from app.fieldtypes import DateTime


class MomentForm(RowForm):
    """A form with a moment."""

    at = make_typed_field(DateTime(), "At", required=True)


class Row:
    """What the form is filled from."""

    at = datetime(2026, 7, 1, 8, 30, 0, 123456, tzinfo=UTC)


def sent(app, typed: str) -> datetime:
    with app.test_request_context(headers={"Accept-Language": "es"}):
        form = MomentForm(formdata=MultiDict({"at": typed}), obj=Row, meta={"csrf": False})
        assert form.validate()
        return form.at.data


def test_a_moment_that_is_left_alone_keeps_its_fraction_of_a_second(app):
    assert sent(app, "01/07/2026 10:30") == Row.at
    assert sent(app, "01/07/2026 10:31") == datetime(2026, 7, 1, 8, 31, tzinfo=UTC)
