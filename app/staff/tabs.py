"""Tabs of a user's page (access rights, API keys), and the access report of other rows."""

from __future__ import annotations

from typing import Any

from flask import current_app, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func
from sqlalchemy.orm import Session

from app.crud.screens import may
from app.crud.tabs import Tab
from app.entities.models import Entity
from app.security.actor import current_actor
from app.security.privileges import may_manage
from app.staff.access import access_by_area
from app.staff.access_report import access_reports, visible_users
from app.staff.api_keys import key_summaries
from app.staff.models import StaffUser
from app.text import clean, escape_like, fold


class AccessTab(Tab):
    """A user's access by area, with the form to change it."""

    name = "access"
    label = _l("Access rights")
    model = StaffUser
    template = "staff/access_tab.html"
    order = 20
    right = ("can_list", StaffUser)

    @classmethod
    def content(cls, session: Session, row: StaffUser, view: Any) -> dict[str, Any]:
        return {"access": access_context(row, f"{view.route_base}/show/{row.id}?tab=access")}


def access_context(user: StaffUser, back: str, form: Any = None) -> dict[str, Any]:
    """Return the template context of a user's access rights; saving redirects to ``back``."""
    why = why_not_editable(user)
    if form is None and not why:
        form = current_app.appbuilder.sm.user_view.access_form(obj=user)
        form.version.data = str(user.version)
    return {
        "user": user,
        "areas": access_by_area(user.roles),
        "form": None if why else form,
        "why": why,
        "back": back,
    }


def why_not_editable(user: StaffUser) -> str:
    """Return why the current user may not change a user's access rights; empty if they may."""
    actor = current_actor()
    if user.id == actor.id:
        return _("You can’t change your own rights. Ask another administrator.")
    if user.is_trashed:
        return _("This user is in the trash. Restore the user first.")
    if not may("can_edit", StaffUser):
        return _("You can view rights, but not change them.")
    if not may_manage(actor, user):
        return _("This person has rights that you don’t have.")
    return ""


class KeysTab(Tab):
    """A user's API keys; those who may manage the user may revoke them."""

    name = "keys"
    label = _l("API keys")
    model = StaffUser
    template = "staff/keys_tab.html"
    order = 60
    right = ("can_list", StaffUser)

    @classmethod
    def content(cls, session: Session, row: StaffUser, view: Any) -> dict[str, Any]:
        return {
            "keys": key_summaries(session, row.id),
            "may_revoke": may("can_edit", StaffUser) and may_manage(current_actor(), row),
        }


class AccessReportTab(Tab):
    """The users who can open the row, and through which role and entity."""

    # Part of URLs, so it keeps its first name.
    name = "sight"
    label = _l("Visibility")
    model = object
    template = "staff/access_report_tab.html"
    order = 900
    right = ("can_list", StaffUser)
    # At most so many users are checked; the page says so.
    max_users = 500

    @classmethod
    def applies_to(cls, model: type) -> bool:
        return hasattr(model, "scope") and model not in (StaffUser, Entity)

    @classmethod
    def content(cls, session: Session, row: Any, view: Any) -> dict[str, Any]:
        resource = view.class_permission_name
        users = visible_users(session, StaffUser.active.is_(True), limit=cls.max_users + 1)
        reports = access_reports(session, row, resource, users[: cls.max_users])
        typed = clean(request.args.get("who", ""))[:80]
        answers = []
        if typed:
            words = [f"%{escape_like(fold(word))}%" for word in typed.split()[:5]]
            names = StaffUser.first_name + " " + StaffUser.last_name + " " + StaffUser.username
            matches = visible_users(
                session,
                *(func.padron_fold(names).like(word, escape="\\") for word in words),
                limit=6,
            )
            answers = access_reports(session, row, resource, matches[:5])
        return {
            "reports": [report for report in reports if report.can_see],
            "is_partial": current_actor().entity_ids is not None,
            "is_cut": len(users) > cls.max_users,
            "max_users": cls.max_users,
            "typed": typed,
            "answers": answers,
            "has_more": typed and len(matches) > 5,
        }
