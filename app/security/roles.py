"""Roles and rights as the code declares them, written to the database by ``sync``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from flask_appbuilder.security.sqla.models import (
    Permission,
    PermissionView,
    Role,
    ViewMenu,
    assoc_permissionview_role,
)
from flask_babel import gettext as _
from sqlalchemy import delete, insert, select

from app.extensions import db
from app.security.areas import Area, Level
from app.security.rights import ADMINISTRATOR

PUBLIC = "Public"


class Grant(NamedTuple):
    """What it takes to do one thing to one kind of resource: a level in an area.

    ``area`` None is for everybody who is signed in.
    """

    area: Area | None
    level: Level
    permission: str
    resource: str


def role_name(area: Area, level: Level) -> str:
    """Return the name of the role that ``sync`` keeps for a level in an area."""
    return f"{area.value.capitalize()}: {level.name.lower()}"


_SEEDED = {role_name(area, level): (area, level) for area in Area for level in Level}


def role_label(name: str) -> str:
    """Return the name of a role as people read it: a seeded one in their language."""
    if name == ADMINISTRATOR:
        return _("Administrator")
    if name == PUBLIC:
        return _("Visitors")
    if name not in _SEEDED:
        return name
    area, level = _SEEDED[name]
    return f"{area.label}: {level.label}"


def is_seeded(name: str) -> bool:
    """Say whether ``sync`` keeps the role of this name as the code declares it."""
    return name in (ADMINISTRATOR, PUBLIC) or name in _SEEDED


def sync_roles(grants: Iterable[Grant]) -> dict[str, int]:
    """Write permissions and roles so that they say what the code says; twice changes nothing.

    Roles that administrators made keep what they hold, except permissions that no longer exist.
    """
    grants = list(grants)
    wanted = {(grant.permission, grant.resource) for grant in grants}
    permissions = _names(Permission, {permission for permission, _ in wanted})
    resources = _names(ViewMenu, {resource for _, resource in wanted})
    known = {
        (permission, resource): pk
        for pk, permission, resource in db.session.execute(
            select(PermissionView.id, Permission.name, ViewMenu.name)
            .join(Permission, PermissionView.permission_id == Permission.id)
            .join(ViewMenu, PermissionView.view_menu_id == ViewMenu.id)
        )
    }
    gone = [pk for pair, pk in known.items() if pair not in wanted]
    if gone:
        link = assoc_permissionview_role
        db.session.execute(delete(link).where(link.c.permission_view_id.in_(gone)))
        db.session.execute(delete(PermissionView).where(PermissionView.id.in_(gone)))
    new = sorted(wanted - set(known))
    for permission, resource in new:
        row = PermissionView(
            permission_id=permissions[permission], view_menu_id=resources[resource]
        )
        db.session.add(row)
        db.session.flush()
        known[permission, resource] = row.id
    changed = _sync_seeded(grants, known)
    return {"permissions": len(new), "removed": len(gone), "roles": changed}


def _names(model, names: set[str]) -> dict[str, int]:
    rows = db.session.execute(select(model.name, model.id)).all()
    found: dict[str, int] = {name: pk for name, pk in rows}  # noqa: C416 - rows are not pairs
    for name in sorted(names - set(found)):
        row = model(name=name)
        db.session.add(row)
        db.session.flush()
        found[name] = row.id
    return found


def _sync_seeded(grants: list[Grant], known: dict[tuple[str, str], int]) -> int:
    """Give the seeded roles exactly what the code grants them; return how many links changed."""
    content = {ADMINISTRATOR: set(known.values()) & {known[g[2], g[3]] for g in grants}}
    content[PUBLIC] = set()
    for area in {grant.area for grant in grants if grant.area is not None}:
        for level in (Level.READ, Level.EDIT):
            content[role_name(area, level)] = {
                known[g.permission, g.resource]
                for g in grants
                if g.area is area and g.level <= level
            }
    roles = _names(Role, set(content))
    link = assoc_permissionview_role
    changed = 0
    for name, wanted in content.items():
        held = set(
            db.session.scalars(
                select(link.c.permission_view_id).where(link.c.role_id == roles[name])
            )
        )
        if extra := held - wanted:
            db.session.execute(
                delete(link).where(
                    link.c.role_id == roles[name], link.c.permission_view_id.in_(extra)
                )
            )
        missing = [
            {"role_id": roles[name], "permission_view_id": pk} for pk in sorted(wanted - held)
        ]
        if missing:
            db.session.execute(insert(link), missing)
        changed += len(extra) + len(missing)
    return changed
