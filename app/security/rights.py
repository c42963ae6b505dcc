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

ADMINISTRATOR = "Admin"

Held = frozenset[tuple[str, str]]


def holds(permission: str, resource: str) -> bool:
    """Say whether the signed-in user holds a permission, such as can_edit on ContactView."""
    user = current_user
    if not user.is_authenticated or not user.is_active:
        return False
    if is_administrator(user) or (permission, resource) in open_to_all():
        return True
    if "held" not in g:
        g.held = held_by(role.id for role in user.roles)
    return (permission, resource) in g.held


def open_to_all() -> Held:
    """Return what everybody who is signed in holds: their own profile, and the like."""
    return current_app.extensions["open_to_all"]


def is_administrator(user) -> bool:
    """Say whether a user holds everything."""
    return any(role.name == ADMINISTRATOR for role in user.roles)


def held_by(role_ids) -> Held:
    """Return every (permission, resource) that one of the roles carries."""
    rows = db.session.execute(
        select(Permission.name, ViewMenu.name)
        .join(PermissionView, PermissionView.permission_id == Permission.id)
        .join(ViewMenu, PermissionView.view_menu_id == ViewMenu.id)
        .join(
            assoc_permissionview_role,
            assoc_permissionview_role.c.permission_view_id == PermissionView.id,
        )
        .where(assoc_permissionview_role.c.role_id.in_(list(role_ids)))
    )
    return frozenset((permission, resource) for permission, resource in rows)
