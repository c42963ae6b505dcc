"""What can be done with another user, in the menu of their page."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.crud.header_actions import HeaderAction
from app.crud.screens import Screen
from app.security.actor import current_actor
from app.staff.models import StaffUser
from app.staff.views.account_two_factor import RemoveSecondFactorView
from app.staff.views.password_links import PasswordLinkView


class SendPasswordLink(HeaderAction):
    """Send a link to choose a new password."""

    model = StaffUser
    label = _l("Send password link")
    icon = "envelope-paper"
    right = ("can_edit", StaffUser)
    in_menu = is_post = True
    confirm_label = _l("Send link")

    @classmethod
    def url(cls, row: StaffUser, screen: Screen) -> str:
        return url_for(f"{PasswordLinkView.__name__}.link", pk=row.id) if _is_managed(row) else ""

    @classmethod
    def question(cls, row: StaffUser) -> str:
        return _(
            "Send %(name)s a link to choose a new password? Their current password and API keys"
            " will stop working, and they will be signed out on all devices.",
            name=str(row),
        )


class RemoveSecondFactor(HeaderAction):
    """Turn off two-factor authentication."""

    model = StaffUser
    label = _l("Turn off two-factor authentication")
    icon = "shield-slash"
    order = 60
    right = ("can_edit", StaffUser)
    in_menu = is_post = is_dangerous = True
    confirm_label = _l("Turn off")

    @classmethod
    def url(cls, row: StaffUser, screen: Screen) -> str:
        is_possible = _is_managed(row) and row.totp_secret
        view = RemoveSecondFactorView.__name__
        return url_for(f"{view}.take_off", pk=row.id) if is_possible else ""

    @classmethod
    def question(cls, row: StaffUser) -> str:
        return _(
            "Turn off two-factor authentication for “%(name)s”? Do this only if you are sure who"
            " is asking.",
            name=str(row),
        )


def _is_managed(row: Any) -> bool:
    """Return True for a user who can sign in and is somebody else."""
    return row.id != current_actor().id and row.is_active
