"""The table of the settings that differ from their default."""

from __future__ import annotations

from typing import Any

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.log.models import Logged
from app.models import VersionedRow
from app.types import Json


class StoredSetting(Model, VersionedRow, Logged):
    """The value of a setting; None if it is the default again.

    A row is never deleted, so that its version tells one value from the next.
    """

    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(String(60), unique=True, info={"label": _l("Setting")})
    value: Mapped[Any | None] = mapped_column(Json, info={"label": _l("Value")})

    def __str__(self) -> str:
        return self.key
