"""``/api/v1/settings/``: the settings of the organisation."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, jsonify
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from app.crud.api import Api
from app.crud.api.request_body import read_object
from app.crud.api.responses import problem
from app.crud.api.schemas import json_response, object_schema, operation_object, ref
from app.errors import DomainError
from app.extensions import db
from app.security.rights import has_permission
from app.settings.forms import Rows, value_of
from app.settings.kinds import Setting, all_settings, find_setting
from app.settings.queries import stored_rows
from app.settings.services import reset_setting, type_setting
from app.settings.views import OrganisationView

Answer = Response | tuple[Response, int]
VALUE = {"type": ["string", "integer", "boolean", "null"]}
KNOWN = ("value", "version")


class SettingsApi(Api):
    """The settings of the organisation."""

    resource_name = "settings"
    label = _l("Organisation")
    icon = "building-gear"
    help = _l(
        "Send the version you read with the new value. The value null sets the default again."
    )
    examples = ('{"value": "FR", "version": 0}',)

    def schemas(self) -> dict[str, Any]:
        text = {"type": "string"}
        setting = {
            "key": text,
            "label": text,
            "group": text,
            "value": VALUE,
            "default": VALUE,
            "version": {"type": "integer", "minimum": 0},
        }
        change = {"value": VALUE, "version": {"type": "integer", "minimum": 0}}
        results = {"results": {"type": "array", "items": ref("Setting")}}
        return {
            "Setting": object_schema(setting, [*setting]),
            "SettingList": object_schema(results, [*results]),
            "SettingChange": object_schema(change, [*change]),
        }

    def paths(self) -> dict[str, Any]:
        key = {
            "name": "key",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "enum": [setting.key for setting in all_settings()]},
        }
        listed = operation_object(
            "settings", "list", _("All settings"), {"200": json_response("SettingList")}
        )
        refused = {
            str(status): {"$ref": f"#/components/responses/Refused{status}"}
            for status in (404, 409, 413, 415, 422)
        }
        changed = operation_object(
            "settings", "update", _("Change a setting"),
            {"200": json_response("Setting"), **refused}, parameters=[key], body="SettingChange",
        )  # fmt: skip
        return {"/api/v1/settings/": {"get": listed}, "/api/v1/settings/{key}": {"patch": changed}}

    @expose("/", methods=["GET"])
    def get_list(self) -> Answer:
        """Return all settings."""
        _check_permission("can_show")
        rows = stored_rows(db.session())
        return jsonify(results=[_to_dict(setting, rows) for setting in all_settings()])

    @expose("/<key>", methods=["PATCH"])
    def patch(self, key: str) -> Answer:
        """Change one setting."""
        _check_permission("can_edit")
        setting = find_setting(key)
        if setting is None:
            abort(404)
        sent = read_object()
        fields = {name: [_("This field doesn’t exist.")] for name in sent if name not in KNOWN}
        fields |= {name: [_("This field is required.")] for name in KNOWN if name not in sent}
        if fields:
            return problem(422, _("Some fields are not valid. Nothing was changed."), fields)
        row = stored_rows(db.session()).get(key)
        if sent["version"] != (0 if row is None else row.version):
            return _conflict(setting)
        try:
            change_setting(setting, sent["value"])
            db.session.commit()
        except DomainError as error:
            db.session.rollback()
            return problem(422, str(error), {"value": [str(error)]})
        except (StaleDataError, IntegrityError):
            db.session.rollback()
            return _conflict(setting)
        return jsonify(_to_dict(setting, stored_rows(db.session())))


def change_setting(setting: type[Setting], value: Any) -> None:
    """Set a setting to a value as a program writes it; None is the default."""
    if value is None:
        return reset_setting(db.session(), setting)
    if not isinstance(value, str | int):
        raise DomainError(_("Send text."))
    typed = ("1" if value else "0") if isinstance(value, bool) else str(value)
    type_setting(db.session(), setting, typed)
    return None


def _check_permission(permission: str) -> None:
    if not has_permission(permission, OrganisationView.__name__):
        abort(403)


def _conflict(setting: type[Setting]) -> Answer:
    current = _to_dict(setting, stored_rows(db.session()))
    return problem(409, _("Someone else has changed it."), current=current)


def _to_dict(setting: type[Setting], rows: Rows) -> dict[str, Any]:
    row = rows.get(setting.key)
    return {
        "key": setting.key,
        "label": str(setting.label),
        "group": str(setting.group),
        "value": setting.to_json(value_of(setting, rows)),
        "default": setting.to_json(setting.get_default()),
        "version": 0 if row is None else row.version,
    }
