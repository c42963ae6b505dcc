"""Numbers of rows in words, such as “4 contacts”."""

from __future__ import annotations

from typing import Any

from flask_babel import ngettext

from app.i18n.formats import show_number


class Counted:
    """A lazy ``ngettext``: call it with the number to get the text in the reader's language.

    ``make translations`` finds its two texts by the name of this class.
    """

    def __init__(self, one: str, many: str) -> None:
        self.one = one
        self.many = many

    def __call__(self, number: int, **variables: Any) -> str:
        """Return the text for a number, which is formatted for the reader."""
        return ngettext(self.one, self.many, number, num=show_number(number), **variables)
