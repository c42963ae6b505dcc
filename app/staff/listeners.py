"""What holds for users and roles at every door: ranks, the last administrator, sessions that end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask_appbuilder.security.sqla.models import Group, Role, User, assoc_user_role
from flask_babel import gettext as _
from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Session

from app.entities.models import Entity
from app.errors import DomainError
from app.i18n.clock import today
from app.log.services import record_security_event
from app.security.actor import Actor, current_actor
from app.security.one_time_links import CHOOSE_PASSWORD, revoke_links
from app.security.privileges import (
    PermissionSet,
    can_reach_entity,
    permissions_of_actor,
    permissions_of_roles,
)
from app.security.rights import ADMINISTRATOR
from app.security.roles import is_seeded
from app.security.sessions import end_sessions
from app.staff.models import StaffUser
from app.staff.notifications import notify
from app.staff.queries import permanent_administrators

# What somebody else may change only on users who hold no more than they do.
PROTECTED_FIELDS = (
    "roles", "entity_id", "active", "employed_until", "first_name", "last_name", "username",
    "email", "password", "trashed_at", "totp_secret",
)  # fmt: skip
# What nobody changes on themselves.
OWN_RIGHTS_FIELDS = ("roles", "entity_id", "active", "employed_until", "trashed_at")
# What nobody changes on themselves without their password (see ``views/proof.py``).
PASSWORD_CONFIRMED_FIELDS = ("email",)
# What ends every session of the user it happens to.
SESSION_ENDING_FIELDS = ("roles", "entity_id", "active", "password", "trashed_at")
# What changes when a role does.
ROLE_FIELDS = ("name", "permissions", "needs_second_factor")


@dataclass
class _FlushChanges:
    """What a flush changes, kept until it is written and numbers are known."""

    ends: dict[int, str] = field(default_factory=dict)
    users: list[StaffUser] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    touches_administrators: bool = False
    # The roles each user had, by the identity of the object: a new one has no number yet.
    before: dict[int, list[Role]] = field(default_factory=dict)


@event.listens_for(Session, "before_flush")
def _check_privileges(session: Session, _context, _instances) -> None:
    """Refuse what would raise somebody, or touch somebody above the actor."""
    session.info.pop("rights_changed", None)
    written = [*session.new, *session.dirty, *session.deleted]
    with session.no_autoflush:
        actor = current_actor()
        _refuse_bypasses(session, written, actor)
        users = [
            row
            for row in _written_users(written)
            if _is_new_or_deleted(session, row) or _has_changes(row, PROTECTED_FIELDS)
        ]
        roles = [row for row in written if isinstance(row, Role)]
        roles = [
            row
            for row in roles
            if _is_new_or_deleted(session, row) or _has_changes(row, ROLE_FIELDS)
        ]
        if not users and not roles:
            return
        held = permissions_of_actor(actor)
        facts = _FlushChanges()
        for user in users:
            before = _stored_roles(session, user)
            facts.before[id(user)] = before
            _check_user(session, user, before, actor, held)
            facts.touches_administrators |= any(role.name == ADMINISTRATOR for role in before)
        for role in roles:
            _check_role(session, role, actor, held)
        for user in users:
            _notify_old_email(session, user, actor)
    facts.ends = {u.id: _end_reason(u) for u in users if u.id and _ends_sessions(u)}
    facts.users = [
        user
        for user in users
        if user in session.new
        or (user not in session.deleted and _has_changes(user, ("roles", "entity_id")))
    ]
    facts.roles = roles
    session.info["rights_changed"] = facts


@event.listens_for(Session, "after_flush")
def _apply_consequences(session: Session, _context) -> None:
    """End sessions and record what happened, now that new rows have their numbers."""
    facts: _FlushChanges | None = session.info.pop("rights_changed", None)
    if facts is None:
        return
    if facts.touches_administrators:
        _require_an_administrator(session)
    actor = current_actor()
    reasons: dict[str, list[int]] = {}
    for user_id, because in facts.ends.items():
        reasons.setdefault(because, []).append(user_id)
    for role in facts.roles:
        if not actor.is_system:
            reasons.setdefault("rights", []).extend(_holder_ids(session, role))
            _record_role_change(session, role, actor)
    for user in facts.users if not actor.is_system else ():
        _record_rights_change(session, user, facts.before.get(id(user), []), actor)
    for user_id in reasons.get("locked", ()):
        revoke_links(session, user_id, CHOOSE_PASSWORD)
    for because, user_ids in reasons.items():
        end_sessions(session, user_ids, because, keep=session.info.get("kept_session"))


def _notify_old_email(session: Session, user: StaffUser, actor: Actor) -> None:
    """Tell the old address that there is a new one, whoever changed it."""
    if _is_new_or_deleted(session, user) or not _has_changes(user, ("email",)):
        return
    if old := _stored_value(session, user, StaffUser.email):
        notify(session, user, "email_changed", actor, to=old)


def _record_rights_change(
    session: Session, user: StaffUser, before: list[Role], actor: Actor
) -> None:
    """Tell the security page of a user's roles and entity, old and new."""
    old, new = (", ".join(sorted(role.name for role in roles)) for roles in (before, user.roles))
    details: dict[str, Any] = {}
    if old != new:
        details["roles"] = (old, new)
    places = inspect(user).attrs.entity_id.history
    if places.has_changes() and user.entity_id is not None:
        left = places.deleted[0] if places.deleted else None
        names = [session.get(Entity, pk) if pk else None for pk in (left, user.entity_id)]
        details["entity"] = tuple(str(name) if name else "" for name in names)
    record_security_event(
        session, "rights_changed", actor, about=user.id, name=str(user), **details
    )


def _record_role_change(session: Session, role: Role, actor: Actor) -> None:
    """Tell the security page how many rights a role had and has; its own log names them."""
    rights = inspect(role).attrs.permissions.history
    details: dict[str, Any] = {}
    if rights.has_changes():
        kept = len(rights.unchanged)
        details["permissions"] = (kept + len(rights.deleted), kept + len(rights.added))
    if factor := inspect(role).attrs.needs_second_factor.history.added:
        details["needs_second_factor"] = factor[0]
    record_security_event(session, "role_changed", actor, name=role.name, **details)


def _written_users(written: list[Any]) -> list[StaffUser]:
    """Return the users that are written, those included that a role was given to from its side."""
    found = {id(row): row for row in written if isinstance(row, StaffUser)}
    for role in (row for row in written if isinstance(row, Role)):
        history = inspect(role).attrs.user.history
        for user in (*(history.added or ()), *(history.deleted or ())):
            found.setdefault(id(user), user)
    for user in found.values():
        # What was done from the other side shows only once the roles are loaded.
        user.roles  # noqa: B018
    return list(found.values())


def _is_new_or_deleted(session: Session, row: Any) -> bool:
    return row in session.new or row in session.deleted


def _refuse_bypasses(session: Session, written: list[Any], actor: Actor) -> None:
    """Refuse what would give rights past the rules below: groups, and users by another class."""
    if actor.is_system:
        return
    for row in written:
        is_changed = _is_new_or_deleted(session, row) or session.is_modified(row)
        is_plain = isinstance(row, User) and not isinstance(row, StaffUser)
        if (is_plain or isinstance(row, Group)) and is_changed:
            raise DomainError(_("Rights are given by roles alone."))


def _check_user(
    session: Session, user: StaffUser, before: list[Role], actor: Actor, held: PermissionSet
) -> None:
    if actor.is_system:
        return
    if user.id is not None and user.id == actor.id:
        if user in session.deleted or _has_changes(user, OWN_RIGHTS_FIELDS):
            raise DomainError(_("Nobody changes their own rights."), field="roles")
        if _has_changes(user, PASSWORD_CONFIRMED_FIELDS) and not session.info.get("proved"):
            raise DomainError(
                _("You change your own e-mail under your name, top right."), field="email"
            )
        return
    if not held.includes(permissions_of_roles(before)) or (
        user not in session.new
        and not can_reach_entity(actor, _stored_value(session, user, StaffUser.entity_id))
    ):
        raise DomainError(_("This person has rights that you do not have yourself."))
    if user in session.deleted:
        return
    if not held.includes(permissions_of_roles(user.roles)):
        raise DomainError(_("You can only give rights that you have yourself."), field="roles")
    if not all(can_reach_entity(actor, home) for home in _target_entity_ids(user)):
        raise DomainError(_("Choose an entity within your reach."), field="entity")


def _check_role(session: Session, role: Role, actor: Actor, held: PermissionSet) -> None:
    name = _stored_value(session, role, Role.name)
    is_renamed = role not in session.new and _has_changes(role, ("name",))
    if name == ADMINISTRATOR and (role in session.deleted or is_renamed):
        raise DomainError(_("This role is part of the program."), field="name")
    if actor.is_system:
        return
    is_top = held.is_all and actor.entity_ids is None
    if is_seeded(name) or is_seeded(role.name):
        is_kept = not _is_new_or_deleted(session, role) and not _has_changes(
            role, ("name", "permissions")
        )
        if not (is_kept and is_top):
            raise DomainError(
                _("This role is part of the program: duplicate it and change the copy."),
                field="name",
            )
        return
    holders = _holder_ids(session, role)
    if role in session.deleted and holders:
        raise DomainError(_("Somebody has this role; take it from them first."))
    if is_top:
        return
    if role.id in actor.role_ids:
        raise DomainError(_("You have this role yourself: nobody changes their own rights."))
    before = permissions_of_roles([role])
    after = PermissionSet(
        frozenset((p.permission.name, p.view_menu.name) for p in role.permissions)
    )
    if not held.includes(before):
        raise DomainError(_("This role has rights that you do not have yourself."))
    if role not in session.deleted and not held.includes(after):
        raise DomainError(
            _("You can only give rights that you have yourself."), field="permissions"
        )
    query = select(StaffUser).where(StaffUser.id.in_(holders))
    for user in session.scalars(query.execution_options(with_trash=True)):
        rights = permissions_of_roles(_stored_roles(session, user))
        if not can_reach_entity(actor, user.entity_id) or not held.includes(rights):
            raise DomainError(_("Somebody above you, or elsewhere, has this role."))


def _holder_ids(session: Session, role: Role) -> list[int]:
    if role.id is None:
        return []
    link = assoc_user_role.c
    return list(session.scalars(select(link.user_id).where(link.role_id == role.id)))


def _has_changes(row: Any, names: tuple[str, ...]) -> bool:
    attributes = inspect(row).attrs
    return any(attributes[name].history.has_changes() for name in names) or (
        # An entity chosen by its row is only turned into a number by the flush itself.
        "entity_id" in names and attributes["entity"].history.has_changes()
    )


def _stored_value(session: Session, row: Any, attribute: Any) -> Any:
    """Return a value as the database has it; of a new row, as it is about to be written."""
    if row.id is None:
        return getattr(row, attribute.key)
    model = attribute.class_
    query = select(attribute).where(model.id == row.id).execution_options(with_trash=True)
    return session.scalar(query)


def _target_entity_ids(user: StaffUser) -> set[int | None]:
    """Return the entities a user may end up in: by number and by row, whichever is written."""
    homes = {user.entity_id} if user.entity is None or user.entity_id is not None else set()
    if inspect(user).attrs.entity.history.has_changes():
        homes = {None if user.entity is None else user.entity.id}
        if inspect(user).attrs.entity_id.history.has_changes():
            homes.add(user.entity_id)
    return homes


def _stored_roles(session: Session, user: StaffUser) -> list[Role]:
    """Return the roles a user has in the database, whatever was done to the object."""
    if user.id is None:
        return []
    link = assoc_user_role.c
    query = select(Role).join(assoc_user_role, link.role_id == Role.id)
    return list(session.scalars(query.where(link.user_id == user.id)))


def _ends_sessions(user: StaffUser) -> bool:
    return _has_changes(user, SESSION_ENDING_FIELDS) or _has_left(user)


def _has_left(user: StaffUser) -> bool:
    """Say whether a last day that is over is written, or taken back: who returns signs in anew."""
    history = inspect(user).attrs.employed_until.history
    days = (*(history.added or ()), *(history.deleted or ()))
    return any(day is not None and day < today() for day in days)


def _end_reason(user: StaffUser) -> str:
    if _has_changes(user, ("password",)):
        return "password"
    is_locked = _has_changes(user, ("active", "trashed_at")) or _has_left(user)
    return "locked" if is_locked else "rights"


def _require_an_administrator(session: Session) -> None:
    """Refuse to be left without anybody who can do everything everywhere."""
    # Two who demote each other at the same moment take turns here. Those who give the role to
    # somebody only hold on to its number, and are not waited for.
    role = select(Role.id).where(Role.name == ADMINISTRATOR)
    session.scalar(role.with_for_update(key_share=True))
    if session.scalar(permanent_administrators().limit(1)) is None:
        raise DomainError(_("This is the last administrator: make somebody else one first."))
