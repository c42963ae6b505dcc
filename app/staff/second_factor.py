"""Turn the second factor on and off, and renew recovery codes."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.log.services import record_security_event
from app.security.actor import Actor
from app.security.models import RecoveryCode, SignInSession
from app.security.sessions import end_sessions
from app.security.two_factor import (
    delete_recovery_codes,
    encrypt_secret,
    make_recovery_codes,
    matching_step,
)
from app.staff.models import StaffUser
from app.staff.notifications import notify


def turn_on(
    session: Session, user: StaffUser, secret: str, typed: str, *, keep: str | None = None
) -> list[str]:
    """Store a TOTP secret after checking a code of it; return the new recovery codes.

    All other sessions of the user end, as they were opened with the password alone.
    """
    step = matching_step(secret, typed)
    if step is None:
        raise DomainError(
            _("This code is not correct. Check that your phone’s clock is right."),
            field="code",
        )
    user.totp_secret, user.totp_step = encrypt_secret(secret), step
    session.flush()
    codes = make_recovery_codes(session, RecoveryCode, user.id)
    end_sessions(session, SignInSession, [user.id], "two_factor", keep=keep)
    record_security_event(
        session, "second_factor_on", user.as_actor(), about=user.id, name=str(user)
    )
    notify(session, user, "second_factor_on")
    return codes


def turn_off(session: Session, user: StaffUser, actor: Actor, *, keep: str | None = None) -> None:
    """Remove the second factor; if a role requires one, the next login sets up a new one."""
    user.totp_secret, user.totp_step = None, None
    session.flush()
    delete_recovery_codes(session, RecoveryCode, user.id)
    end_sessions(session, SignInSession, [user.id], "two_factor", keep=keep)
    record_security_event(session, "second_factor_off", actor, about=user.id, name=str(user))
    notify(session, user, "second_factor_off", actor)


def renew_codes(session: Session, user: StaffUser) -> list[str]:
    """Replace a user's recovery codes and return the new ones, to be shown once."""
    codes = make_recovery_codes(session, RecoveryCode, user.id)
    record_security_event(
        session, "recovery_codes_made", user.as_actor(), about=user.id, name=str(user)
    )
    notify(session, user, "recovery_codes_made")
    return codes
