"""Field types of text: lines, identifiers, e-mail and web addresses, telephones, postcodes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import phonenumbers
import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.errors import DomainError
from app.fieldtypes.base import FieldType, Hints
from app.fieldtypes.sqltext import SqlHints
from app.i18n.phones import parse_phone, read_usual_phone, show_phone
from app.lookalikes import latinize
from app.text import clean_identifier, clean_lines

# What stands before the “@” of nearly every address.
_USUAL_LOCAL_PART = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")


def _is_usual(email: str, local: str) -> bool:
    return len(email) <= 254 and len(local) <= 64 and bool(_USUAL_LOCAL_PART.fullmatch(local))


@lru_cache(maxsize=4096)
def _usual_domain(domain: str) -> str | None:
    """Return the domain of an e-mail address as it is stored; None if it is unusual or invalid."""
    if not domain.isascii() or "xn--" in domain.lower():
        return None
    try:
        return validate_email(f"a@{domain}", check_deliverability=False).domain
    except EmailNotValidError:
        return None


class MultilineText(FieldType):
    name = "lines"
    sql_types = (sa.Text,)
    form_field = "lines"
    filters = ("contains", "empty", "filled")

    def normalize(self, typed: str) -> str:
        return clean_lines(typed)


class Identifier(FieldType):
    """A name that tells rows apart, such as a user name: nothing in it is invisible."""

    name = "identifier"

    def normalize(self, typed: str) -> str:
        return clean_identifier(typed)


class Code(Identifier):
    """A number with letters, such as a member number: no look-alikes of Latin letters."""

    name = "code"

    def normalize(self, typed: str) -> str:
        return latinize(super().normalize(typed))


class Email(FieldType):
    name = "email"
    input_type = "email"
    shape = "email"
    identifies = True
    json_format = "email"

    def read(self, value: str, hints: Hints) -> str:
        local, _at, domain = value.rpartition("@")
        # Many addresses share a domain, which takes most of the time.
        if _is_usual(value, local) and (usual := _usual_domain(domain)):
            return f"{local}@{usual}".lower()
        try:
            email = validate_email(value, check_deliverability=False)
        except EmailNotValidError:
            raise DomainError(
                _("“%(value)s” is not a valid e-mail address.", value=value[:80])
            ) from None
        # The same address is typed in any case; store it in one.
        return email.normalized.lower()

    def describe(self) -> str:
        return _("e-mail address")


class Phone(FieldType):
    name = "phone"
    input_type = "tel"
    filters = ("digits", "empty", "filled")
    shape = "phone"
    identifies = True
    why_not_sorted = _l("Phone numbers can’t be sorted. Search for a number instead.")

    def read(self, value: str, hints: Hints) -> str:
        if usual := read_usual_phone(value, hints.country):
            return usual
        number = parse_phone(value, hints.country)
        if number is None:
            raise DomainError(_("“%(value)s” is not a valid phone number.", value=value[:40]))
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return f"{written};ext={number.extension}" if number.extension else written

    def show(self, value: str | None) -> str:
        if not value:
            return ""
        return show_phone(value)

    def edit(self, value: str | None) -> str:
        return self.show(value)

    def write(self, value: str | None) -> str:
        return value or ""

    def file_text(
        self, value: sa.ColumnElement[Any], hints: SqlHints
    ) -> sa.ColumnElement[Any] | None:
        return super().file_text(value, hints)

    def describe(self) -> str:
        return _("phone number, returned as +34944123456")


class Url(FieldType):
    name = "url"
    input_type = "url"
    shape = "url"
    json_format = "uri"

    def read(self, value: str, hints: Hints) -> str:
        if "://" not in value:
            value = f"https://{value}"
        try:
            parts = urlsplit(value)
        except ValueError:  # half an IPv6 address
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or "." not in (parts.hostname or ""):
            raise DomainError(_("“%(value)s” is not a valid web address.", value=value[:80]))
        return value

    def describe(self) -> str:
        return _("web address")


class Postcode(FieldType):
    name = "postcode"

    def read(self, value: str, hints: Hints) -> str:
        # Spreadsheets drop the zero that begins the postcodes of nine Spanish provinces.
        is_cut = hints.country == "ES" and re.fullmatch(r"[1-9][0-9]{3}", value)
        return f"0{value}" if is_cut else value


class Photo(FieldType):
    name = "photo"
    form_field = "photo"
    filters = ("empty", "filled")
    is_text = False


class File(FieldType):
    """A stored file: its key of 32 characters, “/”, the name it was sent under.

    ``info["name"]`` is the name of the attribute, ``info["file_rules"]`` a function that returns
    which files are taken.
    """

    name = "file"
    form_field = "file"
    filters = ("empty", "filled")
    shape = "file"
    is_text = False
    why_not_sorted = _l("A list can’t be sorted by files.")

    def read(self, value: str, hints: Hints) -> str:
        """Refuse whatever is typed: it could name somebody else's file."""
        raise DomainError(_("A file can’t be typed: upload it."))

    def show(self, value: Any) -> str:
        return "" if value is None else value.partition("/")[2]

    def cell_extra(self, value: Any) -> Any:
        return self.info.get("name", "")

    def write(self, value: Any) -> str:
        return self.show(value)

    def file_text(self, value: sa.ColumnElement[Any], hints: SqlHints) -> sa.ColumnElement[Any]:
        return sa.func.substr(value, 34)
