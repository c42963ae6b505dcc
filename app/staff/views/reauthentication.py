"""Reauthentication: forms that require the current password of the logged-in user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import PasswordField

from app.extensions import db
from app.log.services import record_security_event
from app.security.passwords import check_password
from app.security.throttle import count_attempt, key_for_user, reset_count
from app.staff.models import StaffUser

# Wrong passwords allowed within THROTTLE_MINUTES.
MAX_TRIES = 5
THROTTLE_MINUTES = 15


class PasswordConfirmedForm(FlaskForm):
    """A form that requires the current password, for changes of how one logs in.

    The password is checked only if all other fields are valid; it is never sent back.
    """

    present = PasswordField(
        _l("Current password"),
        description=_l("We ask for your password again to confirm that it’s you."),
    )

    def needs_password(self) -> bool:
        """Return True if the submitted change requires the password."""
        return True

    def validate(self, extra_validators=None) -> bool:
        is_valid = super().validate(extra_validators)
        if not self.needs_password():
            return is_valid
        if not self.present.data:
            self.present.errors = [_("This field is required.")]
            return False
        if not is_valid:
            return False
        if problem := _password_problem(current_user._get_current_object(), self.present.data):
            self.present.errors = [problem]
            return False
        return True


def _password_problem(user: StaffUser, typed: str) -> str | None:
    """Return an error message if ``typed`` is not the user's password, else None.

    The attempt is counted, and the database session committed, before the slow check.
    """
    key, password_hash = key_for_user("own-password", StaffUser, user.id), user.password
    tries = count_attempt(db.session(), key, THROTTLE_MINUTES)
    if tries == MAX_TRIES + 1:
        record_security_event(
            db.session(), "sign_in_throttled", user.as_actor(),
            about=user.id, name=str(user), address=request.remote_addr or "", step="present",
        )  # fmt: skip
    db.session.commit()
    if tries > MAX_TRIES:
        return _("Too many wrong passwords. Try again in 15 minutes.")
    if not check_password(password_hash, typed):
        return _("The current password is not correct.")
    reset_count(db.session(), key)
    return None


@contextmanager
def password_confirmed(session: Session) -> Iterator[None]:
    """Allow changes inside the block that require the password (see ``staff/listeners.py``)."""
    session.info["password_confirmed"] = True
    try:
        yield
    finally:
        session.info.pop("password_confirmed", None)
