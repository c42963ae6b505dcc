"""Rules for contacts that are linked to a user, checked at every flush."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Session

from app.changed import is_changed
from app.contacts.models import Contact
from app.errors import DomainError
from app.security.actor import Actor, current_actor
from app.security.privileges import may_manage, permissions_of_actor
from app.security.rights import resource_of
from app.staff.models import StaffUser


@event.listens_for(Session, "before_flush")
def _check_linked_users(session: Session, _context, _instances) -> None:
    """Refuse to link users without the right to edit users."""
    contacts = [row for row in (*session.new, *session.dirty) if isinstance(row, Contact)]
    with session.no_autoflush:
        for contact in contacts:
            if is_changed(contact, ("user", "user_id")):
                _check_link(session, contact, current_actor())


def get_user(session: Session, user_id: int | None) -> StaffUser | None:
    """Return the user with this id, trashed ones included."""
    if user_id is None:
        return None
    query = select(StaffUser).where(StaffUser.id == user_id)
    return session.scalar(query.execution_options(with_trash=True))


def _check_link(session: Session, contact: Contact, actor: Actor) -> None:
    state: Any = inspect(contact).attrs
    user = contact.user if state.user.history.has_changes() else get_user(session, contact.user_id)
    contact_id = contact.id or 0
    old = session.scalar(
        select(Contact.user_id).where(Contact.id == contact_id).execution_options(with_trash=True)
    )
    if actor.is_system or (user is None and old is None):
        return
    held = permissions_of_actor(actor)
    users = resource_of(StaffUser)
    if not (held.is_all or held.pairs & {("can_edit", users), ("can_add", users)}):
        raise DomainError(_("Only people who can edit users can do this."))
    for linked in (user, get_user(session, old)):
        if linked is not None and linked.id is not None and not may_manage(actor, linked):
            raise DomainError(_("This person has rights that you don’t have."))
