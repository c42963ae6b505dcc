"""Permission checks for the current user and for actors; one query per request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import current_app, g
from flask_appbuilder.security.sqla.models import (
    Permission,
    PermissionView,
    Role,
    ViewMenu,
    assoc_permissionview_role,
    assoc_user_role,
)
from flask_login import current_user
from sqlalchemy import func, select

from app.extensions import db
from app.security.actor import Actor
from app.security.api_keys import scopes_allow
from app.security.user_facts import UserFact

ADMINISTRATOR = "Admin"

PermissionPairs = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Rights:
    """What a user may do in a request: everything, or (permission, resource) pairs.

    ``scopes`` are those of the API key, if there is one. A hashable whole: what depends on
    nothing but rights, such as the menu, is cached by it.
    """

    is_everything: bool = False
    pairs: PermissionPairs = frozenset()
    scopes: str | None = None

    def include(self, permission: str, resource: str) -> bool:
        """Return True if a permission is among them."""
        return (self.is_everything or (permission, resource) in self.pairs) and scopes_allow(
            self.scopes, permission, resource
        )


NO_RIGHTS = Rights()


def has_permission(permission: str, resource: str) -> bool:
    """Return True if the current user has a permission, such as can_edit on ContactView."""
    return current_rights().include(permission, resource)


def current_rights() -> Rights:
    """Return the rights of the current user, found out once in a request."""
    # Asked thirty times for each page: what stands for ``g`` is looked up once.
    context = g._get_current_object()
    rights_of, rights = context.get("rights", (None, NO_RIGHTS))
    if rights_of is None or rights_of is not context.get("_login_user"):
        user = current_user._get_current_object()  # type: ignore[attr-defined]
        rights = _rights_of(user)
        context.rights = (user, rights)
    return rights


def _rights_of(user: Any) -> Rights:
    if not user.is_authenticated or not user.is_active:
        return NO_RIGHTS
    scopes = g.get("scopes")
    if is_administrator(user):
        return Rights(is_everything=True, scopes=scopes)
    text = RoleRights.find(user.id)
    if text is None:
        pairs = permission_pairs(role.id for role in user.roles)
    else:
        pairs = _read_pairs(text)
    return Rights(pairs=_with_common(pairs, common_permissions()), scopes=scopes)


@lru_cache(maxsize=256)
def _read_pairs(text: str) -> PermissionPairs:
    pairs = (line.partition(" ") for line in text.splitlines())
    return frozenset((permission, resource) for permission, _space, resource in pairs)


@lru_cache(maxsize=256)
def _with_common(pairs: PermissionPairs, common: PermissionPairs) -> PermissionPairs:
    return pairs | common


class RoleRights(UserFact):
    """The permissions of the user's roles; none for an administrator, who has all of them."""

    @classmethod
    def expression(cls, user: Any) -> Any:
        """Return lines of a permission and a resource, separated by a space."""
        link, held = assoc_permissionview_role.c, assoc_user_role.c
        line = Permission.name.concat(" ").concat(ViewMenu.name)
        is_top = (
            select(held.role_id)
            .join(Role, Role.id == held.role_id)
            .where(held.user_id == user.id, Role.name == ADMINISTRATOR)
            .correlate(user)
        )
        lines = (
            select(func.aggregate_strings(line, "\n"))
            .select_from(assoc_user_role)
            .join(assoc_permissionview_role, link.role_id == held.role_id)
            .join(PermissionView, PermissionView.id == link.permission_view_id)
            .join(Permission, PermissionView.permission_id == Permission.id)
            .join(ViewMenu, PermissionView.view_menu_id == ViewMenu.id)
            .where(held.user_id == user.id, ~is_top.exists())
        )
        return lines.correlate(user).scalar_subquery()


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
