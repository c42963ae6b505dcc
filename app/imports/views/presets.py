"""Presets of exports: format and columns under a name, one's own or shared with a role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import abort, flash, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import func, or_, select
from werkzeug.datastructures import MultiDict

from app.crud.interface import parse_id
from app.crud.listing import decode_query
from app.crud.models import SavedView
from app.errors import DomainError
from app.extensions import db
from app.imports.exports import CHOICES, form_state
from app.security.actor import current_actor
from app.security.roles import role_label
from app.security.scope import scope_condition
from app.text import clean, fold, sort_key

# Presets of one list that a user may have.
MAX_PRESETS = 50


class Preset:
    """A saved view of the form of an export."""

    def __init__(self, row: SavedView) -> None:
        self.row = row

    def form(self) -> MultiDict[str, str]:
        """Return the choices as the form sends them."""
        return MultiDict(decode_query(self.row.query))

    @property
    def may_edit(self) -> bool:
        """Return True if the user may change or delete it."""
        actor = current_actor()
        is_shared = self.row.role_id is not None
        return self.row.owner_id == actor.id or (actor.is_administrator and is_shared)


class ExportPresetPages:
    """Mixin of a list with an export: its presets, which are kept beside the saved views."""

    route_base: str
    key: str
    render_template: Any
    export_page: Any
    export_selection_of: Any

    @property
    def preset_key(self) -> str:
        """Return what the presets of this list are stored under, beside its saved views."""
        return f"{self.key}:export"

    def presets(self) -> Sequence[SavedView]:
        """Return the presets that the user sees, by name."""
        rows = db.session.scalars(self._visible_presets()).all()
        return sorted(rows, key=lambda row: (sort_key(row.name), row.id))

    def find_preset(self, typed: str) -> Preset | None:
        """Return a preset by the id in an address; abort with 404 if the user sees none such."""
        if not typed:
            return None
        row = db.session.scalar(
            self._visible_presets().where(SavedView.id == (parse_id(typed) or 0))
        )
        if row is None:
            abort(404)
        return Preset(row)

    def preset_roles(self, preset: Preset | None) -> list[tuple[int, str]]:
        """Return (id, label) of the roles that a preset can be shared with."""
        roles = {role.id: role_label(role.name) for role in current_user.roles}
        if preset is not None and preset.row.role is not None:
            roles.setdefault(preset.row.role_id, role_label(preset.row.role.name))  # type: ignore[arg-type]
        return sorted(roles.items(), key=lambda role: sort_key(role[1]))

    @expose("/export/presets", methods=["POST"])
    @has_access
    @permission_name("export")
    def save_preset(self):
        """Save format and columns under a name."""
        selection, shown = self.export_selection_of(request.form), form_state(request.form)
        row = SavedView(list_name=self.preset_key, owner_id=current_user.id)
        row.query = _choices(request.form)
        try:
            if shown.which == "chosen" and not shown.names:
                raise DomainError(_("Choose at least one column."), field="field")
            self._name(row, None)
        except DomainError as error:
            return self.export_page(selection, shown, error=error)
        db.session.add(row)
        db.session.commit()
        flash(_("Preset “%(name)s” saved.", name=row.name), "success")
        return redirect(self._preset_url(row))

    @expose("/export/presets/<int:view_id>/edit", methods=["POST"])
    @has_access
    @permission_name("export")
    def edit_preset(self, view_id: int):
        """Save format, columns, name and role into one of the user's presets."""
        preset = self._editable(view_id)
        selection, shown = self.export_selection_of(request.form), form_state(request.form)
        try:
            if shown.which == "chosen" and not shown.names:
                raise DomainError(_("Choose at least one column."), field="field")
            with db.session.no_autoflush:
                self._name(preset.row, preset)
        except DomainError as error:
            db.session.rollback()
            return self.export_page(selection, shown, preset=self._editable(view_id), error=error)
        preset.row.query = _choices(request.form)
        db.session.commit()
        flash(_("Preset “%(name)s” saved.", name=preset.row.name), "success")
        return redirect(self._preset_url(preset.row))

    @expose("/export/presets/<int:view_id>/delete", methods=["POST"])
    @has_access
    @permission_name("export")
    def delete_preset(self, view_id: int):
        """Delete one of the user's own presets; administrators also delete shared ones."""
        preset = self._editable(view_id)
        name = preset.row.name
        db.session.delete(preset.row)
        db.session.commit()
        flash(_("Preset “%(name)s” deleted.", name=name), "success")
        return redirect(f"{self.route_base}/export")

    def _visible_presets(self) -> Any:
        """Select the presets the user sees; for administrators all shared ones too."""
        actor = current_actor()
        seen = scope_condition(SavedView, actor)
        if actor.is_administrator:
            seen = or_(seen, SavedView.role_id.is_not(None))
        named = SavedView.list_name == self.preset_key
        return select(SavedView).where(named, seen).order_by(SavedView.id).limit(500)

    def _editable(self, view_id: int) -> Preset:
        preset = self.find_preset(str(view_id))
        if preset is None or not preset.may_edit:
            abort(404)
        return preset

    def _name(self, row: SavedView, preset: Preset | None) -> None:
        """Take over the typed name and role; DomainError if a preset cannot have this name."""
        name = clean(request.form.get("name", ""))[:60]
        if not name:
            raise DomainError(_("Enter a name for the preset."), field="name")
        others = [one for one in self.presets() if one.id != row.id]
        if any(fold(one.name) == fold(name) for one in others):
            raise DomainError(
                _("A preset called “%(name)s” already exists.", name=name), field="name"
            )
        owned = select(func.count(SavedView.id)).where(
            SavedView.list_name == self.preset_key, SavedView.owner_id == row.owner_id
        )
        if preset is None and (db.session.scalar(owned) or 0) >= MAX_PRESETS:
            raise DomainError(
                _("You have %(number)s presets. Delete one before you save another.",
                  number=MAX_PRESETS)
            )  # fmt: skip
        typed = request.form.get("role", "")
        role_id = parse_id(typed) if typed else None
        if typed and (role_id is None or role_id not in dict(self.preset_roles(preset))):
            abort(400)
        row.name, row.role_id = name, role_id

    def _preset_url(self, row: SavedView) -> str:
        query = request.form.get("on", "").removeprefix("?")
        return f"{self.route_base}/export?" + "&".join(filter(None, (query, f"preset={row.id}")))


def _choices(form: MultiDict[str, str]) -> str:
    """Return what a preset stores of the form."""
    return urlencode([pair for pair in form.items(multi=True) if pair[0] in CHOICES])
