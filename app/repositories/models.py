"""Base class of repositories: a label in both languages, a colour, a position."""

from __future__ import annotations

from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.i18n.labels import Bilingual
from app.log.models import Logged
from app.models import VersionedRow
from app.security.scope import OpenToStaff

COLOURS = {
    "grey": _l("Grey"),
    "green": _l("Green"),
    "blue": _l("Blue"),
    "amber": _l("Amber"),
    "red": _l("Red"),
    "violet": _l("Violet"),
    "teal": _l("Teal"),
    "pink": _l("Pink"),
}


class Repository(VersionedRow, Bilingual, Logged, OpenToStaff):
    """One value of a repository."""

    # Whether lists show its colour: what everybody has to see at once, such as a status.
    shows_colour: ClassVar[bool] = False

    label_en: Mapped[str] = mapped_column(
        String(120), default="", info={"label": _l("English name"), "kind": "text"}
    )
    label_es: Mapped[str] = mapped_column(
        String(120), default="", info={"label": _l("Spanish name"), "kind": "text"}
    )
    colour: Mapped[str] = mapped_column(
        String(12),
        default="grey",
        info={"label": _l("Colour"), "kind": "colour", "choices": COLOURS},
    )
    position: Mapped[int] = mapped_column(default=0, info={"label": _l("Order")})
    # An inactive value is not offered in forms, but rows that have it keep it.
    is_active: Mapped[bool] = mapped_column(default=True, info={"label": _l("Available")})
