"""Cards of the start page about accounts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.accounts.views import AccountView
from app.crud.startpage import Figure


class AccountsFigure(Figure):
    """All accounts."""

    screen = AccountView
    label = _l("Accounts")
    icon = "building"
    order = 20
