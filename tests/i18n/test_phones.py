"""Reading telephone numbers: the quick way reads what the thorough one reads, or nothing."""

from __future__ import annotations

import phonenumbers
import pytest

from app.i18n.phones import parse_phone, read_usual_phone
from tests.sampling import chance

E164 = phonenumbers.PhoneNumberFormat.E164


def _read_thoroughly(text: str, country: str) -> str | None:
    number = parse_phone(text, country)
    return None if number is None else phonenumbers.format_number(number, E164)


@pytest.mark.parametrize(
    ("text", "country", "read"),
    [
        ("922 618 947", "ES", "+34922618947"),
        ("+34 (922) 61-89-47", "US", "+34922618947"),
        ("06 12 34 56 78", "FR", None),
        ("34922618947", "ES", None),
        ("0034922618947", "ES", None),
        ("+39 06 6982", "ES", None),
        ("922618947 ext. 3", "ES", None),
        ("12345", "ES", None),
        # Its first digit is only dialled.
        ("8187656128", "BY", None),
    ],
)
def test_only_numbers_that_are_written_as_most_are_read_quickly(text, country, read):
    assert read_usual_phone(text, country) == read


def test_what_is_read_quickly_is_what_is_read_thoroughly():
    dice = chance("telephones")
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    read = 0
    for region in regions:
        code = phonenumbers.country_code_for_region(region)
        example = phonenumbers.example_number(region)
        national = str(example.national_number)
        for _number in range(12):
            changed = list(national)
            changed[dice.randrange(len(changed))] = dice.choice("0123456789")
            text = dice.choice(["", "", "0", "00", "1", str(code), f"+{code} "]) + "".join(changed)
            for country in (region, dice.choice(regions)):
                quick = read_usual_phone(text, country)
                read += quick is not None
                assert quick in (None, _read_thoroughly(text, country)), (text, country)
    assert read > 500
