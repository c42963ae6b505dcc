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
LIMITED_ADMINISTRATOR = "Limited administrator"
LEVELS = (Level.READ, Level.EDIT)


class Grant(NamedTuple):
    """What it takes to do one thing to one kind of resource: a level in an area.

    ``area`` None is for everybody who is signed in. ``is_personal`` says whether people's data
    is seen by it: the limited administrator sees none.
    """

    area: Area | None
    level: Level
    permission: str
    resource: str
    is_personal: bool = True


def role_name(area: Area, level: Level) -> str:
    """Return the name of the role that ``sync`` keeps for a level in an area."""
    return f"{area.value.capitalize()}: {level.name.lower()}"


_SEEDED = {role_name(area, level): (area, level) for area in Area for level in LEVELS}


def area_right(area: Area, level: Level) -> tuple[str, str]:
    """Return the right that stands for a whole area: whoever holds it gets what is added later.

    It also keeps the role of an area that has no pages yet from being granted by just anybody.
    """
    return f"all_{level.name.lower()}", f"Area {area.value}"


def area_grants() -> set[Grant]:
    """Return the rights that stand for whole areas."""
    return {
        Grant(area, level, *area_right(area, level), is_personal=False)
        for area in Area
        for level in LEVELS
    }


def role_label(name: str) -> str:
    """Return the name of a role as people read it: a seeded one in their language."""
    if name == ADMINISTRATOR:
        return _("Administrator")
    if name == PUBLIC:
        return _("Visitors")
    if name == LIMITED_ADMINISTRATOR:
        return _("Limited administrator")
    if name not in _SEEDED:
        return name
    area, level = _SEEDED[name]
    return f"{area.label}: {level.label}"


def is_seeded(name: str) -> bool:
    """Say whether ``sync`` keeps the role of this name as the code declares it."""
    return name in (ADMINISTRATOR, PUBLIC, LIMITED_ADMINISTRATOR) or name in _SEEDED


def area_role(name: str) -> tuple[Area, Level] | None:
    """Return the area and level of a role that ``sync`` keeps for one, else nothing."""
    return _SEEDED.get(name)


def sync_roles(grants: Iterable[Grant]) -> dict[str, int]:
    """Write permissions and roles so that they say what the code says; twice changes nothing.

    Roles that administrators made keep what they hold, except permissions that no longer exist.
    """
    grants = sorted({*grants, *area_grants()}, key=str)
    wanted = {(grant.permission, grant.resource) for grant in grants}
    permissions = _names(Permission, {permission for permission, _ in wanted})
    resources = _names(ViewMenu, {resource for _, resource in wanted})
    known = _known()
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
    _pass_on([g for g in grants if (g.permission, g.resource) in new], known)
    return {"permissions": len(new), "removed": len(gone), "roles": changed}


def is_synchronised(grants: Iterable[Grant]) -> bool:
    """Say whether permissions and seeded roles are as the code declares them; only looks."""
    declared = sorted({*grants, *area_grants()}, key=str)
    known = _known()
    if set(known) != {(grant.permission, grant.resource) for grant in declared}:
        return False
    link = assoc_permissionview_role
    held: dict[str, set[int]] = {name: set() for name in db.session.scalars(select(Role.name))}
    rows = select(Role.name, link.c.permission_view_id).join(link, link.c.role_id == Role.id)
    for name, pk in db.session.execute(rows):
        held[name].add(pk)
    return all(held.get(name) == wanted for name, wanted in _seeded(declared, known).items())


def _known() -> dict[tuple[str, str], int]:
    """Return the number of every right that the database has."""
    return {
        (permission, resource): pk
        for pk, permission, resource in db.session.execute(
            select(PermissionView.id, Permission.name, ViewMenu.name)
            .join(Permission, PermissionView.permission_id == Permission.id)
            .join(ViewMenu, PermissionView.view_menu_id == ViewMenu.id)
        )
    }


def _names(model, names: set[str]) -> dict[str, int]:
    rows = db.session.execute(select(model.name, model.id)).all()
    found: dict[str, int] = {name: pk for name, pk in rows}  # noqa: C416 - rows are not pairs
    for name in sorted(names - set(found)):
        row = model(name=name)
        db.session.add(row)
        db.session.flush()
        found[name] = row.id
    return found


def _seeded(grants: list[Grant], known: dict[tuple[str, str], int]) -> dict[str, set[int]]:
    """Return what each seeded role holds, as the code declares it."""
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


def _sync_seeded(grants: list[Grant], known: dict[tuple[str, str], int]) -> int:
    """Give the seeded roles exactly what the code grants them; return how many links changed."""
    content = _seeded(grants, known)
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


def _areas_with_people(grants: list[Grant]) -> set[tuple[str, str]]:
    """Return the rights on whole areas in which people's data is seen somewhere."""
    areas = {grant.area for grant in grants if grant.is_personal and grant.area is not None}
    return {area_right(area, level) for area in areas for level in LEVELS}


def _pass_on(new: list[Grant], known: dict[tuple[str, str], int]) -> None:
    """Give a right that is new to the roles administrators made for its whole area."""
    link = assoc_permissionview_role
    for grant in new:
        if grant.area is None or grant.level not in LEVELS:
            continue
        whole = [known[area_right(grant.area, level)] for level in LEVELS if level >= grant.level]
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
