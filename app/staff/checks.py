"""Security checks of users, roles and API keys, and of the database's schema."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app
from flask_appbuilder.security.sqla.models import (
    ApiKey,
    Permission,
    PermissionView,
    Role,
    ViewMenu,
    assoc_permissionview_role,
    assoc_user_role,
)
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as ngettext
from sqlalchemy import func, not_, or_, select
from sqlalchemy.orm import Session

from app.checks import ADVICE, DANGER, WARNING, Check, CheckMessage, join_names
from app.security.rights import ADMINISTRATOR, resource_of
from app.security.roles import is_seeded, is_synchronised
from app.staff.models import StaffUser
from app.staff.schema_version import is_current

# Those who have these can grant others whatever permissions they have themselves.
SECURITY_RIGHTS = (("can_edit", StaffUser), ("can_edit", Role), ("can_add", StaffUser))
DEFAULT_ADDRESS = "admin@example.org"
MAX_INACTIVE_DAYS = 90
MAX_KEY_AGE_DAYS = 365


def administrators(session: Session) -> list[Any]:
    """Return (name, email, has_factor) of the administrators who may log in."""
    query = (
        select(
            (StaffUser.first_name + " " + StaffUser.last_name).label("name"),
            StaffUser.email,
            StaffUser.totp_secret.is_not(None).label("has_factor"),
        )
        .join(assoc_user_role, assoc_user_role.c.user_id == StaffUser.id)
        .join(Role, Role.id == assoc_user_role.c.role_id)
        .where(Role.name == ADMINISTRATOR, StaffUser.may_log_in())
        .order_by(StaffUser.id)
    )
    return list(session.execute(query))


class Administrators(Check):
    """Warn if there is no administrator, or only one."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        number = len(administrators(session))
        if number == 0:
            return CheckMessage(
                DANGER,
                _l("There is no administrator who can sign in."),
                _l(
                    "Run: flask --app run setup – it creates an administrator if there are no users."
                ),
            )
        if number == 1:
            return CheckMessage(
                ADVICE,
                _l("There is only one administrator. If they lose access, nobody can restore it."),
                _l("Give the Administrator role to a second trusted person."),
            )
        return None


class AdministratorsWithoutFactor(Check):
    """Warn about administrators without a second factor."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        bare = [row.name for row in administrators(session) if not row.has_factor]
        if not bare:
            return None
        return CheckMessage(
            WARNING,
            ngettext(
                "An administrator doesn’t use two-factor authentication: %(names)s.",
                "%(num)s administrators don’t use two-factor authentication: %(names)s.",
                len(bare),
                names=join_names(bare),
            ),
            _l("Turn on two-factor authentication in your account, or require it in the role."),
        )


class DefaultAddress(Check):
    """Warn about an administrator with the default e-mail address, which does not exist."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        if all(row.email.lower() != DEFAULT_ADDRESS for row in administrators(session)):
            return None
        return CheckMessage(
            ADVICE,
            _l(
                "The first administrator still has the default address %(email)s.",
                email=DEFAULT_ADDRESS,
            ),
            _l("Enter a real e-mail address in their profile. Password links are sent there."),
        )


class HomelessUsers(Check):
    """Warn about users without an entity, who see nothing."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        users = _users(session, StaffUser.entity_id.is_(None))
        if not users:
            return None
        return CheckMessage(
            WARNING,
            ngettext(
                "A user has no entity and can’t see any data: %(names)s.",
                "%(num)s users have no entity and can’t see any data: %(names)s.",
                len(users),
                names=join_names(users),
            ),
            _l("Choose an entity, or turn off “Can sign in”."),
        )


class QuietUsers(Check):
    """Warn about accounts that have not been used for MAX_INACTIVE_DAYS."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        since = datetime.now() - timedelta(days=MAX_INACTIVE_DAYS)  # noqa: DTZ005 - as it is written
        last_used = func.coalesce(StaffUser.last_login, StaffUser.created_on)
        users = _users(session, last_used < since)
        if not users:
            return None
        return CheckMessage(
            ADVICE,
            ngettext(
                "A user hasn’t signed in for 90 days: %(names)s.",
                "%(num)s users haven’t signed in for 90 days: %(names)s.",
                len(users),
                names=join_names(users),
            ),
            _l("Turn off “Can sign in” for anyone who no longer works here."),
        )


class OldHashes(Check):
    """Warn about passwords stored with an older, weaker hash method."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        method = app.config.get("FAB_PASSWORD_HASH_METHOD", "scrypt")
        users = _users(
            session,
            StaffUser.password.contains("$"),
            ~StaffUser.password.startswith(f"{method}$", autoescape=True),
        )
        if not users:
            return None
        return CheckMessage(
            ADVICE,
            ngettext(
                "A user’s password is stored in an older, weaker format: %(names)s.",
                "The passwords of %(num)s users are stored in an older, weaker format: %(names)s.",
                len(users),
                names=join_names(users),
            ),
            _l(
                "The format is updated at their next sign-in. Send a password link to anyone who doesn’t sign in."
            ),
        )


class SecurityEditors(Check):
    """Point out custom roles that may change users or roles."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        link = assoc_permissionview_role.c
        query = (
            select(Role.name)
            .join(assoc_permissionview_role, link.role_id == Role.id)
            .join(PermissionView, PermissionView.id == link.permission_view_id)
            .join(Permission, Permission.id == PermissionView.permission_id)
            .join(ViewMenu, ViewMenu.id == PermissionView.view_menu_id)
            .where(
                or_(
                    *(
                        (Permission.name == permission) & (ViewMenu.name == resource_of(model))
                        for permission, model in SECURITY_RIGHTS
                    )
                )
            )
            .distinct()
            .order_by(Role.name)
        )
        roles = [name for name in session.scalars(query) if not is_seeded(name)]
        if not roles:
            return None
        return CheckMessage(
            ADVICE,
            ngettext(
                "A custom role can manage users or roles: %(names)s.",
                "%(num)s custom roles can manage users or roles: %(names)s.",
                len(roles),
                names=join_names(roles),
            ),
            _l("Check who has these rights and whether they need them."),
        )


class OldKeys(Check):
    """Warn about API keys that are old, or whose owner may no longer log in."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        before = datetime.now() - timedelta(days=MAX_KEY_AGE_DAYS)  # noqa: DTZ005 - as it is written
        is_orphaned = not_(func.coalesce(StaffUser.may_log_in(), False))
        query = (
            select(ApiKey.name, is_orphaned.label("is_orphaned"))
            .join(StaffUser, StaffUser.id == ApiKey.user_id)
            .where(ApiKey.active.is_(True), ApiKey.revoked_on.is_(None))
            .where(or_(ApiKey.created_on < before, is_orphaned))
            .order_by(ApiKey.id)
        )
        keys = session.execute(query.execution_options(with_trash=True)).all()
        if not keys:
            return None
        return CheckMessage(
            WARNING if any(key.is_orphaned for key in keys) else ADVICE,
            ngettext(
                "An API key is more than a year old or belongs to someone who can’t sign in: %(names)s.",
                "%(num)s API keys are more than a year old or belong to someone who can’t sign in: %(names)s.",
                len(keys),
                names=join_names([key.name for key in keys]),
            ),
            _l("Revoke old or unused keys, and create new ones if they are still needed."),
        )


class Unsynchronised(Check):
    """Warn if the seeded roles differ from what the code declares."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        if is_synchronised(current_app.appbuilder.grants()):
            return None
        return CheckMessage(
            WARNING,
            _l("The roles and rights in the database don’t match this version of the program."),
            _l("Run: flask --app run sync"),
        )


class OldTables(Check):
    """Warn if the newest migration has not run."""

    is_prerequisite = True

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        if is_current(session):
            return None
        return CheckMessage(
            DANGER,
            _l("The database is not up to date: run the latest migration."),
            _l("Run: flask --app run setup"),
        )


def _users(session: Session, *conditions: Any) -> list[str]:
    """Return the names of the users who may log in and meet some conditions."""
    name = StaffUser.first_name + " " + StaffUser.last_name
    query = select(name).where(StaffUser.may_log_in(), *conditions)
    return list(session.scalars(query.order_by(StaffUser.id)))
