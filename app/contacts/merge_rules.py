"""What a merge does with contacts that are linked to the merged contact or account."""

from __future__ import annotations

from app.accounts.models import Account
from app.contacts.models import Contact
from app.i18n.counted import Counted
from app.merging.mergerule import MoveRows


class MoveReports(MoveRows):
    """Let those who report to the merged contact report to the one that stays."""

    target = rows = Contact
    attribute = "manager_id"
    words = Counted("%(num)s contact who reports to them", "%(num)s contacts who report to them")


class MoveContacts(MoveRows):
    """Move the contacts of the merged account to the one that stays."""

    target, rows = Account, Contact
    attribute = "account_id"
    words = Counted("%(num)s contact", "%(num)s contacts")
