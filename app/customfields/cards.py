"""Cards of the start page about custom fields."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from flask_babel import gettext as _

from app.crud.screens import Screen, find_screen
from app.crud.startpage import Todo, TodoEntry, list_url, select_listed
from app.customfields.slots import SlotField
from app.i18n.formats import show_number


class ExpiredTodo(Todo):
    """Dates that have expired, or are about to, for each custom field with a validity."""

    icon = "calendar-x"
    order = 35

    @classmethod
    def entries(cls) -> Sequence[TodoEntry]:
        entries = []
        for field in SlotField.all():
            screen = find_screen(field.model)
            # Without the index, which a job makes, every row would be read to count them.
            if "validity_months" not in field.info or not field.is_indexed:
                continue
            if screen is None or not screen.can("can_list"):
                continue
            filters = {"expired": "1", "within": field.info["warn_days"]}
            for name, value in filters.items():
                if value:
                    query = {f"{field.name}__{name}": str(value)}
                    words = partial(_words, field, screen, name)
                    entries.append(
                        TodoEntry(select_listed(screen, query), words, list_url(screen, query))
                    )
        return entries


def _words(field: type[SlotField], screen: Screen, state: str, number: int) -> str:
    rows: Any = screen.counted(number)
    if state == "expired":
        return _("%(rows)s: “%(field)s” has expired", rows=rows, field=field.label)
    return _(
        "%(rows)s: “%(field)s” expires within %(days)s days",
        rows=rows, field=field.label, days=show_number(field.info["warn_days"]),
    )  # fmt: skip
