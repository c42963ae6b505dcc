"""Definitions of custom fields, their options, and the columns that hold the values."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.contacts.models import ContactType
from app.customfields.kinds import COLUMN_PREFIX, KINDS, slot_columns
from app.i18n.labels import Bilingual, choose_label
from app.lines import Line, lines_of
from app.log.models import Logged
from app.models import VersionedRow
from app.security.scope import OpenToStaff
from app.subjects import Customizable, marked
from app.trash.models import Trashable
from app.types import Json, UTCDateTime

# The tables whose rows may have custom fields → what they are called.
SUBJECTS = {"contact": _l("Contacts"), "account": _l("Accounts")}
PORTAL = {
    "hidden": _l("Hidden"),
    "read": _l("Can be read"),
    "edit": _l("Can be edited"),
    "propose": _l("Changes are proposed"),
}

# Filling the new slot; filled, waiting for a decision; in force; while a job empties the slot that
# is used no more: taken back, cancelled, too old to be taken back; both slots are no more its own.
CONVERSION_STATES = ("filling", "filled", "converted", "undone", "cancelled", "closing", "closed")

custom_field_type = Table(
    "custom_field_type",
    Model.metadata,
    Column("field_id", ForeignKey("custom_field.id", ondelete="CASCADE"), primary_key=True),
    Column("type_id", ForeignKey("contact_type.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_custom_field_type_type", "type_id", "field_id"),
)


class CustomOption(Model, Line, Bilingual):
    """A value that can be chosen in a custom field; its id is the code that is stored."""

    __tablename__ = "custom_option"
    fields: ClassVar[tuple[str, ...]] = ("label_en", "label_es", "is_active")
    field_id: Mapped[int] = mapped_column(
        ForeignKey("custom_field.id", ondelete="CASCADE"), index=True
    )
    label_en: Mapped[str] = mapped_column(
        String(120), default="", info={"label": _l("English name")}
    )
    label_es: Mapped[str] = mapped_column(
        String(120), default="", info={"label": _l("Spanish name")}
    )
    # One that is not available is offered no more; the rows that have it keep it.
    is_active: Mapped[bool] = mapped_column(default=True, info={"label": _l("Available")})


class CustomField(Model, VersionedRow, Bilingual, Trashable, Logged, OpenToStaff):
    """A field that an administrator adds to contacts or accounts.

    In the program it is called ``custom_<id>``, for ever; ``slot`` says which column holds its
    values, and is None once they have been deleted.
    """

    __tablename__ = "custom_field"
    __table_args__ = (
        UniqueConstraint("subject", "slot"),
        *Trashable.live_index("ix_custom_field_position", "position", "id"),
        *Trashable.trash_index("custom_field"),
    )
    has_own_purge = True
    # In SQL, too: ``name`` is what the program calls it.
    name_parts: ClassVar[tuple[str, ...]] = ("label",)
    __unlogged__ = Logged.__unlogged__ | {"slot", "is_indexed", "is_emptied"}

    label_en: Mapped[str] = mapped_column(
        String(120), default="", info={"label": _l("English name"), "kind": "text"}
    )
    label_es: Mapped[str] = mapped_column(
        String(120), default="", info={"label": _l("Spanish name"), "kind": "text"}
    )
    help_en: Mapped[str | None] = mapped_column(String(255), info={"label": _l("English help")})
    help_es: Mapped[str | None] = mapped_column(String(255), info={"label": _l("Spanish help")})
    subject: Mapped[str] = mapped_column(
        String(48),
        default="contact",
        info={"label": _l("Field of"), "kind": "choice", "choices": SUBJECTS},
    )
    kind: Mapped[str] = mapped_column(
        String(12),
        default="text",
        info={
            "label": _l("Kind"),
            "kind": "choice",
            "choices": {name: kind.label for name, kind in KINDS.items()},
        },
    )
    slot: Mapped[str | None] = mapped_column(String(4))
    section_en: Mapped[str | None] = mapped_column(
        String(120), info={"label": _l("English section")}
    )
    section_es: Mapped[str | None] = mapped_column(
        String(120), info={"label": _l("Spanish section")}
    )
    position: Mapped[int] = mapped_column(default=0, info={"label": _l("Order")})
    is_required: Mapped[bool] = mapped_column(default=False, info={"label": _l("Required")})
    in_filters: Mapped[bool] = mapped_column(default=True, info={"label": _l("In filters")})
    is_sortable: Mapped[bool] = mapped_column(
        default=False, info={"label": _l("Lists sort by it")}
    )
    is_indexed: Mapped[bool] = mapped_column(default=False)
    # Whether its values were deleted: it stays so that the log can name it.
    is_emptied: Mapped[bool] = mapped_column(default=False)
    portal: Mapped[str] = mapped_column(
        String(8),
        default="hidden",
        info={"label": _l("In the portal"), "kind": "choice", "choices": PORTAL},
    )
    is_personal: Mapped[bool] = mapped_column(
        default=True, info={"label": _l("Personal: erased with the person")}
    )
    identifies: Mapped[bool] = mapped_column(
        default=False, info={"label": _l("Imports may find rows by it")}
    )
    validity_months: Mapped[int | None] = mapped_column(info={"label": _l("Valid for (months)")})
    warn_days: Mapped[int | None] = mapped_column(
        info={"label": _l("Warn before it expires (days)")}
    )

    options: Mapped[list[CustomOption]] = lines_of("CustomOption", _l("Options"))
    contact_types: Mapped[list[ContactType]] = relationship(
        secondary=custom_field_type, info={"label": _l("Only for contact types")}
    )

    @property
    def name(self) -> str:
        """Return the name of the field in addresses, files, the log and the API."""
        return f"custom_{self.id}"

    @property
    def section(self) -> str:
        """Return the title of the part of the form it stands in, in the reader's language."""
        return choose_label(self.section_en, self.section_es)

    def __str__(self) -> str:
        return self.label


class CustomConversion(Model, VersionedRow):
    """The conversion of a custom field to another kind, whose values are kept in another slot.

    First a job fills the new slot, which nobody sees. Then it is confirmed, and the field has the
    new slot; or cancelled. The old slot is kept for some time, so that it can be undone.
    """

    __tablename__ = "custom_conversion"

    field_id: Mapped[int] = mapped_column(
        ForeignKey("custom_field.id", ondelete="CASCADE"), index=True
    )
    from_kind: Mapped[str] = mapped_column(String(12))
    from_slot: Mapped[str] = mapped_column(String(4))
    to_kind: Mapped[str] = mapped_column(String(12))
    to_slot: Mapped[str] = mapped_column(String(4))
    # One of CONVERSION_STATES.
    state: Mapped[str] = mapped_column(String(12), default="filling")
    fits: Mapped[int] = mapped_column(default=0)
    misfits: Mapped[int] = mapped_column(default=0)
    # Values that entries of the log after this one changed are converted again.
    log_id: Mapped[int] = mapped_column(BigInteger, default=0)
    job_id: Mapped[int | None]
    undo_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # How the field was used that the new kind cannot be, by attribute: undoing gives it back.
    used_as: Mapped[dict[str, Any] | None] = mapped_column(Json)

    field: Mapped[CustomField] = relationship()


def _add_slots() -> None:
    """Give each table the columns of the slots; they are attributes of no model by themselves."""
    for model in marked(Customizable):
        for name, make_type in slot_columns().items():
            model.__table__.append_column(Column(name, make_type(), nullable=True))
        # They keep their files while their field is in the trash.
        names = [COLUMN_PREFIX + slot for slot in KINDS["file"].slot_names()]
        model.__table__.info["file_columns"] = tuple(names)


_add_slots()
