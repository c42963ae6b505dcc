"""Log entries and seals, and the mixin of logged models."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, FetchedValue, Index, Integer, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, mapped_column

from app.security.actor import ActorKind
from app.types import Json, UTCDateTime, now

# ``subject_type`` of security events: logins, rights, exports.
SECURITY_SUBJECT = "security"

EVENTS = {
    "created": _l("created this"),
    "changed": _l("made changes"),
    "trashed": _l("moved this to the trash"),
    "restored": _l("restored this"),
    "purged": _l("permanently deleted this"),
    "log_erased": _l("emptied log entries by request"),
}
# Security events; ``subject_id`` is the user affected.
SECURITY_EVENTS = {
    "signed_in": _l("signed in"),
    "sign_in_failed": _l("sign-in failed"),
    "sign_in_throttled": _l("sign-in blocked: too many attempts"),
    "signed_out": _l("signed out"),
    "sessions_ended": _l("sessions ended"),
    "password_changed": _l("password changed"),
    "password_link_asked": _l("password link requested"),
    "password_link_sent": _l("password link sent"),
    "second_factor_on": _l("two-factor authentication turned on"),
    "second_factor_off": _l("two-factor authentication turned off"),
    "recovery_code_used": _l("recovery code used"),
    "recovery_codes_made": _l("recovery codes created"),
    "rights_changed": _l("rights changed"),
    "role_changed": _l("role changed"),
    "api_key_made": _l("API key created"),
    "api_key_revoked": _l("API key revoked"),
    "exported": _l("exported"),
    "out_of_reach": _l("blocked: no access to part of the selection"),
}
EVENTS |= SECURITY_EVENTS
# Kinds of actor that are named beside the actor's name; staff and the system are not.
ACTOR_KINDS = {
    ActorKind.CONTACT: _l("contact"),
    ActorKind.VISITOR: _l("visitor"),
}
# Labels of the details of an entry that are no field of its row.
DETAIL_LABELS = {
    "entries": _l("Entries"),
    "reason": _l("Reason"),
}
CHANNELS = {
    "web": _l("web"),
    "cli": _l("command line"),
    "import": _l("import"),
    "api": _l("API"),
}


# A random value that the database gives every entry.
Salt = LargeBinary(16).with_variant(UUID(as_uuid=False), "postgresql")


class LogEntry(Model):
    """One event on one row.

    ``changes`` maps a field to ``[old, new]``. A plain value is stored as JSON (a date or a
    datetime in ISO 8601), a linked row as ``[id, label]``, several linked rows as a list of
    those. There are no foreign keys: entries outlive the rows they describe.

    The values of persons can be emptied on request, in two parts: that of the actor and that of
    the subject. A part that was emptied has a digest and no salt; see ``digests`` and ``erasing``.
    """

    __tablename__ = "log_entry"
    __table_args__ = (
        Index("ix_log_entry_subject", "subject_type", "subject_id", "id"),
        Index(
            "ix_log_entry_security",
            "id",
            sqlite_where=text(f"subject_type = '{SECURITY_SUBJECT}'"),
            postgresql_where=text(f"subject_type = '{SECURITY_SUBJECT}'"),
        ),
        Index(
            "ix_log_entry_fact",
            "event",
            "id",
            sqlite_where=text(f"subject_type = '{SECURITY_SUBJECT}'"),
            postgresql_where=text(f"subject_type = '{SECURITY_SUBJECT}'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    # A kind of actor; ``actor_id`` is that of a user of the back-office, or of the contact.
    actor_type: Mapped[str | None] = mapped_column(String(8))
    actor_id: Mapped[int | None]
    actor_name: Mapped[str] = mapped_column(String(160))
    channel: Mapped[str] = mapped_column(String(16))
    event: Mapped[str] = mapped_column(String(32))
    subject_type: Mapped[str] = mapped_column(String(48))
    subject_id: Mapped[int]
    subject_name: Mapped[str] = mapped_column(String(200))
    version: Mapped[int | None]
    changes: Mapped[dict[str, Any] | None] = mapped_column(Json)
    # The operation (collective action) this was part of.
    operation_id: Mapped[int | None]
    actor_salt: Mapped[Any] = mapped_column(
        Salt, nullable=True, server_default=FetchedValue(), deferred=True
    )
    subject_salt: Mapped[Any] = mapped_column(
        Salt, nullable=True, server_default=FetchedValue(), deferred=True
    )
    actor_digest: Mapped[str | None] = mapped_column(String(64))
    subject_digest: Mapped[str | None] = mapped_column(String(64))
    # The entry “log_erased” of the newest request by which a part of this one was emptied.
    erased_by: Mapped[int | None] = mapped_column(BigInteger)

    @property
    def is_emptied(self) -> bool:
        """Return True if the changes and the subject's name were emptied by request."""
        return self.subject_digest is not None

    @property
    def actor_kind(self) -> str:
        """Return the kind of the actor; in older entries, their id and name imply it."""
        if self.actor_type:
            return self.actor_type
        if self.actor_id is not None:
            return ActorKind.STAFF
        return ActorKind.SYSTEM if self.actor_name else ActorKind.VISITOR


def is_logged(model: Any) -> bool:
    """Return True if changes of the model, or of the row, are logged."""
    return hasattr(model, "__unlogged__")


class Logged:
    """Mixin: a session listener logs every change of the row."""

    # Columns not logged: the program maintains them itself.
    __unlogged__: ClassVar[frozenset[str]] = frozenset(
        {
            "id",
            "version",
            "created_at",
            "updated_at",
            "sort_name",
            "path",
            "trashed_at",
            "trashed_by_id",
            "merged_into_id",
            "former_numbers",
        }
    )


class LogSeal(Model):
    """A seal: a digest over a chunk of entries and the seal before it, as in a hash chain."""

    __tablename__ = "log_seal"

    id: Mapped[int] = mapped_column(primary_key=True)
    first_id: Mapped[int] = mapped_column(BigInteger)
    last_id: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    # What the seal covers of an entry: 1, its values; 2, the digests of its values.
    format: Mapped[int] = mapped_column(default=2)
