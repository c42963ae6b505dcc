"""Privilege checks: nobody grants permissions they lack, nor manages users who have more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.security.actor import Actor
from app.security.rights import ADMINISTRATOR, PermissionPairs, permission_pairs, permission_rows


@dataclass(frozen=True)
class PermissionSet:
    """A set of (permission, resource) pairs; ``is_all`` marks an administrator's."""

    pairs: PermissionPairs
    is_all: bool = False

    def includes(self, other: PermissionSet) -> bool:
        """Return True if the other set is a subset of this one."""
        return self.is_all or (not other.is_all and other.pairs <= self.pairs)


ALL_PERMISSIONS = PermissionSet(frozenset(), is_all=True)


def permissions_of_roles(roles: Iterable) -> PermissionSet:
    """Return the permissions of some roles together, as stored in the database."""
    roles = list(roles)
    if any(role.name == ADMINISTRATOR for role in roles):
        return ALL_PERMISSIONS
    ids = [role.id for role in roles if role.id is not None]
    return PermissionSet(permission_pairs(ids) if ids else frozenset())


def permissions_of_actor(actor: Actor) -> PermissionSet:
    """Return an actor's permissions; the system has all of them, a contact or a visitor none."""
    if actor.is_system or actor.is_administrator:
        return ALL_PERMISSIONS
    return PermissionSet(permission_pairs(actor.role_ids) if actor.role_ids else frozenset())


def permissions_by_role(roles: Iterable) -> dict[int, PermissionSet]:
    """Return the permissions of each role by role id, in one statement."""
    roles = [role for role in roles if role.id is not None]
    pairs: dict[int, set[tuple[str, str]]] = {role.id: set() for role in roles}
    for role_id, permission, resource in permission_rows(pairs):
        pairs[role_id].add((permission, resource))
    return {
        role.id: ALL_PERMISSIONS
        if role.name == ADMINISTRATOR
        else PermissionSet(frozenset(pairs[role.id]))
        for role in roles
    }


def can_reach_entity(actor: Actor, entity_id: int | None) -> bool:
    """Return True if an actor may see an entity; None stands for no entity in particular."""
    return actor.entity_ids is None or entity_id in actor.entity_ids


def may_manage(actor: Actor, user: Any) -> bool:
    """Return True if an actor may see a user and has all the permissions the user has."""
    return can_reach_entity(actor, user.entity_id) and permissions_of_actor(actor).includes(
        permissions_of_roles(user.roles)
    )
