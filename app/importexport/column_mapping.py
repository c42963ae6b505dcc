"""Guess which column of a file is which field, where its telephones are, how it writes days."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import phonenumbers
from flask_babel import force_locale
from flask_babel import gettext as _

from app.errors import DomainError
from app.importexport.fields import Field, LinkField, ManyField, ValueField
from app.importexport.lookups import Resolver, split_list
from app.importexport.reading import Source
from app.i18n.languages import LANGUAGES
from app.fieldtypes import Hints
from app.text import fold

LOOK_AT_ROWS = 20_000
MOST_DISTINCT = 500
_SAMPLES = 3
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
# Words that say of what, not what: “office_address”, “correo de contacto”.
_PADDING = frozenset(
    "office oficina home casa work trabajo postal main principal contact contacto personal member"
    " socio miembro contact's person persona del de la el primary".split()
)
# Tried before all the others: where an organisation that writes in these languages has people.
_REGIONS = (
    "US", "ES", "MX", "AR", "CO", "CL", "PE", "VE", "EC", "GT", "CU", "BO", "DO", "HN", "PY",
    "SV", "NI", "CR", "PA", "UY", "GB", "FR", "PT", "DE", "IT", "IE",
)  # fmt: skip
_DAY = re.compile(r"^(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}\b")


@dataclass
class Column:
    """What a column of the file looks like."""

    header: str
    samples: list[str] = field(default_factory=list)
    distinct: dict[str, None] = field(default_factory=dict)

    def see(self, cell: str) -> None:
        """Take note of a value."""
        if len(self.distinct) < MOST_DISTINCT:
            self.distinct.setdefault(cell[:200])
        if len(self.samples) < _SAMPLES and cell not in self.samples:
            self.samples.append(cell[:80])


def look_at(source: Source) -> list[Column]:
    """Return what the columns of a file look like, from its first rows."""
    columns = [Column(header) for header in source.headers]
    for seen, row in enumerate(source.rows()):
        if seen == LOOK_AT_ROWS:
            break
        if not row.problem:
            for column, cell in zip(columns, row.cells, strict=False):
                if cell and (stripped := cell.strip()):
                    column.see(stripped)
    return columns


def plain_words(header: str) -> str:
    """Return a header as synonyms are compared: ``lastName``, “Last name:” → ``last name``."""
    header = header.replace("º", " ").replace("ª", " ")
    return _NOT_WORD.sub(" ", fold(_CAMEL.sub(" ", header))).strip()


def names_of(field_: Field) -> set[str]:
    """Return everything a field is called, its labels in every language included."""
    names = {field_.name, *field_.synonyms}
    for language in LANGUAGES:
        with force_locale(language):
            names.add(str(field_.label))
    return {plain_words(name) for name in names}


def find_field(fields: Sequence[Field], name: str) -> Field:
    """Return the field of this name, key, label or synonym; DomainError when there is none."""
    wanted = plain_words(name)
    for field_ in fields:
        if name in (field_.name, field_.key) or wanted in names_of(field_):
            return field_
    known = ", ".join(field_.name for field_ in fields)
    raise DomainError(
        _("“%(name)s” is not a field. The fields are: %(known)s.", name=name[:60], known=known)
    )


def guess(
    columns: Sequence[Column],
    fields: Sequence[Field],
    taken: dict[int, Field | None],
    resolvers: dict[str, Resolver],
) -> dict[int, Field | None]:
    """Return column → field for every column of the file; ``taken`` is already decided."""
    found = dict(taken)
    names = {field_.name: names_of(field_) for field_ in fields}
    by_name = {field_.name: field_ for field_ in fields}

    def try_to_fit(place: int, wanted: str) -> None:
        used = {other.name for other in found.values() if other is not None}
        for name, known in names.items():
            if (
                name not in used
                and wanted in known
                and _is_likely(by_name[name], columns[place], resolvers)
            ):
                found[place] = by_name[name]
                return

    words = [plain_words(column.header) for column in columns]
    for place, wanted in enumerate(words):
        if place not in found:
            try_to_fit(place, wanted)
    for place, wanted in enumerate(words):
        if place not in found:
            bare = " ".join(word for word in wanted.split() if word not in _PADDING)
            if bare and bare != wanted:
                try_to_fit(place, bare)
            if place not in found and bare in names.get("phone", ()):
                # A second telephone is a secondary one.
                try_to_fit(place, "secondary phone")
    return {place: found.get(place) for place in range(len(columns))}


def _is_likely(field_: Field, column: Column, resolvers: dict[str, Resolver]) -> bool:
    """Say whether a repository knows at least one of the values of a column."""
    if isinstance(field_, ValueField) and field_.kind.name == "choice":
        # “Title” is Mrs here and Treasurer there.
        return not column.distinct or any(_is_choice(field_, text) for text in column.distinct)
    if not getattr(field_, "needs_known", False):
        return True
    resolver = resolvers[field_.name]
    for value in column.distinct:
        parts = split_list(value, resolver) if isinstance(field_, ManyField) else [value]
        if any(resolver.knows(part) for part in parts):
            return True
    return False


def _is_choice(field_: ValueField, text: str) -> bool:
    try:
        field_.parse(text, Hints())
    except DomainError:
        return False
    return True


def find_region(columns: Sequence[Column], mapping: dict[int, Field | None], default: str) -> str:
    """Return the country the telephone numbers of a file belong to."""
    numbers = [
        number
        for place, field_ in mapping.items()
        if isinstance(field_, ValueField) and field_.kind.name == "phone"
        for number in list(columns[place].distinct)[:30]
        if not number.startswith(("+", "00"))
    ][:60]
    if not numbers or _share(numbers, default) >= 0.5:
        return default
    best = max(_REGIONS, key=lambda region: _share(numbers, region))
    if _share(numbers, best) < 0.9:
        every = sorted(phonenumbers.SUPPORTED_REGIONS)
        best = max((best, *every), key=lambda region: _share(numbers[:15], region))
    return best if _share(numbers, best) > 0.5 else default


def _share(numbers: Sequence[str], region: str) -> float:
    """Return the share of the numbers that are valid in a country."""
    valid = 0
    for number in numbers:
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            continue
        valid += phonenumbers.is_valid_number_for_region(parsed, region)
    return valid / len(numbers)


def is_day_first(values: Iterable[str], default: bool) -> bool:
    """Say whether a column writes the day before the month."""
    day = month = 0
    for value in values:
        if match := _DAY.match(value):
            day += int(match[1]) > 12
            month += int(match[2]) > 12
    return default if day == month else day > month


def day_orders(
    columns: Sequence[Column], mapping: dict[int, Field | None], default: bool
) -> dict[int, bool]:
    """Return, for each column of days, whether the day comes first."""
    return {
        place: is_day_first(columns[place].distinct, default)
        for place, field_ in mapping.items()
        if isinstance(field_, ValueField) and field_.kind.name == "day"
    }


def linked(mapping: dict[int, Field | None]) -> dict[int, Any]:
    """Return the columns that name other rows."""
    return {
        place: field_
        for place, field_ in mapping.items()
        if isinstance(field_, LinkField | ManyField)
    }
