"""A contact's way into the back-office: given, linked, taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _

from app.contacts.models import Contact
from app.contacts.services import give_access, link_user
from app.crud.interface import ScopedInterface
from app.crud.page import Page
from app.errors import DomainError
from app.extensions import db
from app.security.actor import current_actor
from app.security.areas import Area
from app.security.rights import has_permission


class ContactAccessView(Page):
    """What whoever may change users does from a contact's file."""

    datamodel = ScopedInterface(Contact)
    route_base = "/contacts/access"
    # It takes the rights on users: those on contacts alone lead to no user.
    class_permission_name = "UserView"
    area = Area.SECURITY

    @expose("/give/<pk>", methods=["POST"])
    @has_access
    @permission_name("add")
    def give(self, pk: str):
        """Make a user from a contact and invite them."""
        return self._do(
            pk, lambda row: give_access(db.session(), row), _("An invitation is on its way.")
        )

    @expose("/link/<pk>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def link(self, pk: str):
        """Say which user a contact is."""
        typed = request.form.get("user", "")[:320]
        actor = current_actor()
        return self._do(
            pk, lambda row: link_user(db.session(), row, typed, actor), _("The user is linked.")
        )

    @expose("/unlink/<pk>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def unlink(self, pk: str):
        """Part a contact from its user; both stay as they are."""
        return self._do(
            pk, lambda row: setattr(row, "user_id", None), _("The user is no longer linked.")
        )

    def _do(self, pk: str, change: Callable[[Contact], Any], done: str):
        row = self.datamodel.get(pk) if has_permission("can_show", "ContactView") else None
        if row is None:
            abort(404)
        try:
            change(row)
            db.session.commit()
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
        else:
            flash(done, "success")
        return redirect(f"/contacts/show/{pk}?tab=access")
