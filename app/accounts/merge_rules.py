"""What a merge of accounts does with the accounts below them."""

from __future__ import annotations

from app.accounts.models import Account
from app.i18n.counted import Counted
from app.merging.mergerule import MoveRows


class MoveChildAccounts(MoveRows):
    """Put the accounts below the merged one below the one that stays."""

    target = rows = Account
    attribute = "parent_id"
    words = Counted("%(num)s account below it", "%(num)s accounts below it")
