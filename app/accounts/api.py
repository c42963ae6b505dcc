"""API resource of accounts."""

from __future__ import annotations

from app.accounts.views import AccountView
from app.crud.api import ModelApi


class AccountApi(ModelApi):
    """Companies and organisations."""

    view = AccountView
