"""Account page: list, create and revoke API keys."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app, flash, redirect
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, Length

from app.crud.api import ModelApi
from app.crud.screens import may, registered
from app.crud.submissions import AlreadySubmitted, claim_submission
from app.extensions import db
from app.security.actor import current_actor
from app.security.areas import Area, Level
from app.security.privileges import may_manage
from app.security.rights import has_permission
from app.staff.api_keys import (
    MAX_NAME_LENGTH,
    find_key,
    issue_key,
    key_summaries,
    offered_levels,
    revoke_user_key,
)
from app.staff.models import StaffUser
from app.staff.views.account import AccountPage
from app.staff.views.reauthentication import PasswordConfirmedForm
from app.text import clean

DAYS = (
    ("30", _l("1 month")),
    ("90", _l("3 months")),
    ("365", _l("1 year")),
    ("730", _l("2 years")),
)


class KeyForm(PasswordConfirmedForm):
    """The form of a new key."""

    name = StringField(
        _l("Name"),
        description=_l(
            "Shown in the log next to your name, for example “Website” or “Accounting”."
        ),
        filters=[lambda typed: clean(typed) if typed else typed],
        validators=[DataRequired(_l("This field is required.")), Length(max=MAX_NAME_LENGTH)],
    )
    days = SelectField(_l("Expires"), choices=DAYS, default="365")


class KeysPage(AccountPage):
    """The current user's API keys."""

    route_base = "/account/keys"
    part = _l("API keys")
    part_icon = "braces"
    order = 60

    @expose("/", methods=["GET"])
    def show(self):
        """Show the keys, and the form for a new one."""
        return self._page(self._form())

    @expose("/", methods=["POST"])
    def make(self):
        """Create a key; only this response shows its secret."""
        form = self._form()
        scopes = self._scopes(form)
        if not scopes:
            first = next(iter(self._offered()), None)
            if first is None:
                abort(403)
            field = form[f"scope_{first.value}"]
            form.validate()
            field.errors = [*field.errors, _("Choose at least one area.")]
            return self._page(form, 422)
        if not form.validate():
            return self._page(form, 422)
        name, days = form.name.data or "", int(form.days.data)
        try:
            claim_submission(db.session())
        except AlreadySubmitted:
            db.session.rollback()
            flash(_("This key has already been created. Its secret was shown only once."), "info")
            return redirect("/account/keys/")
        secret = issue_key(db.session(), current_user, current_actor(), name, scopes, days)
        db.session.commit()
        return self.page(
            "staff/account/key_made.html",
            name=name,
            secret=secret,
            root=current_app.config["PUBLIC_URL"],
            example=next(
                (api.route_base for api in registered(ModelApi) if api.view.area in scopes), ""
            ),
        )

    @expose("/<int:key_id>/revoke", methods=["POST"])
    def revoke(self, key_id: int):
        """Revoke an own key, or one of a user whom the current user may manage."""
        actor = current_actor()
        pair = find_key(db.session(), key_id, actor) if key_id < 2**31 else None
        if pair is None:
            abort(404)
        key, user = pair
        is_own = user.id == actor.id
        if not is_own and not (may("can_edit", StaffUser) and may_manage(actor, user)):
            abort(403)
        revoke_user_key(db.session(), key, user, actor)
        db.session.commit()
        flash(_("Key “%(name)s” revoked.", name=key.name), "success")
        return redirect("/account/keys/" if is_own else f"/users/show/{user.id}?tab=keys")

    def _page(self, form: Any, status: int = 200):
        return self.page(
            "staff/account/keys.html",
            status,
            form=form,
            keys=key_summaries(db.session(), current_user.id),
            scope_fields=[form[f"scope_{area.value}"] for area in self._offered()],
        )

    def _offered(self) -> dict[Area, list[Level]]:
        areas = {api.view.area for api in registered(ModelApi)}
        # A collective action may belong to another area than its list.
        areas |= {
            kind.area for api in registered(ModelApi) for kind in api.screen.collective.values()
        }
        return offered_levels(
            [area for area in Area if area in areas],
            current_app.extensions["grants"],
            has_permission,
        )

    def _form(self) -> Any:
        """Return the form, with a field for each area the user has permissions in."""
        fields = {
            f"scope_{area.value}": SelectField(
                area.label,
                choices=[
                    ("", _("None")),
                    *((level.name.lower(), level.label) for level in levels),
                ],
                default="",
            )
            for area, levels in self._offered().items()
        }
        return type("ScopedKeyForm", (KeyForm,), fields)()

    def _scopes(self, form: Any) -> dict[Area, Level]:
        chosen = {
            area: [level for level in levels if level.name.lower() == form[f"scope_{area}"].data]
            for area, levels in self._offered().items()
        }
        return {area: levels[0] for area, levels in chosen.items() if levels}
