"""Links to choose a password: asked for at the door, sent by colleagues, used once."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n.languages import current_language
from app.log.services import note
from app.mails.services import queue_mail
from app.security.actor import NOBODY, Actor, acting_as
from app.security.one_time_links import CHOOSE_PASSWORD, find_link, make_link, use_link
from app.security.throttle import key_of, key_of_address, take
from app.staff.login import reopen
from app.staff.api_keys import end_all_keys
from app.staff.models import StaffUser
from app.staff.notifications import tell
from app.staff.queries import called, lasting_administrators
from app.text import clean

# Minutes the link of somebody who forgot their password lives, and of somebody who is new.
ASKED_FOR = 30
SENT = 3 * 24 * 60
# How many may be asked for in an hour: for one account as it is typed, and from one address.
PER_ACCOUNT = 3
PER_ADDRESS = 10


def ask_for_link(session: Session, typed: str, address: str) -> None:
    """Note that somebody forgot a password; who that is, only the delivery of mails looks up.

    Whoever asks learns nothing: the same is done whether there is such an account or not.
    """
    typed = clean(typed)[:320]
    is_within = [
        take(session, key_of("link", typed.lower()), PER_ACCOUNT, 60),
        take(session, key_of_address("link", address), PER_ADDRESS, 60),
    ]
    if all(is_within):
        note(session, "password_link_asked", NOBODY, address=address)
        # The language is for whoever has not chosen one yet.
        queue_mail(session, "reset", data={"typed": typed, "language": current_language()})


def user_called(session: Session, typed: str) -> StaffUser | None:
    """Return whoever may sign in under a user name or an e-mail."""
    query = select(StaffUser).where(called(typed))
    found = [user for user in session.scalars(query) if user.is_active]
    # Somebody's user name may be somebody else's e-mail.
    found.sort(key=lambda user: (user.username or "").lower() != typed.lower())
    return found[0] if found else None


def link_for(session: Session, user: StaffUser, minutes: int) -> str:
    """Return the path of a new link to choose a password; an older one dies."""
    return f"/login/choose/{make_link(session, user, CHOOSE_PASSWORD, minutes)}"


def owner_of(session: Session, token: str) -> StaffUser | None:
    """Return whose link it is, while it lives."""
    return find_link(session, StaffUser, token, CHOOSE_PASSWORD)


def choose_password(
    session: Session, token: str, hashed: str, address: str, *, ends_keys: bool = True
) -> StaffUser | None:
    """Use a link up to give its owner a new password; None when it no longer lives.

    Every session of theirs ends, their API keys unless they said otherwise, and wrong passwords
    no longer count against them, nor against the address they come from.
    """
    user = use_link(session, StaffUser, token, CHOOSE_PASSWORD)
    if user is None:
        return None
    actor = user.as_actor()
    with acting_as(actor):
        user.password = hashed
        session.flush()
        reopen(session, user.id, address)
        note(session, "password_changed", actor, about=user.id, name=str(user), by="link")
        ended = end_all_keys(session, user, actor) if ends_keys else 0
        tell(session, user, "password_changed", keys=ended)
    return user


def send_link(session: Session, user: StaffUser, actor: Actor, unusable: str) -> None:
    """Make somebody choose a new password: the old one and their API keys work no more.

    ``unusable`` is the hash of a password that nobody knows.
    """
    if user.id == actor.id:
        raise DomainError(_("You change your own password under your name, top right."))
    if not user.is_active:
        raise DomainError(_("This person may not sign in; allow that first."))
    if _is_last_administrator(session, user):
        raise DomainError(_("This is the last administrator: make somebody else one first."))
    user.password = unusable
    session.flush()
    note(session, "password_link_sent", actor, about=user.id, name=str(user), to=user.email)
    ended = end_all_keys(session, user, actor)
    queue_mail(session, "link", user_id=user.id, data={"keys": ended})


def _is_last_administrator(session: Session, user: StaffUser) -> bool:
    return list(session.scalars(lasting_administrators().limit(2))) == [user.id]
