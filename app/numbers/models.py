"""The counters of number series, and the mixin of rows that have a number of a series."""

from __future__ import annotations

from typing import ClassVar

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.types import SortKey


class NumberCounter(Model):
    """The last number given in a series; ``name`` is the series, such as ``invoice/2026``."""

    __tablename__ = "counter"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[int] = mapped_column(default=0)


class FormerNumber(Model):
    """A number of a row that was merged into another one, which it still leads to."""

    __tablename__ = "former_number"
    __table_args__ = (
        UniqueConstraint("subject_type", "number"),
        Index("ix_former_number_subject", "subject_type", "subject_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_type: Mapped[str] = mapped_column(String(48))
    number: Mapped[str] = mapped_column(SortKey(32))
    subject_id: Mapped[int]


class Numbered:
    """Mixin of a row with a number of a series.

    ``series`` and ``number_format`` may contain ``{year}``, the current year in the
    organisation's time zone. A new row gets its number when it is first flushed, unless
    ``is_numbered_when_created`` is False: then ``numbers.services.give_number`` gives it, such as
    in the transaction that makes an invoice final.
    """

    series: ClassVar[str]
    number_format: ClassVar[str] = "{number:06d}"
    is_numbered_when_created: ClassVar[bool] = True

    number: Mapped[str | None] = mapped_column(
        SortKey(32), unique=True, info={"kind": "code", "label": _l("Number")}
    )
