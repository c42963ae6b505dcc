"""What the signed-in user holds: one query a request, asked as often as needed."""

from __future__ import annotations

from flask import current_app, g
from flask_appbuilder.security.sqla.models import (
    Permission,
    PermissionView,
    ViewMenu,
    assoc_permissionview_role,
)
from flask_login import current_user
from sqlalchemy import select

from app.extensions import db
from app.security.actor import Actor
from app.security.api_keys import scopes_cover

ADMINISTRATOR = "Admin"

Held = frozenset[tuple[str, str]]


def holds(permission: str, resource: str) -> bool:
    """Say whether the signed-in user holds a permission, such as can_edit on ContactView."""
    user = current_user
    if not user.is_authenticated or not user.is_active:
        return False
    if not scopes_cover(g.get("scopes"), permission, resource):
        return False
    if is_administrator(user) or (permission, resource) in open_to_all():
        return True
    if "held" not in g:
        g.held = held_by(role.id for role in user.roles)
    return (permission, resource) in g.held


def actor_holds(actor: Actor, permission: str, resource: str) -> bool:
    """Say whether an actor holds a permission, also where nobody is signed in: in a job."""
    if not scopes_cover(actor.scopes, permission, resource):
        return False
    if actor.is_house or actor.is_administrator or (permission, resource) in open_to_all():
        return True
    return bool(actor.role_ids) and (permission, resource) in held_by(actor.role_ids)


def open_to_all() -> Held:
    """Return what everybody who is signed in holds: their own profile, and the like."""
    return current_app.extensions["open_to_all"]


def is_administrator(user) -> bool:
    """Say whether a user holds everything."""
    return any(role.name == ADMINISTRATOR for role in user.roles)


def held_by(role_ids) -> Held:
    """Return every (permission, resource) that one of the roles carries."""
    return frozenset(
        (permission, resource) for _role, permission, resource in pairs_of_roles(role_ids)
    )


def pairs_of_roles(role_ids) -> list[tuple[int, str, str]]:
    """Return (role, permission, resource) of everything that some roles carry."""
    link = assoc_permissionview_role.c
    rows = db.session.execute(
        select(link.role_id, Permission.name, ViewMenu.name)
        .join(PermissionView, PermissionView.id == link.permission_view_id)
        .join(Permission, PermissionView.permission_id == Permission.id)
        .join(ViewMenu, PermissionView.view_menu_id == ViewMenu.id)
        .where(link.role_id.in_(list(role_ids)))
    )
    return [(role_id, permission, resource) for role_id, permission, resource in rows]
