"""Settings: each is a plug that says what it means, how it is typed and what it is by default."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Column, String
from sqlalchemy.types import TypeEngine

from app.fieldtypes import FieldType, get_field_type
from app.registry import Plug


class Setting(Plug):
    """A setting of the organisation; a room puts its own in ``settings.py``.

    ``type`` and ``info`` describe its values as those of a column, so that it has the same field,
    checks and display. ``get_setting(key)`` returns the value.
    """

    key: ClassVar[str]
    label: ClassVar[Any]
    help: ClassVar[Any] = ""
    # The title of the section of the page.
    group: ClassVar[Any]
    # Sections and fields are sorted by it, then in the order in which they were registered.
    order: ClassVar[int] = 100
    type: ClassVar[TypeEngine] = String(200)
    info: ClassVar[dict[str, Any]] = {}
    default: ClassVar[Any] = None
    is_required: ClassVar[bool] = True

    @classmethod
    def get_default(cls) -> Any:
        """Return the value of a setting that nobody has set."""
        return cls.default

    @classmethod
    def check(cls, value: Any) -> None:
        """Raise DomainError if a value must not be set."""

    @classmethod
    def column(cls) -> Column:
        """Return a column with the type of the values."""
        return Column(cls.key, cls.type, info={"label": cls.label} | cls.info)

    @classmethod
    def field_type(cls) -> FieldType:
        """Return the field type of the values."""
        return get_field_type(cls.column())

    @classmethod
    def to_json(cls, value: Any) -> Any:
        """Return a value as it is stored."""
        return cls.field_type().to_json(value)

    @classmethod
    def from_json(cls, stored: Any) -> Any:
        """Return the value that was stored."""
        return cls.field_type().from_json(stored)

    @classmethod
    def show(cls, value: Any) -> str:
        """Format a value for display."""
        return cls.field_type().show(value)


def all_settings() -> tuple[type[Setting], ...]:
    """Return every setting, in the order of the page."""
    return tuple(sorted(Setting.all(), key=lambda setting: setting.order))


def find_setting(key: str) -> type[Setting] | None:
    """Return the setting with this key, or None."""
    return next((setting for setting in Setting.all() if setting.key == key), None)
