"""Set settings; the session's listener writes the log."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import organisation
from app.errors import DomainError
from app.fieldtypes import Hints
from app.settings.kinds import Setting
from app.settings.models import StoredSetting


def set_setting(session: Session, setting: type[Setting], value: Any) -> StoredSetting:
    """Set a setting and return its row; the value of the default is not stored.

    Raise DomainError, for the field with the setting's key, if the value must not be set.
    """
    default = setting.get_default()
    if value in (None, ""):
        if setting.is_required:
            raise DomainError(_("This field is required."), field=setting.key)
        value = None if default in (None, "") else ""
    try:
        setting.check(value)
    except DomainError as error:
        raise DomainError(str(error), field=setting.key) from None
    row = get_row(session, setting) or StoredSetting(key=setting.key)
    stored = None if value == default else setting.to_json(value)
    if row.value != stored:
        row.value = stored
        session.add(row)
    return row


def type_setting(session: Session, setting: type[Setting], typed: str) -> StoredSetting:
    """Set a setting to what was typed; raise DomainError if that is not a value of it."""
    field_type = setting.field_type()
    value = field_type.parse(typed, Hints(organisation.country(), is_strict=True))
    if value is not None:
        field_type.validate(value)
    return set_setting(session, setting, value)


def reset_setting(session: Session, setting: type[Setting]) -> None:
    """Make a setting what it is by default."""
    if (row := get_row(session, setting)) is not None:
        row.value = None


def get_row(session: Session, setting: type[Setting]) -> StoredSetting | None:
    """Return the row of a setting, or None if it was never set."""
    return session.scalar(select(StoredSetting).where(StoredSetting.key == setting.key))
