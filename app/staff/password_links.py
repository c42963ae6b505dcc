"""Links to choose a password: requested on the login page or sent by administrators."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n.languages import current_language
from app.log.services import record_security_event
from app.outbox.services import queue_message
from app.security.actor import NOBODY, Actor, acting_as
from app.security.models import OneTimeLink
from app.security.one_time_links import CHOOSE_PASSWORD, find_link_owner, make_link, use_link
from app.security.throttle import count_within_limit, key_for_address, key_for_text
from app.staff.api_keys import revoke_all_keys
from app.staff.login import clear_failures
from app.staff.models import StaffUser
from app.staff.notifications import notify
from app.staff.queries import matches_login, permanent_administrators
from app.text import clean

# Lifetime of a link requested by its owner, and of one sent by somebody else.
REQUESTED_LINK_MINUTES = 30
SENT_LINK_MINUTES = 3 * 24 * 60
# Requests allowed in an hour: for one typed name, and from one IP address.
MAX_PER_ACCOUNT = 3
MAX_PER_ADDRESS = 10


def request_link(session: Session, typed: str, address: str) -> None:
    """Queue the e-mail with a link; the user is looked up only when it is delivered.

    So the response is the same, and takes as long, whether the account exists or not.
    """
    typed = clean(typed)[:320]
    is_within = [
        count_within_limit(session, key_for_text("link", typed.lower()), MAX_PER_ACCOUNT, 60),
        count_within_limit(session, key_for_address("link", address), MAX_PER_ADDRESS, 60),
    ]
    if all(is_within):
        record_security_event(session, "password_link_asked", NOBODY, address=address)
        # The request's language, for users who have not chosen one.
        queue_message(session, "reset", data={"typed": typed, "language": current_language()})


def find_user(session: Session, typed: str) -> StaffUser | None:
    """Return the active user with a user name or an e-mail, or None."""
    query = select(StaffUser).where(matches_login(typed))
    users = [user for user in session.scalars(query) if user.is_active]
    # The user name has precedence: it may equal somebody else's e-mail.
    users.sort(key=lambda user: (user.username or "").lower() != typed.lower())
    return users[0] if users else None


def create_link_path(session: Session, user: StaffUser, minutes: int) -> str:
    """Create a link to choose a password and return its path; older ones become invalid."""
    return f"/login/choose/{make_link(session, OneTimeLink, user, CHOOSE_PASSWORD, minutes)}"


def get_link_owner(session: Session, token: str) -> StaffUser | None:
    """Return the owner of a valid link, or None."""
    return find_link_owner(session, OneTimeLink, StaffUser, token, CHOOSE_PASSWORD)


def choose_password(
    session: Session, token: str, hashed: str, address: str, *, ends_keys: bool = True
) -> StaffUser | None:
    """Use a link and set its owner's password to a hash; return None if the link is not valid.

    All their sessions end, their API keys unless ``ends_keys`` is false, and the counts of wrong
    passwords of the account and of the address are reset.
    """
    user = use_link(session, OneTimeLink, StaffUser, token, CHOOSE_PASSWORD)
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
    """Send a user a link to choose a password; disable the old one and their API keys.

    ``unusable`` is the hash of a random password.
    """
    if user.id == actor.id:
        raise DomainError(_("Change your own password in your account, top right."))
    if not user.is_active:
        raise DomainError(_("This person can’t sign in. Turn on “Can sign in” first."))
    if _is_last_administrator(session, user):
        raise DomainError(
            _("This is the last administrator. Make someone else an administrator first.")
        )
    user.password = unusable
    session.flush()
    record_security_event(
        session, "password_link_sent", actor, about=user.id, name=str(user), to=user.email
    )
    ended = revoke_all_keys(session, user, actor)
    queue_message(session, "link", to=user, data={"keys": ended})


def _is_last_administrator(session: Session, user: StaffUser) -> bool:
    return list(session.scalars(permanent_administrators().limit(2))) == [user.id]
