"""Permissions on users and roles, for modules that cannot import the views."""

from __future__ import annotations

# The resources are the names of the view classes; tests compare them with the declared grants.
_USERS, _ROLES = "UserView", "RoleView"

LIST_USERS = ("can_list", _USERS)
SHOW_USERS = ("can_show", _USERS)
ADD_USERS = ("can_add", _USERS)
EDIT_USERS = ("can_edit", _USERS)
EDIT_ROLES = ("can_edit", _ROLES)
