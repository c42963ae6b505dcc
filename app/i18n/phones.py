"""Parse and format telephone numbers."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers


def parse_phone(value: str, country: str) -> phonenumbers.PhoneNumber | None:
    """Parse a telephone number; return None if it is not one."""
    main, _sep, extension = value.partition(";ext=")
    try:
        number = phonenumbers.parse(main, country)
    except phonenumbers.NumberParseException:
        return None
    if extension:
        number.extension = extension
    return number if phonenumbers.is_possible_number(number) else None


@lru_cache(maxsize=50_000)
def show_phone(value: str) -> str:
    """Format an E.164 number with the spaces its country uses."""
    try:
        number = phonenumbers.parse(value.replace(";ext=", " ext. "), None)
    except phonenumbers.NumberParseException:
        return value
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
