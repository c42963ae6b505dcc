"""The staff as a population: those who log in to the back-office."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select
from sqlalchemy.orm import joinedload

from app.security.models import OneTimeLink, RecoveryCode, SignInSession
from app.security.populations import Population
from app.security.two_factor import has_required_second_factor
from app.security.user_facts import UserFact
from app.staff.models import StaffUser


class Staff(Population):
    """The users of the back-office."""

    name = ""
    url_prefix = ""
    login_endpoint = "SignInView.login"
    users = StaffUser
    sessions = SignInSession
    links = OneTimeLink
    recovery_codes = RecoveryCode

    @classmethod
    def with_related(cls, query: Select) -> Select:
        """Load roles and entity, too."""
        return query.options(joinedload(StaffUser.roles), joinedload(StaffUser.entity))

    @classmethod
    def facts(cls) -> Sequence[type[UserFact]]:
        """Return all: they are about the staff."""
        return UserFact.all()

    @classmethod
    def may_stay(cls, user: StaffUser) -> bool:
        """Return False as well if a role requires a second factor and the user has none."""
        return user.is_active and has_required_second_factor(user)
