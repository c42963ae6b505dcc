"""API resources of accounts and their types."""

from __future__ import annotations

from app.accounts.views import AccountTypeView, AccountView
from app.crud.api import ModelApi


class AccountApi(ModelApi):
    """Companies and organisations."""

    view = AccountView


class AccountTypeApi(ModelApi):
    """Customer, prospect, partner, supplier…"""

    view = AccountTypeView
