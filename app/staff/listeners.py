"""Session listeners of users and roles: privilege checks, and the effects of changed rights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask_appbuilder.security.sqla.models import Group, Role, User, assoc_user_role
from flask_babel import gettext as _
from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Session

from app.changed import is_changed
from app.entities.models import Entity
from app.errors import DomainError
from app.i18n.clock import today
from app.log.services import record_security_event
from app.security.actor import Actor, current_actor
from app.security.api_keys import end_keys
from app.security.models import OneTimeLink, SignInSession
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
from app.staff.unique_names import (
    UNIQUE_FIELDS,
    claim_names,
    has_changed_names,
    link_names,
)  # fmt: skip

# Fields that only an actor with at least the user's permissions may change.
PROTECTED_FIELDS = (
    "roles", "entity_id", "active", "employed_until", "first_name", "last_name", "username",
    "email", "password", "trashed_at", "totp_secret",
)  # fmt: skip
# Fields that users may not change on themselves.
OWN_RIGHTS_FIELDS = ("roles", "entity_id", "active", "employed_until", "trashed_at")
# Fields that users change on themselves only with their password (``views/reauthentication.py``).
PASSWORD_CONFIRMED_FIELDS = ("email",)
# Fields whose change ends all sessions of the user.
SESSION_ENDING_FIELDS = ("roles", "entity_id", "active", "password", "trashed_at")
# Fields of a role that are subject to the checks.
ROLE_FIELDS = ("name", "permissions", "needs_second_factor")


@dataclass
class _FlushChanges:
    """What a flush changes, kept until it is written and new rows have their ids."""

    end_reasons: dict[int, str] = field(default_factory=dict)
    # The names of the users who are locked or unlocked, by id.
    locked: dict[int, str] = field(default_factory=dict)
    users: list[StaffUser] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    touches_administrators: bool = False
    # The stored roles by ``id()`` of the user object: a new user has no primary key yet.
    before: dict[int, list[Role]] = field(default_factory=dict)


@event.listens_for(Session, "before_flush")
def _check_privileges(session: Session, _context, _instances) -> None:
    """Refuse to grant permissions the actor lacks, and to change users who have more."""
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
        changes = _FlushChanges()
        for user in users:
            before = _stored_roles(session, user)
            changes.before[id(user)] = before
            _check_user(session, user, before, actor, held)
            changes.touches_administrators |= any(role.name == ADMINISTRATOR for role in before)
        for role in roles:
            _check_role(session, role, actor, held)
        for user in users:
            _notify_old_email(session, user, actor)
    changes.locked = {u.id: str(u) for u in users if u.id and _is_locked(u)}
    changes.end_reasons = {u.id: _end_reason(u) for u in users if u.id and _ends_sessions(u)}
    changes.users = [
        user
        for user in users
        if user in session.new
        or (user not in session.deleted and _has_changes(user, ("roles", "entity_id")))
    ]
    changes.roles = roles
    session.info["rights_changed"] = changes


@event.listens_for(Session, "before_flush")
def _claim_names(session: Session, _context, _instances) -> None:
    """Refuse user names, e-mails and names of roles that are in use."""
    written = [row for row in (*session.new, *session.dirty) if type(row) in UNIQUE_FIELDS]
    renamed = [row for row in written if has_changed_names(row)]
    if renamed:
        claim_names(session, sorted(renamed, key=lambda row: (type(row).__name__, row.id or 0)))


@event.listens_for(Session, "after_flush")
def _link_names(session: Session, _context) -> None:
    for row in session.new:
        if type(row) in UNIQUE_FIELDS:
            link_names(session, row)


@event.listens_for(Session, "after_flush")
def _apply_consequences(session: Session, _context) -> None:
    """End sessions and log the changes, now that new rows have their ids."""
    changes: _FlushChanges | None = session.info.pop("rights_changed", None)
    if changes is None:
        return
    if changes.touches_administrators:
        _require_an_administrator(session)
    actor = current_actor()
    reasons: dict[str, list[int]] = {}
    for user_id, because in changes.end_reasons.items():
        reasons.setdefault(because, []).append(user_id)
    for role in changes.roles:
        if not actor.is_system:
            reasons.setdefault("rights", []).extend(_holder_ids(session, role))
            _record_role_change(session, role, actor)
    for user in changes.users if not actor.is_system else ():
        _record_rights_change(session, user, changes.before.get(id(user), []), actor)
    for user_id in changes.locked:
        revoke_links(session, OneTimeLink, user_id, CHOOSE_PASSWORD)
    # Keys end like sessions, and do not come to life again when the user is unlocked.
    for user_id, name in end_keys(session, changes.locked):
        owner = changes.locked[user_id]
        record_security_event(
            session, "api_key_revoked", actor, about=user_id, name=owner, key=name
        )
    for because, user_ids in reasons.items():
        end_sessions(
            session, SignInSession, user_ids, because, keep=session.info.get("keep_session")
        )


def _notify_old_email(session: Session, user: StaffUser, actor: Actor) -> None:
    """Notify the old e-mail address of its replacement."""
    if _is_new_or_deleted(session, user) or not _has_changes(user, ("email",)):
        return
    if old := _stored_value(session, user, StaffUser.email):
        notify(session, user, "email_changed", actor, to=old)


def _record_rights_change(
    session: Session, user: StaffUser, before: list[Role], actor: Actor
) -> None:
    """Log the old and new roles and entity of a user as a security event."""
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
    """Log the old and new number of permissions of a role; its own log names them."""
    rights = inspect(role).attrs.permissions.history
    details: dict[str, Any] = {}
    if rights.has_changes():
        kept = len(rights.unchanged)
        details["permissions"] = (kept + len(rights.deleted), kept + len(rights.added))
    if factor := inspect(role).attrs.needs_second_factor.history.added:
        details["needs_second_factor"] = factor[0]
    record_security_event(session, "role_changed", actor, name=role.name, **details)


def _written_users(written: list[Any]) -> list[StaffUser]:
    """Return the written users, including those changed through ``Role.user``."""
    users = {id(row): row for row in written if isinstance(row, StaffUser)}
    for role in (row for row in written if isinstance(row, Role)):
        history = inspect(role).attrs.user.history
        for user in (*(history.added or ()), *(history.deleted or ())):
            users.setdefault(id(user), user)
    for user in users.values():
        # A change made through the backref is in the history only once the roles are loaded.
        user.roles  # noqa: B018
    return list(users.values())


def _is_new_or_deleted(session: Session, row: Any) -> bool:
    return row in session.new or row in session.deleted


def _refuse_bypasses(session: Session, written: list[Any], actor: Actor) -> None:
    """Refuse what would bypass the checks: groups, and users written as FAB's own class."""
    if actor.is_system:
        return
    for row in written:
        is_plain = isinstance(row, User) and not isinstance(row, StaffUser)
        if not (is_plain or isinstance(row, Group)):
            continue
        if _is_new_or_deleted(session, row) or session.is_modified(row):
            raise DomainError(_("Rights can only be given through roles."))


def _check_user(
    session: Session, user: StaffUser, before: list[Role], actor: Actor, held: PermissionSet
) -> None:
    if actor.is_system:
        return
    if user.id is not None and user.id == actor.id:
        if user in session.deleted or _has_changes(user, OWN_RIGHTS_FIELDS):
            raise DomainError(_("You can’t change your own rights."), field="roles")
        if _has_changes(user, PASSWORD_CONFIRMED_FIELDS) and not session.info.get(
            "password_confirmed"
        ):
            raise DomainError(
                _("Change your own e-mail in your account, top right."), field="email"
            )
        return
    if not held.includes(permissions_of_roles(before)) or (
        user not in session.new
        and not can_reach_entity(actor, _stored_value(session, user, StaffUser.entity_id))
    ):
        raise DomainError(_("This person has rights that you don’t have."))
    if user in session.deleted:
        return
    if not held.includes(permissions_of_roles(user.roles)):
        raise DomainError(_("You can only give rights that you have."), field="roles")
    if not all(can_reach_entity(actor, home) for home in _target_entity_ids(user)):
        raise DomainError(_("Choose an entity you have access to."), field="entity")


def _check_role(session: Session, role: Role, actor: Actor, held: PermissionSet) -> None:
    name = _stored_value(session, role, Role.name)
    is_renamed = role not in session.new and _has_changes(role, ("name",))
    if name == ADMINISTRATOR and (role in session.deleted or is_renamed):
        raise DomainError(_("This is a built-in role."), field="name")
    if actor.is_system:
        return
    is_top = held.is_all and actor.entity_ids is None
    if is_seeded(name) or is_seeded(role.name):
        is_kept = not _is_new_or_deleted(session, role) and not _has_changes(
            role, ("name", "permissions")
        )
        if not (is_kept and is_top):
            raise DomainError(
                _("This is a built-in role. Duplicate it and edit the copy."),
                field="name",
            )
        return
    holders = _holder_ids(session, role)
    if role in session.deleted and holders:
        raise DomainError(_("Some users have this role. Remove it from them first."))
    if is_top:
        return
    if role.id in actor.role_ids:
        raise DomainError(_("You have this role. You can’t change your own rights."))
    before = permissions_of_roles([role])
    after = PermissionSet(
        frozenset((p.permission.name, p.view_menu.name) for p in role.permissions)
    )
    if not held.includes(before):
        raise DomainError(_("This role has rights that you don’t have."))
    if role not in session.deleted and not held.includes(after):
        raise DomainError(_("You can only give rights that you have."), field="permissions")
    query = select(StaffUser).where(StaffUser.id.in_(holders))
    for user in session.scalars(query.execution_options(with_trash=True)):
        rights = permissions_of_roles(_stored_roles(session, user))
        if not can_reach_entity(actor, user.entity_id) or not held.includes(rights):
            raise DomainError(_("Someone above you or in another entity has this role."))


def _holder_ids(session: Session, role: Role) -> list[int]:
    if role.id is None:
        return []
    link = assoc_user_role.c
    return list(session.scalars(select(link.user_id).where(link.role_id == role.id)))


def _has_changes(row: Any, names: tuple[str, ...]) -> bool:
    # An entity assigned as an object changes the foreign key only during the flush.
    return is_changed(row, (*names, "entity") if "entity_id" in names else names)


def _stored_value(session: Session, row: Any, attribute: Any) -> Any:
    """Return the stored value of an attribute; of a new row, the value to be written."""
    if row.id is None:
        return getattr(row, attribute.key)
    model = attribute.class_
    query = select(attribute).where(model.id == row.id).execution_options(with_trash=True)
    return session.scalar(query)


def _target_entity_ids(user: StaffUser) -> set[int | None]:
    """Return the entity ids that may be written: from the foreign key and the relationship."""
    ids = {user.entity_id} if user.entity is None or user.entity_id is not None else set()
    if inspect(user).attrs.entity.history.has_changes():
        ids = {None if user.entity is None else user.entity.id}
        if inspect(user).attrs.entity_id.history.has_changes():
            ids.add(user.entity_id)
    return ids


def _stored_roles(session: Session, user: StaffUser) -> list[Role]:
    """Return the roles of a user as stored in the database."""
    if user.id is None:
        return []
    link = assoc_user_role.c
    query = select(Role).join(assoc_user_role, link.role_id == Role.id)
    return list(session.scalars(query.where(link.user_id == user.id)))


def _ends_sessions(user: StaffUser) -> bool:
    return _has_changes(user, SESSION_ENDING_FIELDS) or _has_left(user)


def _has_left(user: StaffUser) -> bool:
    """Return True if a past last day is set or removed."""
    history = inspect(user).attrs.employed_until.history
    days = (*(history.added or ()), *(history.deleted or ()))
    return any(day is not None and day < today() for day in days)


def _end_reason(user: StaffUser) -> str:
    if _has_changes(user, ("password",)):
        return "password"
    return "locked" if _is_locked(user) else "rights"


def _is_locked(user: StaffUser) -> bool:
    """Return True if it changes whether the user may log in."""
    return _has_changes(user, ("active", "trashed_at")) or _has_left(user)


def _require_an_administrator(session: Session) -> None:
    """Raise DomainError if no permanent administrator is left."""
    # The lock serialises two administrators who demote each other. FOR NO KEY UPDATE does not
    # conflict with the foreign key check of those who assign the role.
    role = select(Role.id).where(Role.name == ADMINISTRATOR)
    session.scalar(role.with_for_update(key_share=True))
    if session.scalar(permanent_administrators().limit(1)) is None:
        raise DomainError(
            _("This is the last administrator. Make someone else an administrator first.")
        )
