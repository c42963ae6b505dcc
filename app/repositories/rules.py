"""The rules of every repository."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement

from app.repositories.models import Repository
from app.states.rules import Rule


class HasLabel(Rule):
    """A value has a label in at least one language."""

    model = Repository
    field = "label_en"
    message = _l("Enter a name in at least one language.")

    def broken(self, row: Any) -> ColumnElement[bool]:
        return row.label_en + row.label_es == ""
