"""Services of contacts: access to the back-office."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.contacts.models import Contact
from app.errors import DomainError
from app.security.actor import Actor
from app.security.scope import visible
from app.staff.models import StaffUser
from app.staff.queries import matches_login
from app.staff.services import send_welcome


def give_access(session: Session, contact: Contact) -> StaffUser:
    """Create a user without roles for a contact, and send them an invitation."""
    if contact.user_id is not None:
        raise DomainError(_("This contact already has a user."))
    if not contact.email:
        raise DomainError(_("Enter the contact’s e-mail first. They will use it to sign in."))
    user = StaffUser(
        # The first name of a contact may be empty.
        first_name=(contact.first_name or "")[:64],
        last_name=contact.last_name[:64],
        username=contact.email.lower()[:128],
        email=contact.email,
        language=contact.language,
        entity=contact.entity,
        active=True,
    )
    session.add(user)
    session.flush()
    contact.user = user
    send_welcome(session, user)
    return user


def link_user(session: Session, contact: Contact, name: str, actor: Actor) -> StaffUser:
    """Link a contact to the user with this user name or e-mail."""
    if contact.user_id is not None:
        raise DomainError(_("This contact already has a user."))
    typed = name.strip()
    user = session.scalar(visible(StaffUser, actor).where(matches_login(typed)).limit(1))
    if not typed or user is None:
        raise DomainError(_("No user with this username or e-mail was found."))
    other = select(Contact.id).where(Contact.user_id == user.id)
    if session.scalar(other.execution_options(with_trash=True)) is not None:
        raise DomainError(_("“%(name)s” is already linked to another contact.", name=str(user)))
    contact.user = user
    return user
