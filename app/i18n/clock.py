"""The current date in the organisation's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flask import current_app


def organisation_zone() -> ZoneInfo:
    """Return the organisation's time zone."""
    return ZoneInfo(current_app.config["TIMEZONE"])


def today() -> date:
    """Return today's date in the organisation's time zone."""
    return datetime.now(UTC).astimezone(organisation_zone()).date()
