"""The organisation's own calendar: its days begin and end in its time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flask import current_app


def today() -> date:
    """Return the day it is where the organisation is."""
    return datetime.now(UTC).astimezone(ZoneInfo(current_app.config["TIMEZONE"])).date()
