"""Cards of the start page about contacts."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import lazy_gettext as _l

from app.contacts.views.contacts import ContactView
from app.crud.monthlychart import MonthlyChart
from app.crud.startpage import Figure, ListTodo
from app.i18n.clock import today
from app.i18n.counted import Counted


class ContactsFigure(Figure):
    """All contacts."""

    screen = ContactView
    label = _l("Contacts")
    icon = "people"
    order = 10


class NewContactsFigure(Figure):
    """The contacts created this month."""

    screen = ContactView
    label = _l("New this month")
    icon = "person-plus"
    order = 12

    @classmethod
    def query(cls) -> Mapping[str, str]:
        return {"created_at__from": today().replace(day=1).isoformat()}


class UnreachableContactsTodo(ListTodo):
    """Contacts without e-mail and telephone."""

    screen = ContactView
    icon = "person-exclamation"
    order = 30
    words = Counted(
        "%(num)s contact has no e-mail and no phone",
        "%(num)s contacts have no e-mail and no phone",
    )

    @classmethod
    def query(cls) -> Mapping[str, str]:
        return dict.fromkeys(("email__empty", "phone__empty", "mobile__empty"), "1")


class NewContactsChart(MonthlyChart):
    """New contacts by month."""

    name = "new-contacts"
    screen = ContactView
    label = _l("New contacts by month")
    icon = "bar-chart"
    order = 40
