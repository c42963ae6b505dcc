"""Why somebody can see a file: asked of the same functions that every door asks."""

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

# So many rows are asked about in one statement.
CHUNK_SIZE = 200


@dataclass(frozen=True)
class AccessReport:
    """What one user can do with one file, and why."""

    user: StaffUser
    can_open: bool
    can_edit: bool
    is_in_reach: bool
    # The roles that let them open it, and those that let them change it.
    opens_through: tuple[str, ...]
    edits_through: tuple[str, ...]
    is_administrator: bool
    place: str

    @property
    def sees(self) -> bool:
        """Say whether they can open the file."""
        return self.user.is_active and self.can_open and self.is_in_reach

    @property
    def level(self) -> str:
        """Return how far they can go with it."""
        return _("edit") if self.can_edit else _("read")

    @property
    def answer(self) -> str:
        """Say in words why they see the file, or what is missing."""
        name = str(self.user)
        if not self.user.is_active:
            return _("%(name)s does not see this: they cannot sign in.", name=name)
        if not self.can_open:
            return _(
                "%(name)s does not see this: none of their roles lets them open such files.",
                name=name,
            )
        roles = ", ".join(self.edits_through if self.can_edit else self.opens_through)
        if not self.is_in_reach:
            return _(
                "%(name)s does not see this: the role %(roles)s would let them, but %(place)s.",
                name=name,
                roles=roles,
                place=self.place,
            )
        if self.can_edit:
            return _(
                "%(name)s can read and change this through %(roles)s; %(place)s.",
                name=name,
                roles=roles,
                place=self.place,
            )
        return _(
            "%(name)s can read this through %(roles)s; %(place)s.",
            name=name,
            roles=roles,
            place=self.place,
        )


def users_in_reach(session: Session, *conditions: Any, limit: int) -> Sequence[StaffUser]:
    """Return users whom the reader may see, with their roles and entities."""
    query = visible(StaffUser, current_actor()).where(*conditions)
    query = query.options(selectinload(StaffUser.roles), joinedload(StaffUser.entity))
    query = query.order_by(StaffUser.first_name, StaffUser.last_name, StaffUser.id)
    return session.scalars(query.limit(limit)).all()


def access_reports(
    session: Session, row: Any, resource: str, users: Sequence[StaffUser]
) -> list[AccessReport]:
    """Return what each of some users can do with a file; the statements do not grow with them."""
    tree = [(pk, path) for pk, path in session.execute(select(Entity.id, Entity.path))]
    known: dict[str, frozenset[int]] = {}

    def below_of(path: str) -> frozenset[int]:
        if path not in known:
            known[path] = frozenset(pk for pk, other in tree if other.startswith(path))
        return known[path]

    roles: dict[int, Role] = {role.id: role for user in users for role in user.roles}
    carried = permissions_by_role(list(roles.values()))
    actors = {user.id: user.as_actor(below_of) for user in users}
    reached = _visible_by_actor(session, row, list(actors.values()))
    home = session.get(Entity, row.entity_id) if getattr(row, "entity_id", None) else None
    return [
        _report(user, resource, carried, reached[_actor_key(actors[user.id])], home)
        for user in users
    ]


def _report(
    user: StaffUser,
    resource: str,
    carried: dict[int, PermissionSet],
    is_in_reach: bool,
    home: Entity | None,
) -> AccessReport:
    def through(permission: str) -> tuple[str, ...]:
        needed = PermissionSet(frozenset([(permission, resource)]))
        return tuple(str(role) for role in user.roles if carried[role.id].includes(needed))

    opens, edits = through("can_show"), through("can_edit")
    return AccessReport(
        user=user,
        can_open=bool(opens),
        can_edit=bool(opens and edits),
        is_in_reach=is_in_reach,
        opens_through=opens,
        edits_through=edits,
        is_administrator=is_administrator(user),
        place=_describe_place(user, is_in_reach, home),
    )


def _describe_place(user: StaffUser, is_in_reach: bool, home: Entity | None) -> str:
    if user.entity is None:
        return _("they work in no entity")
    if home is None or user.entity.id == home.id:
        return _("they work in %(entity)s", entity=user.entity.name)
    if is_in_reach:
        return _(
            "they work in %(entity)s, above %(home)s", entity=user.entity.name, home=home.name
        )
    return _(
        "they work in %(entity)s, and this file belongs to %(home)s",
        entity=user.entity.name,
        home=home.name,
    )


def _actor_key(actor: Actor) -> tuple:
    return (actor.home_id, actor.role_ids, actor.entity_ids is None)


def _visible_by_actor(session: Session, row: Any, actors: list[Actor]) -> dict[tuple, bool]:
    """Ask the doors' own question for every different actor, all in one statement."""
    model = type(row)
    different = {_actor_key(actor): actor for actor in actors}
    found: dict[tuple, bool] = {}
    keys = list(different)
    for start in range(0, len(keys), CHUNK_SIZE):
        part = keys[start : start + CHUNK_SIZE]
        asked = [exists(visible(model, different[key]).where(model.id == row.id)) for key in part]
        # A file of the trash is asked about on a page of the trash.
        answers = session.execute(select(*asked), execution_options={"with_trash": True}).one()
        found |= dict(zip(part, map(bool, answers), strict=True))
    return found
