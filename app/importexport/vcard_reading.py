"""Read vCards of the versions 3 and 4 as rows with the columns of an import."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from flask_babel import gettext as _

from app.errors import DomainError
from app.importexport.encodings import text_encoding
from app.importexport.formula_escape import escape_formula
from app.importexport.lookups import join_list
from app.importexport.reading import MAX_CELL_LENGTH

MAX_CARDS = 1 << 20
# A photo stands in lines of this length in all; what is longer is no property that is read.
_MAX_LINE = 2 * MAX_CELL_LENGTH
# Properties of our own: the field of a column that vCard has no property for.
OWN_PREFIX = "X-PADRON-"
_PROPERTY = re.compile(r"(?:[A-Za-z0-9-]+\.)?([A-Za-z0-9-]+)((?:;[^:\";]*(?:\"[^\"]*\"[^:\";]*)*)*):(.*)", re.DOTALL)  # fmt: skip
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:T.*)?$")
_ADDRESS = ("street", "city", "province", "postcode", "country")
_BLOCK_ROWS = 500


_Put = Callable[[str, str], None]


class _Property(NamedTuple):
    name: str
    # Upper case; such as TYPE → {"HOME", "VOICE"}.
    parameters: dict[str, set[str]]
    value: str


def is_vcard(head: bytes) -> bool:
    """Return True if a file begins as vCards do."""
    start = head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\0", b"")
    # Of a file that is being stored no more than its first bytes are known.
    return len(start) >= 6 and b"BEGIN:VCARD".startswith(start[:11].upper())


def vcard_csv(path: Path, field_names: Sequence[str]) -> Iterator[bytes]:
    """Yield the cards of a file as CSV, with the names of fields as headers.

    Only columns of which some card has a value are written. DomainError if a card cannot be read.
    """
    used: dict[str, None] = {}
    for card in read_cards(path, field_names):
        used.update(dict.fromkeys(name for name, value in card.items() if value))
    order = {name: place for place, name in enumerate(("_id", "_version", *field_names))}
    columns = sorted(used, key=lambda name: order.get(name, len(order)))
    if not columns:
        raise DomainError(_("This file has no contact."))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for count, card in enumerate(read_cards(path, field_names), 1):
        writer.writerow([escape_formula(card.get(name, "")) for name in columns])
        if count % _BLOCK_ROWS == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def read_cards(path: Path, field_names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield name of a field → text of each card."""
    names, count = frozenset(field_names), 0
    card: list[_Property] | None = None
    for number, line in _lines(path):
        head = line[:20].strip().upper()
        if head == "BEGIN:VCARD":
            if card is not None:
                raise DomainError(_("The contact before line %(line)d has no end.", line=number))
            card = []
        elif head == "END:VCARD" and card is not None:
            count += 1
            if count > MAX_CARDS:
                raise DomainError(
                    _("This file has too many contacts. The maximum is %(most)d.", most=MAX_CARDS)
                )
            yield _fields_of(card, names)
            card = None
        elif card is not None and line.strip():
            found = _parse(line)
            if found is None:
                continue
            _check_version(found, number)
            card.append(found)
    if card is not None:
        raise DomainError(_("The last contact of this file has no end: it is cut off."))


def _check_version(one: _Property, number: int) -> None:
    """Refuse what version 2.1 allows alone."""
    is_old = one.name == "VERSION" and one.value.strip().startswith("2")
    encodings = one.parameters.get("ENCODING", set()) | one.parameters.get("", set())
    if is_old or "QUOTED-PRINTABLE" in encodings:
        raise DomainError(
            _(
                "Line %(line)d: this is a vCard of version 2.1. Export the contacts as vCard 3.0 or 4.0, or as CSV.",
                line=number,
            )
        )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (number, line) of each logical line: one that begins with a blank continues the last."""
    parts: list[str] = []
    start = size = 0
    with path.open(encoding=text_encoding(path), errors="replace", newline=None) as file:
        for number, line in enumerate(iter(lambda: file.readline(_MAX_LINE), ""), 1):
            line = line.rstrip("\n").replace("\0", "")
            if line[:1] in (" ", "\t") and parts:
                size += len(line)
                if size <= _MAX_LINE:
                    parts.append(line[1:])
                continue
            if parts:
                yield start, "".join(parts)
            parts, start, size = [line], number, len(line)
    if parts:
        yield start, "".join(parts)


def _parse(line: str) -> _Property | None:
    match = _PROPERTY.fullmatch(line)
    if match is None:
        return None
    parameters: dict[str, set[str]] = {}
    for part in re.findall(r";((?:[^;\"]|\"[^\"]*\")*)", match[2]):
        name, sign, value = part.partition("=")
        # Version 2.1 writes “TEL;CELL” for “TEL;TYPE=CELL”.
        key = name.strip().upper() if sign else ""
        values = {one.strip(' "').upper() for one in (value if sign else name).split(",")}
        parameters.setdefault(key, set()).update(values)
    return _Property(match[1].upper(), parameters, match[3])


def unescape(text: str) -> str:
    """Return the text of a value without backslashes; one before an “n” stands for a new line."""
    return re.sub(
        r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], text, flags=re.DOTALL
    )


def split(value: str, mark: str) -> list[str]:
    """Split a value at the marks that are not escaped, and unescape its parts."""
    return [unescape(part).strip() for part in _split_raw(value, mark)]


def _split_raw(value: str, mark: str) -> list[str]:
    parts, current, is_escaped = [], "", False
    for character in value:
        if is_escaped or character != mark:
            current += character
            is_escaped = character == "\\" and not is_escaped
        else:
            parts.append(current)
            current = ""
    return [*parts, current]


def _components(value: str, separator: str) -> list[str]:
    """Return the parts of a structured value, each with its own values joined."""
    return [separator.join(split(part, ",")) for part in _split_raw(value, ";")]


def _fields_of(card: list[_Property], names: frozenset[str]) -> dict[str, str]:
    """Return name of a field → text of one card."""
    found: dict[str, str] = {}

    def put(name: str, value: str) -> None:
        if value and name in names and not found.get(name):
            found[name] = value

    for one in card:
        if one.name.startswith(OWN_PREFIX):
            name = one.name.removeprefix(OWN_PREFIX).replace("-", "_").lower()
            name = f"_{name}" if name in ("id", "version") else name
            if name in ("_id", "_version") or name in names:
                found[name] = unescape(one.value)
    by_name = {one.name: one for one in reversed(card)}
    formatted = unescape(by_name["FN"].value).strip() if "FN" in by_name else ""
    _put_name(by_name.get("N"), formatted, put)
    _put_organisation(by_name, names, formatted, put)
    _put_ways(card, put)
    address = _preferred([one for one in card if one.name == "ADR"])
    if address is not None:
        parts = [*_components(address.value, ", "), *[""] * 7]
        lines = ", ".join(part for part in (parts[2], parts[1], parts[0]) if part)
        for name, text in zip(_ADDRESS, (lines, *parts[3:7]), strict=True):
            put(name, text)
    for property_name, name in (("TITLE", "position"), ("NOTE", "notes"), ("LANG", "language"),
                                ("ROLE", "position"), ("URL", "website")):  # fmt: skip
        if property_name in by_name:
            put(name, unescape(by_name[property_name].value).strip())
    if "BDAY" in by_name and (day := _DAY.match(by_name["BDAY"].value.strip())):
        # One without a year is left out: no field holds it.
        put("birth_date", "-".join(day.groups()))
    if "CATEGORIES" in by_name:
        put("tags", join_list(filter(None, split(by_name["CATEGORIES"].value, ","))))
    return found


def _put_name(name: _Property | None, formatted: str, put: _Put) -> None:
    """Take the parts of a name, or of a name in one piece its first word and the rest."""
    parts = [] if name is None else _components(name.value, " ")
    family, given, additional, prefix = (*parts, *[""] * 4)[:4]
    if not family and not given:
        given, _space, family = formatted.partition(" ")
        given, family = (given, family) if family else ("", given)
    put("first_name", " ".join(part for part in (given, additional) if part))
    put("last_name", family)
    put("salutation", prefix)


def _put_organisation(
    by_name: dict[str, _Property], names: frozenset[str], formatted: str, put: _Put
) -> None:
    organisation = split(by_name["ORG"].value, ";") if "ORG" in by_name else [""]
    if "last_name" not in names:
        put("name", organisation[0] or formatted)
        return
    put("account", organisation[0])
    put("department", ", ".join(filter(None, organisation[1:])))


def _put_ways(card: list[_Property], put: _Put) -> None:
    """Take e-mail address and telephones: the first mobile one, and two others."""
    email = _preferred([one for one in card if one.name == "EMAIL"])
    if email is not None:
        put("email", unescape(email.value).strip().removeprefix("mailto:"))
    others = []
    for one in sorted(
        (one for one in card if one.name == "TEL"), key=lambda tel: not _is_preferred(tel)
    ):
        number = unescape(one.value).strip().removeprefix("tel:")
        if "CELL" in one.parameters.get("TYPE", set()) | one.parameters.get("", set()):
            put("mobile", number)
        elif "FAX" not in one.parameters.get("TYPE", ()):
            others.append(number)
    for name, number in zip(("phone", "secondary_phone"), others, strict=False):
        put(name, number)


def _is_preferred(one: _Property) -> bool:
    return "PREF" in one.parameters.get("TYPE", ()) or "1" in one.parameters.get("PREF", ())


def _preferred(found: list[_Property]) -> _Property | None:
    """Return the preferred one of several, or the first."""
    return min(found, key=lambda one: not _is_preferred(one), default=None)
