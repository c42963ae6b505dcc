"""Flask-AppBuilder's security manager, with session rows and one query for all permissions."""

from __future__ import annotations

from typing import Any

from flask_appbuilder.security.sqla.manager import SecurityManager as FabSecurityManager

from app.extensions import db
from app.security.rights import has_permission
from app.staff.models import StaffUser
from app.staff.population import Staff


class SecurityManager(FabSecurityManager):
    """Load the user of a session, and check permissions."""

    user_model = StaffUser
    # Not registered: this program has its own pages.
    userstatschartview = None

    def register_views(self) -> None:
        """Register nothing: the pages are in ``app/staff/views``."""

    def load_user(self, pk: Any) -> StaffUser | None:
        """Return the user of the cookie's live session, with roles and entity, in one statement.

        Return None if a role requires a second factor and the user has none.
        """
        if not str(pk).isdigit() or len(str(pk)) > 9:
            return None
        return Staff.load_user(db.session(), int(pk))

    def load_user_jwt(self, _jwt_header: Any, _jwt_data: Any) -> None:
        """Accept no JWT: programs use API keys."""

    def get_user_roles(self, user: Any) -> list[Any]:
        """Return the roles of a user; groups are not used."""
        return list(user.roles) if user.is_authenticated else []

    def has_access(self, permission_name: str, view_name: str) -> bool:
        """Return True if the current user has a permission."""
        return has_permission(permission_name, view_name)
