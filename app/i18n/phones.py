"""Parse and format telephone numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata

# A number as most people write it: a “+” or not, digits, spaces, hyphens, dots, brackets.
_USUAL = re.compile(r"(\+?)(\d[\d ().-]*\d)", re.ASCII)
_DIGITS_ONLY = str.maketrans("", "", " ().-")


@dataclass(frozen=True)
class _NumberingPlan:
    """What decides whether the usual digits of a country are a number, written in full."""

    calling_code: str
    # What is dialled before a number of another country, and what is not stored of a number.
    international_prefix: re.Pattern[str]
    national_prefix: re.Pattern[str]
    numbers: re.Pattern[str]
    lengths: frozenset[int]

    def accepts(self, national: str) -> bool:
        """Return True for digits that are a possible number, and nothing but it."""
        return (
            len(national) in self.lengths
            and national[0] != "0"
            and not self.national_prefix.match(national)
        )


@lru_cache(maxsize=512)
def _numbering_plan(country: str) -> _NumberingPlan | None:
    metadata = PhoneMetadata.metadata_for_region(country, None)
    # Of countries that share a calling code, phonenumbers asks the first about lengths.
    if (
        metadata is None
        or metadata.general_desc is None
        or country != phonenumbers.region_code_for_country_code(metadata.country_code or 0)
    ):
        return None
    never = r"(?!)"
    numbers = metadata.general_desc
    return _NumberingPlan(
        str(metadata.country_code),
        re.compile(metadata.international_prefix or never),
        re.compile(metadata.national_prefix_for_parsing or never),
        re.compile(numbers.national_number_pattern or never),
        frozenset(length for length in numbers.possible_length if length > 2),
    )


@lru_cache(maxsize=512)
def _plan_of_calling_code(code: str) -> _NumberingPlan | None:
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    return _numbering_plan(regions[0]) if regions else None


def read_usual_phone(value: str, country: str) -> str | None:
    """Return a number written as most are, in E.164; None if ``parse_phone`` must read it.

    It reads the same number a hundred times faster.
    """
    usual = _USUAL.fullmatch(value)
    if usual is None:
        return None
    digits = usual[2].translate(_DIGITS_ONLY)
    if usual[1]:
        for length in (1, 2, 3):
            plan = _plan_of_calling_code(digits[:length]) if digits[0] != "0" else None
            if plan is not None:
                national = digits[length:]
                return f"+{digits}" if national and plan.accepts(national) else None
        return None
    plan = _numbering_plan(country)
    if (
        plan is None
        or not plan.accepts(digits)
        # Else it may begin with the calling code or with what is dialled before one.
        or not plan.numbers.fullmatch(digits)
        or plan.international_prefix.match(digits)
    ):
        return None
    return f"+{plan.calling_code}{digits}"


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
