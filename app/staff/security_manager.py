"""Flask-AppBuilder's security manager: our users, our screens, one query for all rights."""

from __future__ import annotations

from typing import Any

from flask_appbuilder.security.sqla.manager import SecurityManager as FabSecurityManager
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.security import browser
from app.security.models import SignInSession
from app.security.rights import has_permission
from app.security.sessions import hash_token, live_conditions
from app.security.two_factor import has_required_second_factor
from app.staff.models import StaffUser


class SecurityManager(FabSecurityManager):
    """Who signs in and what they hold."""

    user_model = StaffUser
    # Registered as pages of ours, with the rest of the house.
    userstatschartview = None

    def register_views(self) -> None:
        """Register nothing: ``app/staff/views`` has the pages, as plugs like all others."""

    def load_user(self, pk: Any) -> StaffUser | None:
        """Return the user of a session that lives, roles and entity with it, in one statement.

        A role that asks for a second factor shuts out whoever has none, however they came in.
        """
        token = browser.session_token()
        if token is None or not str(pk).isdigit() or len(str(pk)) > 9:
            return None
        query = (
            select(StaffUser)
            .join(SignInSession, SignInSession.user_id == StaffUser.id)
            .where(
                StaffUser.id == int(pk),
                SignInSession.token_hash == hash_token(token),
                *live_conditions(),
            )
        )
        query = query.options(joinedload(StaffUser.roles), joinedload(StaffUser.entity))
        user = db.session.scalars(query).unique().one_or_none()
        if user is None or not user.is_active or not has_required_second_factor(user):
            return None
        browser.touch()
        return user

    def load_user_jwt(self, _jwt_header: Any, _jwt_data: Any) -> None:
        """Let nobody in by a JWT: programs come with an API key."""

    def get_user_roles(self, user: Any) -> list[Any]:
        """Return the roles of a user; groups are not used here."""
        return list(user.roles) if user.is_authenticated else []

    def has_access(self, permission_name: str, view_name: str) -> bool:
        """Say whether the signed-in user holds a permission."""
        return has_permission(permission_name, view_name)
