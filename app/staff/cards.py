"""Cards of the start page about users."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from app.crud.startpage import ListTodo
from app.i18n.clock import today
from app.i18n.counted import Counted
from app.staff.views.users import UserView

# How long before somebody's access ends the start page says so.
WARNING_DAYS = 14


class EndingAccessTodo(ListTodo):
    """Users whose access ends within two weeks."""

    screen = UserView
    icon = "person-dash"
    order = 40
    words = Counted(
        "The access of %(num)s user ends within two weeks",
        "The access of %(num)s users ends within two weeks",
    )

    @classmethod
    def query(cls) -> Mapping[str, str]:
        return {
            "active__yes": "1",
            "employed_until__from": today().isoformat(),
            "employed_until__to": (today() + timedelta(days=WARNING_DAYS)).isoformat(),
        }
