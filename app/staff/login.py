"""At the door: an attempt is counted before it is judged; whoever is right gets a session."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from app.log.services import record_security_event
from app.security.actor import NOBODY
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
    """Somebody at the door: who they may be, and how often this was tried lately."""

    address: str
    address_key: str
    address_count: int
    account_key: str = ""
    account_count: int = 0
    user_id: int | None = None
    name: str = ""
    kept: str | None = None
    may_log_in: bool = False

    @property
    def is_blocked(self) -> bool:
        """Say whether nothing more is heard from this address for a while."""
        return self.address_count > MAX_PER_ADDRESS

    def has_password(self, password: str) -> bool:
        """Judge the password, outside of any transaction; every answer takes as long.

        Beyond the limit nothing is judged, which nobody notices: it looks like a wrong password.
        """
        is_judged = self.account_count <= MAX_PER_ACCOUNT
        is_same = check_password(self.kept if is_judged else None, password)
        return is_same and is_judged and self.may_log_in


def begin_attempt(session: Session, typed: str, address: str) -> LoginAttempt:
    """Count an attempt for the address and for the account; the caller commits at once."""
    address_key = key_for_address(THROTTLE_KIND, address)
    address_count = count_attempt(session, address_key, THROTTLE_MINUTES)
    known = {"address": address, "address_key": address_key, "of_address": address_count}
    if address_count > MAX_PER_ADDRESS:
        if address_count == MAX_PER_ADDRESS + 1:
            record_security_event(session, "sign_in_throttled", NOBODY, address=address)
        return LoginAttempt(**known)  # type: ignore[arg-type]
    typed = clean(typed)[:400]
    user = session.scalar(_user_query(typed))
    # However an account is named, its attempts are counted together.
    account_key = (
        key_for_text(THROTTLE_KIND, typed.lower())
        if user is None
        else key_for_user(THROTTLE_KIND, user.id)
    )
    known |= {
        "account_key": account_key,
        "of_account": count_attempt(session, account_key, THROTTLE_MINUTES),
    }
    if user is not None:
        known |= {
            "user_id": user.id,
            "name": str(user),
            "kept": user.password,
            "may_enter": user.is_active,
        }
    return LoginAttempt(**known)  # type: ignore[arg-type]


def _user_query(typed: str):
    """Select whoever has a user name, or else an e-mail, whatever became of them."""
    is_name = or_(StaffUser.username == typed, func.lower(StaffUser.username) == typed.lower())
    return (
        select(StaffUser)
        .where(matches_login(typed))
        .order_by(case((is_name, 0), else_=1), StaffUser.id)
        .limit(1)
        .execution_options(with_trash=True)
    )


def lock_user(session: Session, attempt: LoginAttempt) -> StaffUser | None:
    """Return whose password was right, held until the commit; None if it changed meanwhile.

    To judge it takes its time. Who changes it then, and ends all sessions, must not miss the one
    that is about to be opened with the old one.
    """
    user = session.get(StaffUser, attempt.user_id, populate_existing=True, with_for_update=True)
    return user if user is not None and user.is_active and user.password == attempt.kept else None


def record_failure(session: Session, attempt: LoginAttempt) -> None:
    """Write that somebody was not let in: the same work whoever it was.

    The name is written only if it is somebody's: people type their password into its field.
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
    """Forget the attempts that led here; keep the password's hash as it is made today."""
    reset_count(session, attempt.account_key)
    uncount_attempt(session, attempt.address_key)
    if renewed is not None:
        # Only how the password is kept changes, not the password: nobody's session ends.
        table = StaffUser.__table__
        same = (table.c.id == attempt.user_id, table.c.password == attempt.kept)
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
    """Open a session for somebody who has proved who they are; return its token."""
    table = StaffUser.__table__
    values = {
        "last_login": now().replace(tzinfo=None),
        "login_count": func.coalesce(table.c.login_count, 0) + 1,
        "language": func.coalesce(table.c.language, language),
    }
    # Not through the row: a form of it that somebody has open must not go stale by this.
    session.execute(update(table).where(table.c.id == user.id).values(values))
    record_security_event(
        session, "signed_in", user.as_actor(),
        about=user.id, name=str(user), address=address, how=how,
    )  # fmt: skip
    return create_session(session, user.id, address=address, agent=agent)


def clear_failures(session: Session, user_id: int, address: str) -> None:
    """Forget the wrong passwords of an account and of an address: the owner came with a link.

    Whoever else tries from that address wins little: every account has a count of its own, and
    links are counted too.
    """
    reset_count(session, key_for_user(THROTTLE_KIND, user_id))
    reset_count(session, key_for_address(THROTTLE_KIND, address))
