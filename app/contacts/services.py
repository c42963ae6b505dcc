"""Change contacts."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.contacts.models import Contact
from app.contacts.models.counter import Counter
from app.errors import DomainError


def prepare_contact(session: Session, contact: Contact) -> None:
    """Give a contact that has none the next free member number."""
    if not contact.number:
        contact.number = next_numbers(session, 1)[0]


def check_contact(contact: Contact) -> None:
    """Refuse a contact who would be their own line manager."""
    if contact.manager is not None and contact.manager.id == contact.id:
        raise DomainError(_("Nobody can be their own line manager."), field="manager")


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
