"""Write the rows of an export as vCards of version 4 (RFC 6350)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping

from app.importexport.vcard_reading import OWN_PREFIX

# Octets of a line; a longer one is folded.
_MAX_OCTETS = 75
_NUMBER = re.compile(r"\+\d+")
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_ADDRESS = ("street", "city", "province", "postcode", "country")
_PHONES = (("phone", "voice"), ("mobile", "cell"), ("secondary_phone", "voice"))
# Fields with a property of their own, whose value is a text.
_TEXTS = (("position", "TITLE"), ("notes", "NOTE"), ("website", "URL"))


def card_lines(values: Mapping[str, str]) -> Iterator[str]:
    """Yield the folded lines of the card of a row: name of a field → its text, if it has one."""
    for line in ("BEGIN:VCARD", "VERSION:4.0", *_properties(values), "END:VCARD"):
        yield from _fold(line)


def _properties(values: Mapping[str, str]) -> Iterator[str]:
    rest = dict(values)

    def take(name: str) -> str:
        return rest.pop(name, "")

    if "last_name" in rest or "first_name" in rest:
        family, given, prefix = take("last_name"), take("first_name"), take("salutation")
        yield f"FN:{_escape(' '.join(filter(None, (given, family))))}"
        yield f"N:{_escape(family)};{_escape(given)};;{_escape(prefix)};"
    else:
        name = _escape(take("name"))
        yield from (f"FN:{name}", "KIND:org", f"ORG:{name}")
    if email := take("email"):
        yield f"EMAIL:{_escape(email)}"
    yield from _phones(rest)
    if any(rest.get(name) for name in _ADDRESS):
        yield "ADR:;;" + ";".join(_escape(take(name)) for name in _ADDRESS)
    if rest.get("account") or rest.get("department"):
        parts = [take("account"), take("department")]
        yield "ORG:" + ";".join(map(_escape, parts)).rstrip(";")
    for name, text in _TEXTS:
        if value := take(name):
            yield f"{text}:{_escape(value)}"
    if found := _DAY.fullmatch(rest.get("birth_date", "")):
        del rest["birth_date"]
        yield "BDAY:" + "".join(found.groups())
    if tags := take("tags"):
        labels = next(csv.reader([tags], delimiter=";", skipinitialspace=True))
        yield "CATEGORIES:" + ",".join(map(_escape, labels))
    for name, value in rest.items():
        if value:
            yield f"{OWN_PREFIX}{name.strip('_').replace('_', '-').upper()}:{_escape(value)}"


def _phones(rest: dict[str, str]) -> Iterator[str]:
    """Yield the telephones; a second one without a first would be read as that, and is left."""
    for name, kind in _PHONES if rest.get("phone") else _PHONES[1:2]:
        if not (value := rest.pop(name, "")):
            continue
        if _NUMBER.fullmatch(value):
            yield f'TEL;VALUE=uri;TYPE="{kind}":tel:{value}'
        else:
            yield f"TEL;TYPE={kind}:{_escape(value)}"


def _escape(text: str) -> str:
    """Escape what separates values and parts of values."""
    text = re.sub(r"([\\,;])", r"\\\1", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.replace("\n", "\\n")


def _fold(line: str) -> Iterator[str]:
    """Yield a line in pieces of at most 75 octets, each character whole."""
    piece, size, is_first = "", 0, True
    for character in line:
        octets = len(character.encode())
        if size + octets > _MAX_OCTETS - (not is_first):
            yield ("" if is_first else " ") + piece + "\r\n"
            piece, size, is_first = "", 0, False
        piece += character
        size += octets
    yield ("" if is_first else " ") + piece + "\r\n"
