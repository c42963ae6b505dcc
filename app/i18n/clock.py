"""The current date in the organisation's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime

from app import organisation


def today() -> date:
    """Return today's date in the organisation's time zone."""
    return datetime.now(UTC).astimezone(organisation.time_zone()).date()
