"""The form over all settings; it carries the version of each, and merges what others saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.crud.conflict import FieldConflict, merge_field
from app.crud.fields import SwitchField, make_typed_field
from app.crud.forms import RowForm
from app.log.queries import changes_since
from app.settings.kinds import Setting, all_settings
from app.settings.models import StoredSetting

Rows = Mapping[str, StoredSetting]


def make_form(rows: Rows) -> RowForm:
    """Return the form over the settings as they are stored."""
    fields = {setting.key: _field(setting) for setting in all_settings()}
    values = {setting.key: value_of(setting, rows) for setting in all_settings()}
    return type("SettingsForm", (RowForm,), fields)(data=values)


def _field(setting: type[Setting]) -> Any:
    field_type = setting.field_type()
    if field_type.form_field == "switch":
        return SwitchField(setting.label, description=setting.help)
    return make_typed_field(
        field_type, setting.label, description=setting.help, required=setting.is_required
    )


def value_of(setting: type[Setting], rows: Rows) -> Any:
    """Return the value of a setting according to these rows."""
    row = rows.get(setting.key)
    if row is None or row.value is None:
        return setting.get_default()
    return setting.from_json(row.value)


def write_versions(rows: Rows) -> str:
    """Return the versions of the rows, as the form carries them."""
    return json.dumps({key: row.version for key, row in sorted(rows.items())})


def read_versions(text: str | None) -> dict[str, int]:
    """Return the versions that a form carries; none if they cannot be read."""
    try:
        versions = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(versions, dict):
        return {}
    return {key: version for key, version in versions.items() if type(version) is int}


def merge(session: Session, form: RowForm, rows: Rows) -> tuple[list[FieldConflict], list[str]]:
    """Take over what others changed since the form was opened; see ``merge_stale_form``."""
    versions = read_versions(form.version.data)
    conflicts: list[FieldConflict] = []
    taken_over: list[str] = []
    for setting in all_settings():
        row = rows.get(setting.key)
        version = versions.get(setting.key, 0)
        if row is None or row.version == version:
            continue
        since = changes_since(session, row, max(0, min(version, row.version)))
        entries = [entry for entry in since if entry.changes and "value" in entry.changes]
        if entries:
            old = entries[0].changes["value"][0]  # type: ignore[index]
            old = setting.to_json(setting.get_default()) if old is None else old
            merge_field(form[setting.key], value_of(setting, rows), old, conflicts, taken_over)
    form.version.data = write_versions(rows)
    form.version.raw_data = None
    return conflicts, taken_over
