"""Numbers of rows in words, such as “4 contacts”."""

from __future__ import annotations

from flask_babel import get_domain

from app.i18n.formats import show_number


class Counted:
    """A lazy ``ngettext``: call it with the number to get the text in the reader's language.

    ``make translations`` finds its two texts by the name of this class.
    """

    def __init__(self, one: str, many: str) -> None:
        self.one = one
        self.many = many

    def __call__(self, number: int) -> str:
        """Return the text for a number, which is formatted for the reader."""
        text = get_domain().get_translations().ungettext(self.one, self.many, number)
        return text % {"num": show_number(number)}
