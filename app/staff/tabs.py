"""Tabs of a user's file: what they may do, where it comes from, their API keys."""

from __future__ import annotations

from typing import Any

from flask import current_app, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func
from sqlalchemy.orm import Session

from app.crud.tabs import Tab
from app.entities.models import Entity
from app.security.actor import current_actor
from app.security.privileges import may_manage
from app.security.rights import has_permission
from app.staff.access import access_by_area
from app.staff.access_report import access_reports, users_in_reach
from app.staff.api_keys import key_summaries
from app.staff.models import StaffUser
from app.text import clean, fold, like


class AccessTab(Tab):
    """What a user may do, area by area; whoever may change it does so here."""

    name = "access"
    label = _l("Access rights")
    model = StaffUser
    template = "staff/access_tab.html"
    order = 20
    right = ("can_list", "UserView")

    @classmethod
    def content(cls, session: Session, row: StaffUser, view: Any) -> dict[str, Any]:
        return {"access": access_context(row, f"{view.route_base}/show/{row.id}?tab=access")}


def access_context(user: StaffUser, back: str, form: Any = None) -> dict[str, Any]:
    """Return what the page of a user's rights needs; ``back`` is where saving leads to."""
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
    """Return why the reader may not change somebody's rights, or nothing if they may."""
    actor = current_actor()
    if user.id == actor.id:
        return _("Nobody changes their own rights. Ask another administrator.")
    if user.is_trashed:
        return _("This user is in the trash. Restore them first.")
    if not has_permission("can_edit", "UserView"):
        return _("You may look at rights, not change them.")
    if not may_manage(actor, user):
        return _("This person has rights that you do not have yourself.")
    return ""


class KeysTab(Tab):
    """The API keys of the user; whoever may change the user may end them."""

    name = "keys"
    label = _l("API keys")
    model = StaffUser
    template = "staff/keys_tab.html"
    order = 60
    right = ("can_list", "UserView")

    @classmethod
    def content(cls, session: Session, row: StaffUser, view: Any) -> dict[str, Any]:
        return {
            "keys": key_summaries(session, row.id),
            "may_revoke": has_permission("can_edit", "UserView")
            and may_manage(current_actor(), row),
        }


class AccessReportTab(Tab):
    """Who can open this very file, through which role and which entity."""

    name = "sight"
    label = _l("Who sees this")
    model = object
    template = "staff/sight_tab.html"
    order = 900
    right = ("can_list", "UserView")
    # Of so many users at most it is asked whether they see the file; the page says so.
    most = 500

    @classmethod
    def applies_to(cls, model: type) -> bool:
        return hasattr(model, "scope") and model not in (StaffUser, Entity)

    @classmethod
    def content(cls, session: Session, row: Any, view: Any) -> dict[str, Any]:
        resource = view.class_permission_name
        users = users_in_reach(session, StaffUser.active.is_(True), limit=cls.most + 1)
        seen = [
            one for one in access_reports(session, row, resource, users[: cls.most]) if one.sees
        ]
        asked = clean(request.args.get("who", ""))[:80]
        answers = []
        if asked:
            words = [f"%{like(fold(word))}%" for word in asked.split()[:5]]
            names = StaffUser.first_name + " " + StaffUser.last_name + " " + StaffUser.username
            found = users_in_reach(
                session,
                *(func.padron_fold(names).like(word, escape="\\") for word in words),
                limit=6,
            )
            answers = access_reports(session, row, resource, found[:5])
        return {
            "seen": seen,
            "is_partial": current_actor().entity_ids is not None,
            "is_cut": len(users) > cls.most,
            "most": cls.most,
            "asked": asked,
            "answers": answers,
            "more_found": asked and len(found) > 5,
        }
