"""Login by password: count the attempt, check the password, open the session."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from app.i18n.clock import today
from app.log.services import record_security_event
from app.security.actor import NOBODY
from app.security.models import SignInSession
from app.security.passwords import check_password
from app.security.sessions import create_session
from app.security.throttle import (
    count_attempt,
    key_for_address,
    key_for_text,
    key_for_user,
    reset_count,
    uncount_attempt,
)
from app.staff.models import StaffUser
from app.staff.queries import matches_login
from app.text import clean
from app.types import now

THROTTLE_KIND = "sign-in"
MAX_PER_ACCOUNT = 5
MAX_PER_ADDRESS = 20
THROTTLE_MINUTES = 15


@dataclass(frozen=True, kw_only=True)
class LoginAttempt:
    """A login attempt: the account it names, if any, and the recent attempts."""

    address: str
    address_key: str
    address_count: int
    account_key: str = ""
    account_count: int = 0
    user_id: int | None = None
    name: str = ""
    password_hash: str | None = None
    may_log_in: bool = False

    @property
    def is_blocked(self) -> bool:
        """Return True if the address has used up its attempts."""
        return self.address_count > MAX_PER_ADDRESS

    def has_password(self, password: str) -> bool:
        """Check the password, outside of a transaction; every result takes equally long.

        Beyond the account's limit a dummy hash is checked: it looks like a wrong password.
        """
        is_within_limit = self.account_count <= MAX_PER_ACCOUNT
        matches = check_password(self.password_hash if is_within_limit else None, password)
        return matches and is_within_limit and self.may_log_in


def begin_attempt(session: Session, typed: str, address: str) -> LoginAttempt:
    """Count an attempt of the address and on the account; the caller commits at once."""
    address_key = key_for_address(THROTTLE_KIND, address)
    address_count = count_attempt(session, address_key, THROTTLE_MINUTES)
    known = {"address": address, "address_key": address_key, "address_count": address_count}
    if address_count > MAX_PER_ADDRESS:
        if address_count == MAX_PER_ADDRESS + 1:
            record_security_event(session, "sign_in_throttled", NOBODY, address=address)
        return LoginAttempt(**known)  # type: ignore[arg-type]
    typed = clean(typed)[:400]
    # Read the settings now, for every account alike: only those whose employment ends ask the date.
    today()
    user = session.scalar(_user_query(typed))
    # One count per account, whether it is named by user name or by e-mail.
    account_key = (
        key_for_text(THROTTLE_KIND, typed.lower())
        if user is None
        else key_for_user(THROTTLE_KIND, StaffUser, user.id)
    )
    known |= {
        "account_key": account_key,
        "account_count": count_attempt(session, account_key, THROTTLE_MINUTES),
    }
    if user is not None:
        known |= {
            "user_id": user.id,
            "name": str(user),
            "password_hash": user.password,
            "may_log_in": user.is_active,
        }
    return LoginAttempt(**known)  # type: ignore[arg-type]


def _user_query(typed: str):
    """Select the user with a user name, or else an e-mail, inactive and trashed included."""
    is_name = or_(StaffUser.username == typed, func.lower(StaffUser.username) == typed.lower())
    return (
        select(StaffUser)
        .where(matches_login(typed))
        .order_by(case((is_name, 0), else_=1), StaffUser.id)
        .limit(1)
        .execution_options(with_trash=True)
    )


def lock_user(session: Session, attempt: LoginAttempt) -> StaffUser | None:
    """Lock the user's row until the commit; return None if the password changed meanwhile.

    Checking a password takes time. Somebody who changes it in that time, and ends all sessions,
    must not miss the one that is about to be opened with the old password.
    """
    user = session.get(StaffUser, attempt.user_id, populate_existing=True, with_for_update=True)
    return (
        user
        if user is not None and user.is_active and user.password == attempt.password_hash
        else None
    )


def record_failure(session: Session, attempt: LoginAttempt) -> None:
    """Log a failed attempt, with the same work for every account.

    The typed name is not logged: people type their password into its field.
    """
    is_first_beyond = attempt.account_count == MAX_PER_ACCOUNT + 1
    record_security_event(
        session,
        "sign_in_throttled" if is_first_beyond else "sign_in_failed",
        NOBODY,
        about=attempt.user_id,
        name=attempt.name,
        address=attempt.address,
    )


def record_success(session: Session, attempt: LoginAttempt, renewed: str | None) -> None:
    """Reset the counts; store ``renewed``, the hash made with today's method, if given."""
    reset_count(session, attempt.account_key)
    uncount_attempt(session, attempt.address_key)
    if renewed is not None:
        # A Core statement: the password itself is the same, so no session must end.
        table = StaffUser.__table__
        same = (table.c.id == attempt.user_id, table.c.password == attempt.password_hash)
        session.execute(update(table).where(*same).values(password=renewed))


def open_session(
    session: Session,
    user: StaffUser,
    *,
    address: str,
    agent: str,
    how: str,
    language: str | None = None,
) -> str:
    """Open a session for an authenticated user, log it, and return its token."""
    table = StaffUser.__table__
    values = {
        "last_login": now().replace(tzinfo=None),
        "login_count": func.coalesce(table.c.login_count, 0) + 1,
        "language": func.coalesce(table.c.language, language),
    }
    # A Core statement: it must not raise the row's version, which open forms compare.
    session.execute(update(table).where(table.c.id == user.id).values(values))
    record_security_event(
        session, "signed_in", user.as_actor(),
        about=user.id, name=str(user), address=address, how=how,
    )  # fmt: skip
    return create_session(session, SignInSession, user.id, address=address, agent=agent)


def clear_failures(session: Session, user_id: int, address: str) -> None:
    """Reset the counts of an account and of an address, after a login link was used.

    An attacker at the same address gains little: each account has its own count, and links are
    throttled, too.
    """
    reset_count(session, key_for_user(THROTTLE_KIND, StaffUser, user_id))
    reset_count(session, key_for_address(THROTTLE_KIND, address))
