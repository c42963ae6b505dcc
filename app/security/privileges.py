"""Who stands above whom: nobody grants what they do not hold, nor touches who holds more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.security.actor import Actor
from app.security.rights import ADMINISTRATOR, Held, held_by, pairs_of_roles


@dataclass(frozen=True)
class Holdings:
    """Everything somebody holds; ``is_all`` is an administrator's."""

    pairs: Held
    is_all: bool = False

    def covers(self, other: Holdings) -> bool:
        """Say whether the other holds nothing beyond this."""
        return self.is_all or (not other.is_all and other.pairs <= self.pairs)


EVERYTHING = Holdings(frozenset(), is_all=True)


def holdings_of_roles(roles: Iterable) -> Holdings:
    """Return what some roles carry together, as the database has it."""
    roles = list(roles)
    if any(role.name == ADMINISTRATOR for role in roles):
        return EVERYTHING
    ids = [role.id for role in roles if role.id is not None]
    return Holdings(held_by(ids) if ids else frozenset())


def holdings_of(actor: Actor) -> Holdings:
    """Return what an actor holds; the house itself holds everything."""
    if actor.is_house or actor.is_administrator:
        return EVERYTHING
    return Holdings(held_by(actor.role_ids) if actor.role_ids else frozenset())


def holdings_by_role(roles: Iterable) -> dict[int, Holdings]:
    """Return what each of some roles carries by itself, in one statement."""
    roles = [role for role in roles if role.id is not None]
    pairs: dict[int, set[tuple[str, str]]] = {role.id: set() for role in roles}
    for role_id, permission, resource in pairs_of_roles(pairs):
        pairs[role_id].add((permission, resource))
    return {
        role.id: EVERYTHING if role.name == ADMINISTRATOR else Holdings(frozenset(pairs[role.id]))
        for role in roles
    }


def reaches(actor: Actor, entity_id: int | None) -> bool:
    """Say whether an entity, or all of them (None), lies within an actor's reach."""
    return actor.entity_ids is None or entity_id in actor.entity_ids


def outranks(actor: Actor, user: Any) -> bool:
    """Say whether a user is within an actor's reach and holds nothing beyond the actor."""
    return reaches(actor, user.entity_id) and holdings_of(actor).covers(
        holdings_of_roles(user.roles)
    )
