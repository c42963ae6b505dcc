"""Actions on a contact's page that create, link or unlink its back-office user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _

from app.contacts.models import Contact
from app.contacts.services import give_access, link_user
from app.crud.basepage import Page
from app.crud.interface import ScopedInterface
from app.crud.screens import may, screen_of
from app.crud.submissions import AlreadySubmitted, claim_submission
from app.errors import DomainError
from app.extensions import db
from app.security.actor import current_actor
from app.security.areas import Area
from app.staff.views.users import UserView


class ContactAccessView(Page):
    """Actions for users who may edit users, posted from a contact's page."""

    datamodel = ScopedInterface(Contact)
    route_base = "/contacts/access"
    # These actions take the permissions of UserView; those of ContactView are not enough.
    class_permission_name = UserView.__name__
    area = Area.SECURITY

    @expose("/give/<pk>", methods=["POST"])
    @has_access
    @permission_name("add")
    def give(self, pk: str):
        """Create a user for a contact and send an invitation."""

        def give_once(row: Contact) -> None:
            claim_submission(db.session())
            give_access(db.session(), row)

        return self._change_contact(pk, give_once, _("Invitation sent."))

    @expose("/link/<pk>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def link(self, pk: str):
        """Link a contact to an existing user."""
        typed = request.form.get("user", "")[:320]
        actor = current_actor()
        return self._change_contact(
            pk, lambda row: link_user(db.session(), row, typed, actor), _("User linked.")
        )

    @expose("/unlink/<pk>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def unlink(self, pk: str):
        """Unlink a contact from its user; both stay as they are."""
        return self._change_contact(
            pk, lambda row: setattr(row, "user_id", None), _("User unlinked.")
        )

    def _change_contact(self, pk: str, change: Callable[[Contact], Any], message: str):
        row = self.datamodel.get(pk) if may("can_show", Contact) else None
        if row is None:
            abort(404)
        try:
            change(row)
            db.session.commit()
        except AlreadySubmitted:
            db.session.rollback()
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
        else:
            flash(message, "success")
        return redirect(f"{screen_of(Contact).route_base}/show/{pk}?tab=access")
