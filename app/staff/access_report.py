"""Explain which users can see a row and why, with the same checks that pages use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_appbuilder.security.sqla.models import Role
from flask_babel import gettext as _
from sqlalchemy import exists, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.entities.models import Entity
from app.security.actor import Actor, current_actor
from app.security.privileges import PermissionSet, permissions_by_role
from app.security.rights import is_administrator
from app.security.scope import visible
from app.staff.models import StaffUser

# Actors checked in one statement.
CHUNK_SIZE = 200


@dataclass(frozen=True)
class AccessReport:
    """What one user can do with one row, and why."""

    user: StaffUser
    can_open: bool
    can_edit: bool
    is_in_scope: bool
    # Names of the roles that allow to open it, and of those that allow to edit it.
    show_roles: tuple[str, ...]
    edit_roles: tuple[str, ...]
    is_administrator: bool
    place: str

    @property
    def can_see(self) -> bool:
        """Return True if the user can open the row."""
        return self.user.is_active and self.can_open and self.is_in_scope

    @property
    def level(self) -> str:
        """Return the translated level of access."""
        return _("Edit") if self.can_edit else _("View")

    @property
    def explanation(self) -> str:
        """Return a translated sentence on why the user can see the row, or why not."""
        name = str(self.user)
        if not self.user.is_active:
            return _("%(name)s has no access: they can’t sign in.", name=name)
        if not self.can_open:
            return _(
                "%(name)s has no access: none of their roles allows it.",
                name=name,
            )
        roles = ", ".join(self.edit_roles if self.can_edit else self.show_roles)
        if not self.is_in_scope:
            return _(
                "%(name)s has no access: %(place)s. The role %(roles)s would allow it.",
                name=name,
                roles=roles,
                place=self.place,
            )
        if self.can_edit:
            return _(
                "%(name)s can view and edit: %(place)s. Role: %(roles)s.",
                name=name,
                roles=roles,
                place=self.place,
            )
        return _(
            "%(name)s can view: %(place)s. Role: %(roles)s.",
            name=name,
            roles=roles,
            place=self.place,
        )


def visible_users(session: Session, *conditions: Any, limit: int) -> Sequence[StaffUser]:
    """Return users visible to the current actor, with their roles and entities loaded."""
    query = visible(StaffUser, current_actor()).where(*conditions)
    query = query.options(selectinload(StaffUser.roles), joinedload(StaffUser.entity))
    query = query.order_by(StaffUser.first_name, StaffUser.last_name, StaffUser.id)
    return session.scalars(query.limit(limit)).all()


def access_reports(
    session: Session, row: Any, resource: str, users: Sequence[StaffUser]
) -> list[AccessReport]:
    """Return a report for each user on one row; the number of statements does not grow."""
    tree = [(pk, path) for pk, path in session.execute(select(Entity.id, Entity.path))]
    subtrees: dict[str, frozenset[int]] = {}

    def find_subtree(path: str) -> frozenset[int]:
        if path not in subtrees:
            subtrees[path] = frozenset(pk for pk, other in tree if other.startswith(path))
        return subtrees[path]

    roles: dict[int, Role] = {role.id: role for user in users for role in user.roles}
    by_role = permissions_by_role(list(roles.values()))
    actors = {user.id: user.as_actor(find_subtree) for user in users}
    visibility = _visible_by_actor(session, row, list(actors.values()))
    home = session.get(Entity, row.entity_id) if getattr(row, "entity_id", None) else None
    return [
        _report(user, resource, by_role, visibility[_actor_key(actors[user.id])], home)
        for user in users
    ]


def _report(
    user: StaffUser,
    resource: str,
    by_role: dict[int, PermissionSet],
    is_in_scope: bool,
    home: Entity | None,
) -> AccessReport:
    def roles_with(permission: str) -> tuple[str, ...]:
        needed = PermissionSet(frozenset([(permission, resource)]))
        return tuple(str(role) for role in user.roles if by_role[role.id].includes(needed))

    show_roles, edit_roles = roles_with("can_show"), roles_with("can_edit")
    return AccessReport(
        user=user,
        can_open=bool(show_roles),
        can_edit=bool(show_roles and edit_roles),
        is_in_scope=is_in_scope,
        show_roles=show_roles,
        edit_roles=edit_roles,
        is_administrator=is_administrator(user),
        place=_describe_place(user, is_in_scope, home),
    )


def _describe_place(user: StaffUser, is_in_scope: bool, home: Entity | None) -> str:
    if user.entity is None:
        return _("has no entity")
    if home is None or user.entity.id == home.id:
        return _("works at %(entity)s", entity=user.entity.name)
    if is_in_scope:
        return _(
            "works at %(entity)s, which includes %(home)s", entity=user.entity.name, home=home.name
        )
    return _(
        "works at %(entity)s, but this belongs to %(home)s",
        entity=user.entity.name,
        home=home.name,
    )


def _actor_key(actor: Actor) -> tuple:
    return (actor.home_id, actor.role_ids, actor.entity_ids is None)


def _visible_by_actor(session: Session, row: Any, actors: list[Actor]) -> dict[tuple, bool]:
    """Apply ``visible`` for every distinct actor, CHUNK_SIZE of them in one statement."""
    model = type(row)
    distinct = {_actor_key(actor): actor for actor in actors}
    result: dict[tuple, bool] = {}
    keys = list(distinct)
    for start in range(0, len(keys), CHUNK_SIZE):
        part = keys[start : start + CHUNK_SIZE]
        checks = [exists(visible(model, distinct[key]).where(model.id == row.id)) for key in part]
        # The row may be in the trash: its page there has the tab, too.
        answers = session.execute(select(*checks), execution_options={"with_trash": True}).one()
        result |= dict(zip(part, map(bool, answers), strict=True))
    return result
