"""Change contacts."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.contacts.models import Contact
from app.contacts.models.number_counter import Counter
from app.errors import DomainError
from app.security.actor import Actor
from app.security.scope import visible
from app.staff.models import StaffUser
from app.staff.queries import matches_login
from app.staff.services import check_names, send_welcome


def prepare_contact(session: Session, contact: Contact) -> None:
    """Give a contact that has none the next free member number."""
    if not contact.number:
        contact.number = next_numbers(session, 1)[0]


def check_contact(contact: Contact) -> None:
    """Refuse a contact who would be their own line manager."""
    if contact.manager is not None and contact.manager.id == contact.id:
        raise DomainError(_("Nobody can be their own line manager."), field="manager")


def give_access(session: Session, contact: Contact) -> StaffUser:
    """Make a user of the back-office from a contact, without any right yet, and invite them."""
    if contact.user_id is not None:
        raise DomainError(_("This contact has a user already."))
    if not contact.email:
        raise DomainError(_("Fill in the contact's e-mail first: they sign in with it."))
    user = StaffUser(
        # A contact may have but one name.
        first_name=(contact.first_name or "")[:64],
        last_name=contact.last_name[:64],
        username=contact.email.lower()[:128],
        email=contact.email,
        language=contact.language,
        entity=contact.entity,
        active=True,
    )
    check_names(session, user)
    session.add(user)
    session.flush()
    contact.user = user
    send_welcome(session, user)
    return user


def link_user(session: Session, contact: Contact, name: str, actor: Actor) -> StaffUser:
    """Say that a contact is the user with this user name or e-mail."""
    if contact.user_id is not None:
        raise DomainError(_("This contact has a user already."))
    typed = name.strip()
    user = session.scalar(visible(StaffUser, actor).where(matches_login(typed)).limit(1))
    if not typed or user is None:
        raise DomainError(_("There is no user with this user name or e-mail within your reach."))
    other = select(Contact.id).where(Contact.user_id == user.id)
    if session.scalar(other.execution_options(with_trash=True)) is not None:
        raise DomainError(_("“%(name)s” is linked to another contact.", name=str(user)))
    contact.user = user
    return user


def next_numbers(session: Session, count: int, taken: Iterable[str] = ()) -> list[str]:
    """Return the next ``count`` free member numbers: six digits or more, in order.

    Two sessions never get the same ones: the second waits until the first has ended.
    ``taken`` names numbers that are about to be used.
    """
    found: list[str] = []
    used = set(taken)
    while len(found) < count:
        missing = count - len(found)
        last = session.execute(
            update(Counter)
            .where(Counter.name == "contact")
            .values(value=Counter.value + missing)
            .returning(Counter.value)
        ).scalar_one_or_none()
        if last is None:
            session.add(Counter(name="contact", value=0))
            session.flush()
            continue
        offered = [f"{number:06d}" for number in range(last - missing + 1, last + 1)]
        used |= set(
            session.scalars(
                select(Contact.number)
                .where(Contact.number.in_(offered))
                .execution_options(with_trash=True)
            )
        )
        found += [number for number in offered if number not in used]
    return found
