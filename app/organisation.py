"""The organisation's name, language, country, time zone and currency.

The page Settings → Organisation sets them; what it does not set, environment variables do.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app


def name() -> str:
    """Return the name of the organisation."""
    return _setting("organisation")


def language() -> str:
    """Return the language of visitors whose browser asks for none of ours."""
    return _setting("language")


def country() -> str:
    """Return the code of the country of telephone numbers and addresses that name none."""
    return _setting("country")


def time_zone_name() -> str:
    """Return the name of the time zone in which times are shown and typed."""
    return _setting("timezone")


def time_zone() -> ZoneInfo:
    """Return the time zone in which times are shown and typed."""
    return ZoneInfo(time_zone_name())


def currency() -> str:
    """Return the ISO code of the currency of amounts of money."""
    return _setting("currency")


def _setting(key: str) -> Any:
    # The room of settings is above everything that asks.
    return current_app.extensions["settings"].get(key)
