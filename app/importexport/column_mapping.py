"""Guess the field of each column of a file, the country of its telephones and its date format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import phonenumbers
from flask_babel import force_locale
from flask_babel import gettext as _

from app.errors import DomainError
from app.fieldtypes import Choice, Date, Hints, Phone
from app.i18n.languages import LANGUAGES
from app.importexport.fields import (
    AppendedField,
    CsvField,
    KeyField,
    ManyToManyField,
    ValueField,
)
from app.importexport.lookups import Lookup, split_list
from app.importexport.reading import Source
from app.text import fold

# Synonyms that say little: a column has the field only if no other one fits it better.
_WEAK_SYNONYMS = frozenset(
    "name county region number numero nro num title titulo group grupo first last mail job role"
    " estado labels".split()
)
# So many numbers, of which such a share is valid in another country, speak for that country.
_MIN_FOREIGN_NUMBERS, _MIN_FOREIGN_SHARE = 20, 0.95
MAX_PROFILED_ROWS = 20_000
MAX_DISTINCT_VALUES = 500
_MAX_SAMPLES = 3
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
# Words that qualify a field without naming it: “office_address”, “correo de contacto”.
_FILLER_WORDS = frozenset(
    "office oficina home casa work trabajo postal main principal contact contacto personal member"
    " socio miembro contact's person persona del de la el primary".split()
)
# Countries tried before all others: those where English or Spanish speakers are likely.
_REGIONS = (
    "US", "ES", "MX", "AR", "CO", "CL", "PE", "VE", "EC", "GT", "CU", "BO", "DO", "HN", "PY",
    "SV", "NI", "CR", "PA", "UY", "GB", "FR", "PT", "DE", "IT", "IE",
)  # fmt: skip
_DAY = re.compile(r"^(\d{1,2})[-/.](\d{1,2})[-/.](?:\d{4}|\d{2})\b")


@dataclass
class ColumnProfile:
    """Sample and distinct values of a column of the file."""

    header: str
    # Whether a column before it has the same header, and whether that is the one beside it.
    is_repeated: bool = False
    is_beside: bool = False
    samples: list[str] = field(default_factory=list)
    distinct: dict[str, None] = field(default_factory=dict)

    def observe(self, cell: str) -> None:
        """Add a value to the profile."""
        if len(self.distinct) < MAX_DISTINCT_VALUES:
            self.distinct.setdefault(cell[:200])
        if len(self.samples) < _MAX_SAMPLES and cell not in self.samples:
            self.samples.append(cell[:80])


def profile_columns(source: Source) -> list[ColumnProfile]:
    """Return the profile of each column, from the first rows of the file."""
    columns = [
        ColumnProfile(header, place in source.repeats, place - 1 == source.repeats.get(place))
        for place, header in enumerate(source.headers)
    ]
    for count, row in enumerate(source.rows()):
        if count == MAX_PROFILED_ROWS:
            break
        if not row.problem:
            for column, cell in zip(columns, row.cells, strict=False):
                if cell and (stripped := cell.strip()):
                    column.observe(stripped)
    return columns


def normalize_header(header: str) -> str:
    """Return the form headers are compared in: ``lastName``, “Last name:” → ``last name``."""
    header = header.replace("º", " ").replace("ª", " ")
    return _NOT_WORD.sub(" ", fold(_CAMEL.sub(" ", header))).strip()


def field_names(field_: CsvField) -> dict[str, bool]:
    """Return all names of a field, normalized, and whether each says enough by itself.

    They are its synonyms, and its label in every language.
    """
    names = {field_.name}
    for language in LANGUAGES:
        with force_locale(language):
            names.add(str(field_.label))
    synonyms = {normalize_header(name) for name in field_.synonyms}
    return {name: name not in _WEAK_SYNONYMS for name in synonyms} | dict.fromkeys(
        map(normalize_header, names), True
    )


def find_field(fields: Sequence[CsvField], name: str) -> CsvField:
    """Return the field with this name, key, label or synonym; raise DomainError if none has it."""
    wanted = normalize_header(name)
    for field_ in fields:
        if name in (field_.name, field_.key) or wanted in field_names(field_):
            return field_
    known = ", ".join(field_.name for field_ in fields)
    raise DomainError(
        _("“%(name)s” is not a field. Available fields: %(known)s.", name=name[:60], known=known)
    )


def guess_mapping(
    columns: Sequence[ColumnProfile],
    fields: Sequence[CsvField],
    chosen: dict[int, CsvField | None],
    lookups: dict[str, Lookup],
) -> dict[int, CsvField | None]:
    """Return column position → field (None: ignored); ``chosen`` holds the user's choices."""
    mapping = dict(chosen)
    by_name = {field_.name: field_ for field_ in fields}
    keys = {field_.name: field_ for field_ in fields if isinstance(field_, KeyField)}
    for place, column in enumerate(columns):
        # Nothing else stands for them: a column “ID” has numbers of another program.
        if column.header in keys and keys[column.header] not in mapping.values():
            mapping.setdefault(place, keys[column.header])
    names = {field_.name: field_names(field_) for field_ in fields if field_.name not in keys}

    def map_by_name(place: int, wanted: str, *, weakly: bool) -> None:
        used = {other.name for other in mapping.values() if other is not None}
        for name, known in names.items():
            if (
                name not in used
                and wanted in known
                and (weakly or known[wanted])
                and _is_likely(by_name[name], columns[place], lookups)
            ):
                mapping[place] = by_name[name]
                return

    words = {
        place: normalize_header(column.header)
        for place, column in enumerate(columns)
        if not column.is_repeated
    }
    bare_words = {
        place: " ".join(word for word in wanted.split() if word not in _FILLER_WORDS)
        for place, wanted in words.items()
    }
    # The best fit first: a whole name, then one with words around it, last what says little.
    for weakly in (False, True):
        for place, wanted in words.items():
            if place not in mapping:
                map_by_name(place, wanted, weakly=weakly)
        for place, wanted in words.items():
            bare = bare_words[place]
            if place not in mapping and bare and bare != wanted:
                map_by_name(place, bare, weakly=weakly)
            if place not in mapping and bare in names.get("phone", ()):
                # A second telephone is a secondary one.
                map_by_name(place, "secondary phone", weakly=weakly)
    _map_second_names(columns, mapping, by_name)
    return {place: mapping.get(place) for place in range(len(columns))}


def _map_second_names(
    columns: Sequence[ColumnProfile],
    mapping: dict[int, CsvField | None],
    by_name: dict[str, CsvField],
) -> None:
    """Map “Apellido, Apellido”: of two columns side by side, the second is appended."""
    for place, column in enumerate(columns):
        first = mapping.get(place - 1) if column.is_beside and place not in mapping else None
        if first is None:
            continue
        for field_ in by_name.values():
            is_second = isinstance(field_, AppendedField) and field_.key == first.key
            if is_second and field_ not in mapping.values():
                mapping[place] = field_
                break


def _is_likely(field_: CsvField, column: ColumnProfile, lookups: dict[str, Lookup]) -> bool:
    """Return True unless the values of the column contradict the field.

    A choice or a repository must know at least one of them.
    """
    if isinstance(field_, ValueField) and isinstance(field_.field_type, Choice):
        # A column “Title” may hold “Mrs” or “Treasurer”.
        return not column.distinct or any(_is_choice(field_, text) for text in column.distinct)
    if not getattr(field_, "needs_known_value", False):
        return True
    lookup = lookups[field_.name]
    for value in column.distinct:
        parts = split_list(value, lookup) if isinstance(field_, ManyToManyField) else [value]
        if any(lookup.has(part) for part in parts):
            return True
    return False


def _is_choice(field_: ValueField, text: str) -> bool:
    try:
        field_.parse(text, Hints())
    except DomainError:
        return False
    return True


def guess_country(
    columns: Sequence[ColumnProfile], mapping: dict[int, CsvField | None], default: str
) -> str:
    """Return the organisation's country, unless very many telephones speak for another one."""
    numbers = [
        number
        for place, field_ in mapping.items()
        if isinstance(field_, ValueField) and isinstance(field_.field_type, Phone)
        for number in list(columns[place].distinct)[:60]
        if not number.startswith(("+", "00"))
    ][:120]
    if len(numbers) < _MIN_FOREIGN_NUMBERS or _valid_share(numbers, default) >= 0.5:
        return default
    best = max(_REGIONS, key=lambda region: _valid_share(numbers, region))
    if _valid_share(numbers, best) < _MIN_FOREIGN_SHARE:
        every = sorted(phonenumbers.SUPPORTED_REGIONS)
        best = max((best, *every), key=lambda region: _valid_share(numbers[:15], region))
    return best if _valid_share(numbers, best) >= _MIN_FOREIGN_SHARE else default


def _valid_share(numbers: Sequence[str], region: str) -> float:
    """Return the share, 0 to 1, of the numbers that are valid in a country."""
    valid = 0
    for number in numbers:
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            continue
        valid += phonenumbers.is_valid_number_for_region(parsed, region)
    return valid / len(numbers)


def is_day_first(values: Iterable[str], default: bool) -> bool:
    """Return True if the dates of a column have the day before the month."""
    day = month = 0
    for value in values:
        if match := _DAY.match(value):
            day += int(match[1]) > 12
            month += int(match[2]) > 12
    return default if day == month else day > month


def guess_day_first(
    columns: Sequence[ColumnProfile], mapping: dict[int, CsvField | None], default: bool
) -> dict[int, bool]:
    """Return column position → True if the day comes first, for each column of dates."""
    return {
        place: is_day_first(columns[place].distinct, default)
        for place, field_ in mapping.items()
        if isinstance(field_, ValueField) and isinstance(field_.field_type, Date)
    }
