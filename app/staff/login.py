"""At the door: an attempt is counted before it is judged; whoever is right gets a session."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from app.log.services import note
from app.security.actor import NOBODY
from app.security.passwords import is_password
from app.security.sessions import open_session
from app.security.throttle import (
    count_one,
    forget,
    give_back,
    key_of,
    key_of_address,
    key_of_user,
)
from app.staff.models import StaffUser
from app.staff.queries import called
from app.text import clean
from app.types import now

KIND = "sign-in"
PER_ACCOUNT = 5
PER_ADDRESS = 20
MINUTES = 15


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """Somebody at the door: who they may be, and how often this was tried lately."""

    address: str
    address_key: str
    of_address: int
    account_key: str = ""
    of_account: int = 0
    user_id: int | None = None
    name: str = ""
    kept: str | None = None
    may_enter: bool = False

    @property
    def is_shut_out(self) -> bool:
        """Say whether nothing more is heard from this address for a while."""
        return self.of_address > PER_ADDRESS

    def is_right(self, password: str) -> bool:
        """Judge the password, outside of any transaction; every answer takes as long.

        Beyond the limit nothing is judged, which nobody notices: it looks like a wrong password.
        """
        is_judged = self.of_account <= PER_ACCOUNT
        is_same = is_password(self.kept if is_judged else None, password)
        return is_same and is_judged and self.may_enter


def begin(session: Session, typed: str, address: str) -> Attempt:
    """Count an attempt for the address and for the account; the caller commits at once."""
    address_key = key_of_address(KIND, address)
    of_address = count_one(session, address_key, MINUTES)
    known = {"address": address, "address_key": address_key, "of_address": of_address}
    if of_address > PER_ADDRESS:
        if of_address == PER_ADDRESS + 1:
            note(session, "sign_in_throttled", NOBODY, address=address)
        return Attempt(**known)  # type: ignore[arg-type]
    typed = clean(typed)[:400]
    user = session.scalar(_named(typed))
    # However an account is named, its attempts are counted together.
    account_key = key_of(KIND, typed.lower()) if user is None else key_of_user(KIND, user.id)
    known |= {"account_key": account_key, "of_account": count_one(session, account_key, MINUTES)}
    if user is not None:
        known |= {
            "user_id": user.id,
            "name": str(user),
            "kept": user.password,
            "may_enter": user.is_active,
        }
    return Attempt(**known)  # type: ignore[arg-type]


def _named(typed: str):
    """Select whoever has a user name, or else an e-mail, whatever became of them."""
    is_name = or_(StaffUser.username == typed, func.lower(StaffUser.username) == typed.lower())
    return (
        select(StaffUser)
        .where(called(typed))
        .order_by(case((is_name, 0), else_=1), StaffUser.id)
        .limit(1)
        .execution_options(with_trash=True)
    )


def hold(session: Session, attempt: Attempt) -> StaffUser | None:
    """Return whose password was right, held until the commit; None if it changed meanwhile.

    To judge it takes its time. Who changes it then, and ends all sessions, must not miss the one
    that is about to be opened with the old one.
    """
    user = session.get(StaffUser, attempt.user_id, populate_existing=True, with_for_update=True)
    return user if user is not None and user.is_active and user.password == attempt.kept else None


def note_failure(session: Session, attempt: Attempt) -> None:
    """Write that somebody was not let in: the same work whoever it was.

    The name is written only if it is somebody's: people type their password into its field.
    """
    is_first_beyond = attempt.of_account == PER_ACCOUNT + 1
    note(
        session,
        "sign_in_throttled" if is_first_beyond else "sign_in_failed",
        NOBODY,
        about=attempt.user_id,
        name=attempt.name,
        address=attempt.address,
    )


def note_success(session: Session, attempt: Attempt, renewed: str | None) -> None:
    """Forget the attempts that led here; keep the password's hash as it is made today."""
    forget(session, attempt.account_key)
    give_back(session, attempt.address_key)
    if renewed is not None:
        # Only how the password is kept changes, not the password: nobody's session ends.
        table = StaffUser.__table__
        same = (table.c.id == attempt.user_id, table.c.password == attempt.kept)
        session.execute(update(table).where(*same).values(password=renewed))


def enter(
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
    note(
        session, "signed_in", user.as_actor(),
        about=user.id, name=str(user), address=address, how=how,
    )  # fmt: skip
    return open_session(session, user.id, address=address, agent=agent)


def reopen(session: Session, user_id: int, address: str) -> None:
    """Forget the wrong passwords of an account and of an address: the owner came with a link.

    Whoever else tries from that address wins little: every account has a count of its own, and
    links are counted too.
    """
    forget(session, key_of_user(KIND, user_id))
    forget(session, key_of_address(KIND, address))
