"""The present password, asked for anew: whoever finds a browser open gets no further than that."""

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

# Wrong passwords in a quarter of an hour, from somebody who is signed in.
MAX_TRIES = 5
THROTTLE_MINUTES = 15


class PasswordConfirmedForm(FlaskForm):
    """A form that changes how one gets in, or who else does: it takes the present password.

    The password is judged when nothing else is wrong, and is never sent back to the page.
    """

    present = PasswordField(
        _l("Present password"),
        description=_l("Asked for again, so that nobody else does this at your screen."),
    )

    def needs_password(self) -> bool:
        """Say whether what is asked for takes the password at all."""
        return True

    def validate(self, extra_validators=None) -> bool:
        is_fine = super().validate(extra_validators)
        if not self.needs_password():
            return is_fine
        if not self.present.data:
            self.present.errors = [_("Fill this in.")]
            return False
        if not is_fine:
            return False
        if problem := _password_problem(current_user._get_current_object(), self.present.data):
            self.present.errors = [problem]
            return False
        return True


def _password_problem(user: StaffUser, typed: str) -> str | None:
    """Say what is wrong with a password given as the present one.

    It is counted before it is judged, and nothing is held meanwhile: what the session holds so
    far is committed.
    """
    key, kept = key_for_user("own-password", user.id), user.password
    tries = count_attempt(db.session(), key, THROTTLE_MINUTES)
    if tries == MAX_TRIES + 1:
        record_security_event(
            db.session(), "sign_in_throttled", user.as_actor(),
            about=user.id, name=str(user), address=request.remote_addr or "", step="present",
        )  # fmt: skip
    db.session.commit()
    if tries > MAX_TRIES:
        return _("Too many wrong passwords. Try again in a quarter of an hour.")
    if not check_password(kept, typed):
        return _("This is not your present password.")
    reset_count(db.session(), key)
    return None


@contextmanager
def password_confirmed(session: Session) -> Iterator[None]:
    """Let what is saved in the block be what takes the password (see ``staff/listeners.py``)."""
    session.info["proved"] = True
    try:
        yield
    finally:
        session.info.pop("proved", None)
