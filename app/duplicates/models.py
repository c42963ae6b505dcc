"""Pairs of contacts that may be the same person, and the groups too large to be compared."""

from __future__ import annotations

from datetime import datetime

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.types import UTCDateTime, now

OPEN, NOT_DUPLICATE = "open", "not_duplicate"
STATES = {OPEN: _l("Possible duplicates"), NOT_DUPLICATE: _l("Not duplicates")}

# What two contacts have in common, each a bit of ``DuplicatePair.reasons``: never change a number.
SAME_EMAIL, SAME_PHONE, SAME_BIRTH_DATE, SAME_NAME = 1, 2, 4, 8
SPELLED, SWAPPED, SURNAME_MISSING, NICKNAME = 16, 32, 64, 128
SAME_TOWN, SAME_ADDRESS, FIRST_NAME_SHORT = 256, 512, 1024
REASONS = {
    SAME_EMAIL: _l("Same e-mail"),
    SAME_PHONE: _l("Same phone"),
    SAME_BIRTH_DATE: _l("Same birth date"),
    SAME_NAME: _l("Same name"),
    SPELLED: _l("Name spelled otherwise"),
    SWAPPED: _l("Names swapped"),
    SURNAME_MISSING: _l("One surname missing"),
    NICKNAME: _l("Nickname"),
    FIRST_NAME_SHORT: _l("First name missing or shorter"),
    SAME_ADDRESS: _l("Same address"),
    SAME_TOWN: _l("Same town"),
}


class DuplicatePair(Model):
    """Two contacts that a search took for the same person, or that somebody has told apart.

    ``facts`` is a digest of what was compared when they were told apart: if that changes, the
    next search shows them again. ``scan_id`` is the job that found the pair last.
    """

    __tablename__ = "duplicate_pair"
    __table_args__ = (
        Index("ix_duplicate_pair_state", "state", "score", "low_id", "high_id"),
        Index("ix_duplicate_pair_high", "high_id"),
    )

    low_id: Mapped[int] = mapped_column(
        ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    high_id: Mapped[int] = mapped_column(
        ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    score: Mapped[int]
    reasons: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), default=OPEN)
    scan_id: Mapped[int | None]
    found_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    facts: Mapped[str | None] = mapped_column(String(64))
    decided_by: Mapped[str] = mapped_column(String(160), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class DuplicateKey(Model):
    """A digest of something that a contact may share with others, while a search runs."""

    __tablename__ = "duplicate_key"
    __table_args__ = ({"sqlite_with_rowid": False},)

    scan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    contact_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class LargeGroup(Model):
    """Contacts that share something, too many of them to be compared one by one."""

    __tablename__ = "duplicate_group"

    id: Mapped[int] = mapped_column(primary_key=True)
    scan_id: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(16))
    # One of the contacts, to say what they share.
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contact.id", ondelete="CASCADE"), index=True
    )
    count: Mapped[int]
