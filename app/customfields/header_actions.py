"""A button in the header of a custom field."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.crud.header_actions import HeaderAction
from app.crud.screens import Screen
from app.customfields.kinds import KINDS
from app.customfields.models import CustomField


class ConvertField(HeaderAction):
    """Convert the field to another kind."""

    model = CustomField
    label = _l("Convert to another kind")
    icon = "arrow-left-right"
    right = ("can_edit", CustomField)

    @classmethod
    def url(cls, row: CustomField, screen: Screen) -> str:
        return (
            ""
            if row.is_trashed or KINDS[row.kind].is_file
            else f"{screen.route_base}/convert/{row.id}"
        )
