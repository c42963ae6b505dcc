"""Permission checks for the current user and for actors; one query per request."""

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
from app.security.api_keys import scopes_allow

ADMINISTRATOR = "Admin"

PermissionPairs = frozenset[tuple[str, str]]


def has_permission(permission: str, resource: str) -> bool:
    """Return True if the current user has a permission, such as can_edit on ContactView."""
    user = current_user
    if not user.is_authenticated or not user.is_active:
        return False
    if not scopes_allow(g.get("scopes"), permission, resource):
        return False
    if is_administrator(user) or (permission, resource) in common_permissions():
        return True
    if "permission_pairs" not in g:
        g.permission_pairs = permission_pairs(role.id for role in user.roles)
    return (permission, resource) in g.permission_pairs


def actor_has_permission(actor: Actor, permission: str, resource: str) -> bool:
    """Return True if an actor has a permission; works outside of requests, too.

    Permissions are the staff's: a contact or a visitor has none, not even the common ones.
    """
    if not actor.is_staff or not scopes_allow(actor.scopes, permission, resource):
        return False
    if actor.is_system or actor.is_administrator or (permission, resource) in common_permissions():
        return True
    return bool(actor.role_ids) and (permission, resource) in permission_pairs(actor.role_ids)


def resource_of(model: type) -> str:
    """Return the resource on which permissions over the rows of a model are given.

    For rules that cannot know pages; with the screen at hand, ask ``Screen.can``.
    """
    return current_app.extensions["resources"][model]


def common_permissions() -> PermissionPairs:
    """Return the permissions of every member of staff, such as those on their own account."""
    return current_app.extensions["common_permissions"]


def is_administrator(user) -> bool:
    """Return True if a user has the role Admin, which includes every permission."""
    return any(role.name == ADMINISTRATOR for role in user.roles)


def permission_pairs(role_ids) -> PermissionPairs:
    """Return the (permission, resource) pairs of some roles together."""
    return frozenset(
        (permission, resource) for _role, permission, resource in permission_rows(role_ids)
    )


def permission_rows(role_ids) -> list[tuple[int, str, str]]:
    """Return (role id, permission, resource) for every permission of some roles."""
    link = assoc_permissionview_role.c
    rows = db.session.execute(
        select(link.role_id, Permission.name, ViewMenu.name)
        .join(PermissionView, PermissionView.id == link.permission_view_id)
        .join(Permission, PermissionView.permission_id == Permission.id)
        .join(ViewMenu, PermissionView.view_menu_id == ViewMenu.id)
        .where(link.role_id.in_(list(role_ids)))
    )
    return [(role_id, permission, resource) for role_id, permission, resource in rows]
