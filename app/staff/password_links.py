"""Links to choose a password: asked for at the door, sent by colleagues, used once."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n.languages import current_language
from app.log.services import record_security_event
from app.mails.services import queue_mail
from app.security.actor import NOBODY, Actor, acting_as
from app.security.one_time_links import CHOOSE_PASSWORD, find_link_owner, make_link, use_link
from app.security.throttle import count_within_limit, key_for_address, key_for_text
from app.staff.api_keys import revoke_all_keys
from app.staff.login import clear_failures
from app.staff.models import StaffUser
from app.staff.notifications import notify
from app.staff.queries import matches_login, permanent_administrators
from app.text import clean

# Minutes the link of somebody who forgot their password lives, and of somebody who is new.
REQUESTED_LINK_MINUTES = 30
SENT_LINK_MINUTES = 3 * 24 * 60
# How many may be asked for in an hour: for one account as it is typed, and from one address.
MAX_PER_ACCOUNT = 3
MAX_PER_ADDRESS = 10


def request_link(session: Session, typed: str, address: str) -> None:
    """Note that somebody forgot a password; who that is, only the delivery of mails looks up.

    Whoever asks learns nothing: the same is done whether there is such an account or not.
    """
    typed = clean(typed)[:320]
    is_within = [
        count_within_limit(session, key_for_text("link", typed.lower()), MAX_PER_ACCOUNT, 60),
        count_within_limit(session, key_for_address("link", address), MAX_PER_ADDRESS, 60),
    ]
    if all(is_within):
        record_security_event(session, "password_link_asked", NOBODY, address=address)
        # The language is for whoever has not chosen one yet.
        queue_mail(session, "reset", data={"typed": typed, "language": current_language()})


def find_user(session: Session, typed: str) -> StaffUser | None:
    """Return whoever may sign in under a user name or an e-mail."""
    query = select(StaffUser).where(matches_login(typed))
    found = [user for user in session.scalars(query) if user.is_active]
    # Somebody's user name may be somebody else's e-mail.
    found.sort(key=lambda user: (user.username or "").lower() != typed.lower())
    return found[0] if found else None


def create_link_path(session: Session, user: StaffUser, minutes: int) -> str:
    """Return the path of a new link to choose a password; an older one dies."""
    return f"/login/choose/{make_link(session, user, CHOOSE_PASSWORD, minutes)}"


def get_link_owner(session: Session, token: str) -> StaffUser | None:
    """Return whose link it is, while it lives."""
    return find_link_owner(session, StaffUser, token, CHOOSE_PASSWORD)


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
        clear_failures(session, user.id, address)
        record_security_event(
            session, "password_changed", actor, about=user.id, name=str(user), by="link"
        )
        ended = revoke_all_keys(session, user, actor) if ends_keys else 0
        notify(session, user, "password_changed", keys=ended)
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
    record_security_event(
        session, "password_link_sent", actor, about=user.id, name=str(user), to=user.email
    )
    ended = revoke_all_keys(session, user, actor)
    queue_mail(session, "link", user_id=user.id, data={"keys": ended})


def _is_last_administrator(session: Session, user: StaffUser) -> bool:
    return list(session.scalars(permanent_administrators().limit(2))) == [user.id]
