"""The page Settings → Organisation: every setting, in groups, and its log."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from app.crud.basepage import Page
from app.crud.conflict import FieldConflict
from app.crud.formpages import add_form_error
from app.crud.forms import RowForm
from app.crud.interface import parse_id
from app.crud.tabs import Difference, timeline
from app.errors import DomainError
from app.extensions import db
from app.log.models import EVENTS, LogEntry
from app.security.areas import Area
from app.security.rights import has_permission
from app.settings.forms import make_form, merge, read_versions, value_of, write_versions
from app.settings.kinds import all_settings, find_setting
from app.settings.queries import settings_log, stored_rows
from app.settings.services import set_setting

LOG_PAGE_SIZE = 50


class OrganisationView(Page):
    """Settings → Organisation."""

    route_base = "/settings"
    default_view = "show"
    label = _l("Organisation")
    icon = "building-gear"
    category = "Settings"
    order = 5
    area = Area.SETTINGS
    is_personal = False

    @expose("/", methods=["GET"])
    @has_access
    def show(self):
        """Show the settings, as a form to those who may change them, and their log."""
        before = parse_id(request.args.get("before", "0"))
        if before is None:
            abort(404)
        rows = stored_rows(db.session())
        form = make_form(rows)
        form.version.data = write_versions(rows)
        return self._page(form, before=before)

    @expose("/", methods=["POST"])
    @has_access
    def edit(self):
        """Save the settings that were changed."""
        rows = stored_rows(db.session())
        form = make_form(rows)
        is_valid = form.validate()
        if read_versions(form.version.data) != read_versions(write_versions(rows)):
            return self._conflict(form)
        if not is_valid:
            return self._page(form, 422)
        try:
            for setting in all_settings():
                if form[setting.key].data != value_of(setting, rows):
                    set_setting(db.session(), setting, form[setting.key].data)
            db.session.commit()
        except DomainError as error:
            db.session.rollback()
            add_form_error(form, error)
            return self._page(form, 422)
        except (StaleDataError, IntegrityError):
            db.session.rollback()
            return self._conflict(form)
        flash(_("Settings saved."), "success")
        return redirect(url_for("OrganisationView.show"))

    def _conflict(self, form: RowForm):
        conflicts, taken_over = merge(db.session(), form, stored_rows(db.session()))
        return self._page(form, 409, conflicts=conflicts, taken_over=taken_over, is_stale=True)

    def _page(
        self,
        form: RowForm,
        status: int = 200,
        *,
        before: int = 0,
        conflicts: list[FieldConflict] | None = None,
        **more: Any,
    ):
        entries = settings_log(db.session(), before=before or None, limit=LOG_PAGE_SIZE + 1)
        log = timeline(
            db.session(), entries, LOG_PAGE_SIZE, _differences, is_personal=self.is_personal
        )
        # A row is created when its setting is first changed.
        log["events"] = EVENTS | {"created": EVENTS["changed"]}
        groups: dict[str, list[Any]] = {}
        for setting in all_settings():
            groups.setdefault(str(setting.group), []).append(setting)
        page = self.render_template(
            "settings/organisation.html",
            title=_("Organisation"),
            form=form,
            groups=groups,
            may_edit=has_permission("can_edit", self.class_permission_name),
            conflicts={conflict.field.name: conflict for conflict in conflicts or ()},
            **log,
            **more,
        )
        return page, status


def _differences(entry: LogEntry) -> list[Difference]:
    """Return the change of an entry, with the label and the values of the setting."""
    setting = find_setting(entry.subject_name)
    if not entry.changes or "value" not in entry.changes:
        return []
    old, new = entry.changes["value"]
    if setting is None:
        return [Difference("value", entry.subject_name, str(old or ""), str(new or ""), False)]
    old_text, new_text = (
        setting.show(setting.get_default() if value is None else setting.from_json(value))
        for value in (old, new)
    )
    return [Difference("value", setting.label, old_text, new_text, False)]
