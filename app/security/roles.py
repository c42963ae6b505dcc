"""Roles and permissions as the code declares them, written to the database by ``sync``."""

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
LIMITED_ADMINISTRATOR = "Limited administrator"
LEVELS = (Level.READ, Level.EDIT)


class Grant(NamedTuple):
    """A permission on a resource, and the area and level whose role includes it.

    ``area`` None means every logged-in user. ``is_personal`` says whether it shows personal data:
    the limited administrator has no such permission.
    """

    area: Area | None
    level: Level
    permission: str
    resource: str
    is_personal: bool = True


def role_name(area: Area, level: Level) -> str:
    """Return the name of the seeded role of an area and a level."""
    return f"{area.value.capitalize()}: {level.name.lower()}"


_AREA_ROLES = {role_name(area, level): (area, level) for area in Area for level in LEVELS}


def area_permission(area: Area, level: Level) -> tuple[str, str]:
    """Return the (permission, resource) pair of a whole area, later additions included.

    It also protects the role of an area without pages: only those who have the pair may grant it.
    """
    return f"all_{level.name.lower()}", f"Area {area.value}"


def area_grants() -> set[Grant]:
    """Return the grants of the whole-area permissions."""
    return {
        Grant(area, level, *area_permission(area, level), is_personal=False)
        for area in Area
        for level in LEVELS
    }


def role_label(name: str) -> str:
    """Return the name of a role for display; names of seeded roles are translated."""
    if name == ADMINISTRATOR:
        return _("Administrator")
    if name == PUBLIC:
        return _("Visitors")
    if name == LIMITED_ADMINISTRATOR:
        return _("Limited administrator")
    if name not in _AREA_ROLES:
        return name
    area, level = _AREA_ROLES[name]
    return f"{area.label}: {level.label}"


def seeded_role_names() -> tuple[str, ...]:
    """Return the names of the roles that ``sync`` writes."""
    return (ADMINISTRATOR, PUBLIC, LIMITED_ADMINISTRATOR, *_AREA_ROLES)


def is_seeded(name: str) -> bool:
    """Return True if ``sync`` writes the role of this name."""
    return name in (ADMINISTRATOR, PUBLIC, LIMITED_ADMINISTRATOR) or name in _AREA_ROLES


def area_role(name: str) -> tuple[Area, Level] | None:
    """Return the area and level of a seeded role, or None for any other role."""
    return _AREA_ROLES.get(name)


def sync_roles(grants: Iterable[Grant]) -> dict[str, int]:
    """Write permissions and seeded roles as the code declares them; idempotent.

    Custom roles keep their permissions, except those that no longer exist.
    """
    grants = sorted({*grants, *area_grants()}, key=str)
    wanted = {(grant.permission, grant.resource) for grant in grants}
    permissions = _ensure_rows(Permission, {permission for permission, _ in wanted})
    resources = _ensure_rows(ViewMenu, {resource for _, resource in wanted})
    known = _permission_ids()
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
    changed = _sync_seeded_roles(grants, known)
    _extend_custom_roles([g for g in grants if (g.permission, g.resource) in new], known)
    return {"permissions": len(new), "removed": len(gone), "roles": changed}


def is_synchronised(grants: Iterable[Grant]) -> bool:
    """Return True if permissions and seeded roles are as the code declares them; write nothing."""
    declared = sorted({*grants, *area_grants()}, key=str)
    known = _permission_ids()
    if set(known) != {(grant.permission, grant.resource) for grant in declared}:
        return False
    link = assoc_permissionview_role
    held: dict[str, set[int]] = {name: set() for name in db.session.scalars(select(Role.name))}
    rows = select(Role.name, link.c.permission_view_id).join(link, link.c.role_id == Role.id)
    for name, pk in db.session.execute(rows):
        held[name].add(pk)
    return all(
        held.get(name) == wanted
        for name, wanted in _seeded_role_permissions(declared, known).items()
    )


def _permission_ids() -> dict[tuple[str, str], int]:
    """Return the id of every stored permission by (permission, resource)."""
    return {
        (permission, resource): pk
        for pk, permission, resource in db.session.execute(
            select(PermissionView.id, Permission.name, ViewMenu.name)
            .join(Permission, PermissionView.permission_id == Permission.id)
            .join(ViewMenu, PermissionView.view_menu_id == ViewMenu.id)
        )
    }


def _ensure_rows(model, names: set[str]) -> dict[str, int]:
    """Return the id of the row of each name, adding those that are missing."""
    rows = db.session.execute(select(model.name, model.id)).all()
    found: dict[str, int] = {name: pk for name, pk in rows}  # noqa: C416 - rows are not pairs
    for name in sorted(names - set(found)):
        row = model(name=name)
        db.session.add(row)
        db.session.flush()
        found[name] = row.id
    return found


def _seeded_role_permissions(
    grants: list[Grant], known: dict[tuple[str, str], int]
) -> dict[str, set[int]]:
    """Return the ids of the permissions of each seeded role, as the code declares them."""
    content = {ADMINISTRATOR: set(known.values()) & {known[g[2], g[3]] for g in grants}}
    content[PUBLIC] = set()
    content[LIMITED_ADMINISTRATOR] = {
        known[g.permission, g.resource]
        for g in grants
        if g.area in (Area.SETTINGS, Area.SECURITY)
        and g.level <= Level.EDIT
        and not g.is_personal
        and (g.permission, g.resource) not in _areas_with_people(grants)
    }
    for area in Area:
        for level in LEVELS:
            content[role_name(area, level)] = {
                known[g.permission, g.resource]
                for g in grants
                if g.area is area and g.level <= level
            }
    return content


def _sync_seeded_roles(grants: list[Grant], known: dict[tuple[str, str], int]) -> int:
    """Give the seeded roles exactly the declared permissions; return the number of changes."""
    content = _seeded_role_permissions(grants, known)
    roles = _ensure_rows(Role, set(content))
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


def _areas_with_people(grants: list[Grant]) -> set[tuple[str, str]]:
    """Return the whole-area permissions of the areas that show personal data."""
    areas = {grant.area for grant in grants if grant.is_personal and grant.area is not None}
    return {area_permission(area, level) for area in areas for level in LEVELS}


def _extend_custom_roles(new: list[Grant], known: dict[tuple[str, str], int]) -> None:
    """Add new permissions to the custom roles that have the whole area."""
    link = assoc_permissionview_role
    for grant in new:
        if grant.area is None or grant.level not in LEVELS:
            continue
        whole = [
            known[area_permission(grant.area, level)] for level in LEVELS if level >= grant.level
        ]
        holders = set(
            db.session.scalars(select(link.c.role_id).where(link.c.permission_view_id.in_(whole)))
        )
        pk = known[grant.permission, grant.resource]
        already = set(
            db.session.scalars(select(link.c.role_id).where(link.c.permission_view_id == pk))
        )
        if missing := sorted(holders - already):
            db.session.execute(
                insert(link),
                [{"role_id": role_id, "permission_view_id": pk} for role_id in missing],
            )
