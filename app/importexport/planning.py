"""Decide how a file will be imported: the choices of the user, completed by guesses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flask_babel import gettext as _
from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy.orm import Session

from app.database import reading
from app.errors import DomainError
from app.importexport.column_mapping import (
    ColumnProfile,
    find_field,
    guess_country,
    guess_day_first,
    guess_mapping,
    normalize_header,
    profile_columns,
)
from app.importexport.fields import CsvField, ForeignKeyField, ManyToManyField
from app.importexport.importer import Importer
from app.importexport.lookups import EntityLookup, Lookup
from app.importexport.matchrules import MatchRule
from app.importexport.reading import Source
from app.importexport.repairs import Repairs
from app.security.actor import Actor

# In a mapping of columns: the column is not imported.
IGNORE = "-"


# What a column does to stored rows: overwrite what they hold, fill in what they lack, add to
# several values, or overwrite so that an empty cell erases.
POLICIES = ("overwrite", "fill", "add", "erase")


@dataclass(frozen=True)
class ImportOptions:
    """What the user chose; everything left empty is guessed."""

    # The organisation's country.
    country: str
    mapping: dict[str, str] = field(default_factory=dict)
    # The name of the first rule by which rows are matched; those after it follow.
    match: str = ""
    create_values: bool = False
    # Name, path or id of the entity new rows belong to.
    entity: str = ""
    # The country of telephone numbers without a prefix, and whether the day comes before the month.
    phone_country: str = ""
    day_first: bool | None = None
    # Whether rows that nobody can match for sure become new ones; else they are left out.
    doubtful_as_new: bool = False
    # Header → one of POLICIES, where it is not the first.
    policies: dict[str, str] = field(default_factory=dict)
    # What was decided about problems, as ``Repairs.from_choices`` reads it.
    repairs: dict[str, Any] = field(default_factory=dict)
    # Whether the user may restore rows of the model from the trash.
    may_restore: bool = True
    # Return True for the models of which the user may create rows.
    may_create: Callable[[type], bool] = lambda _model: True


@dataclass
class ImportPlan:
    """How a file will be imported."""

    importer: Importer
    columns: list[ColumnProfile]
    mapping: dict[int, CsvField | None]
    # In this order; rows without a value for one, or whose value nobody has, go to the next.
    rules: tuple[MatchRule, ...]
    create_values: bool
    # None if rows of the model belong to no entity.
    entity_id: int | None
    country: str
    # The organisation's country: what is a number there is never taken for another one.
    home: str
    day_first: dict[int, bool]
    lookups: dict[str, Lookup]
    entity_labels: dict[int, str]
    doubtful_as_new: bool = False
    # Name of a field → one of POLICIES, where it is not the first.
    policies: dict[str, str] = field(default_factory=dict)
    repairs: Repairs = field(default_factory=Repairs)

    @property
    def match(self) -> MatchRule:
        """Return the rule that comes first."""
        return self.rules[0] if self.rules else self.importer.match_rules[-1]

    @cached_property
    def rule_names(self) -> frozenset[str]:
        """Return the names of the rules."""
        return frozenset(rule.name for rule in self.rules)

    @property
    def mapped(self) -> dict[str, str]:
        """Return the name of the field of each mapped header."""
        return {
            self.columns[place].header: field_.name
            for place, field_ in self.mapping.items()
            if field_ is not None
        }

    @property
    def ignored(self) -> list[str]:
        """Return the headers of the columns that are not imported."""
        return [
            self.columns[place].header for place, field_ in self.mapping.items() if field_ is None
        ]

    @property
    def fields(self) -> list[CsvField]:
        """Return the mapped fields."""
        return [field_ for field_ in self.mapping.values() if field_ is not None]

    @property
    def missing(self) -> list[str]:
        """Return the labels of the fields that a new row needs, and that no column is mapped to."""
        names = {field_.name for field_ in self.fields}
        required = [name for name in self.importer.required_fields if name not in names]
        return [str(self.importer.field(name).label) for name in required]

    def allow_created(self) -> None:
        """Let the lookups create what was decided to be created."""
        for place, names in self.repairs.created.items():
            field_ = self.mapping.get(place)
            lookup = None if field_ is None else self.lookups.get(field_.name)
            if lookup is not None and lookup.model is not self.importer.model:
                lookup.allow(names)

    def set_last_id(self, last_id: int) -> None:
        """Prefer rows of the imported model that were there before this import."""
        for lookup in self.lookups.values():
            if lookup.model is self.importer.model:
                lookup.last_id = last_id

    def check(self) -> None:
        """Raise DomainError if rows can neither be matched nor be new."""
        if not self.rules and self.missing:
            raise DomainError(
                _("No column is matched to “%(field)s”. Choose which one it is.",
                  field=self.missing[0])
            )  # fmt: skip


def build_plan(
    importer: Importer, session: Session, source: Source, actor: Actor, options: ImportOptions
) -> ImportPlan:
    """Decide how a file will be imported; raise DomainError if the options do not fit it."""
    if options.phone_country and options.phone_country not in SUPPORTED_REGIONS:
        raise DomainError(
            _("“%(name)s” is not a country code.", name=options.phone_country[:40]),
            field="country",
        )
    with reading():
        columns = profile_columns(source)
        fields = importer.fields()
        lookups = {
            field_.name: field_.lookup(
                session,
                field_.model,
                actor,
                # A row of the imported model is created by a row of the file alone.
                options.create_values
                and field_.model is not importer.model
                and options.may_create(field_.model),
            )
            for field_ in fields
            if isinstance(field_, ForeignKeyField | ManyToManyField)
        }
        chosen = _chosen_mapping(fields, columns, options.mapping)
        mapping = guess_mapping(columns, fields, chosen, lookups)
        entities = _entity_lookup(lookups)
        if options.entity and entities is not None:
            entity_id: int | None = entities.find(options.entity).id
        else:
            entity_id = importer.default_entity(session, actor)
        session.commit()
    rules = _match_rules(importer, options.match, {f.name for f in mapping.values() if f})
    used = {
        field_.name
        for field_ in mapping.values()
        if isinstance(field_, ForeignKeyField | ManyToManyField)
    }
    day_first = guess_day_first(columns, mapping, options.country != "US")
    if options.day_first is not None:
        day_first = dict.fromkeys(day_first, options.day_first)
    plan = ImportPlan(
        importer=importer,
        columns=columns,
        mapping=mapping,
        rules=rules,
        create_values=options.create_values,
        entity_id=entity_id,
        country=options.phone_country or guess_country(columns, mapping, options.country),
        home=options.country,
        day_first=day_first,
        lookups={name: lookup for name, lookup in lookups.items() if name in used},
        entity_labels={} if entities is None else entities.labels,
        doubtful_as_new=options.doubtful_as_new,
        policies=_chosen_policies(columns, mapping, options.policies),
        repairs=Repairs.from_choices(options.repairs, source.headers),
    )
    if not options.may_restore:
        plan.repairs.restores_all, plan.repairs.restored = False, frozenset()
    for place, field_ in mapping.items():
        if isinstance(field_, ForeignKeyField | ManyToManyField) and not options.may_create(
            field_.model
        ):
            plan.repairs.created.pop(place, None)
    plan.allow_created()
    return plan


def _chosen_mapping(
    fields: Sequence[CsvField], columns: Sequence[ColumnProfile], choices: dict[str, str]
) -> dict[int, CsvField | None]:
    """Return column position → field (None: ignored) for the columns the user chose."""
    mapping: dict[int, CsvField | None] = {}
    for header, name in choices.items():
        exact = [p for p, column in enumerate(columns) if column.header == header]
        places = exact or [
            p
            for p, column in enumerate(columns)
            if normalize_header(column.header) == normalize_header(header)
        ]
        if not places:
            raise DomainError(_("The file has no column “%(header)s”.", header=header[:80]))
        if name in ("", IGNORE, "ignore"):
            mapping[places[0]] = None
            continue
        field_ = find_field(fields, name)
        if field_.name in {other.name for other in mapping.values() if other is not None}:
            raise DomainError(_("Match only one column to “%(field)s”.", field=str(field_.label)))
        mapping[places[0]] = field_
    return mapping


def _chosen_policies(
    columns: Sequence[ColumnProfile], mapping: dict[int, CsvField | None], choices: dict[str, str]
) -> dict[str, str]:
    """Return name of a field → policy, where it is not the first; DomainError for an unknown one."""
    policies = {}
    for place, field_ in mapping.items():
        policy = choices.get(columns[place].header) or POLICIES[0]
        if policy not in POLICIES or (
            policy == "add" and field_ is not None and not isinstance(field_, ManyToManyField)
        ):
            raise DomainError(_("“%(name)s” is not possible for this column.", name=policy[:40]))
        if field_ is not None and policy != POLICIES[0]:
            policies[field_.name] = policy
    return policies


def _match_rules(importer: Importer, name: str, mapped: set[str]) -> tuple[MatchRule, ...]:
    """Return the rules that the columns allow, from the one of this name on."""
    rules = importer.rules
    if name:
        found = [
            place
            for place, rule in enumerate(rules)
            if name in (rule.name, importer.field(rule.required_fields[0]).key)
        ]
        if not found:
            raise DomainError(_("“%(name)s” is not a valid matching method.", name=name[:40]))
        rules = rules[found[0] :]
        if not set(rules[0].required_fields) <= mapped:
            labels = ", ".join(
                str(importer.field(required).label) for required in rules[0].required_fields
            )
            raise DomainError(
                _("To match this way, the file needs a column for: %(fields)s.", fields=labels)
            )
    return tuple(rule for rule in rules if set(rule.required_fields) <= mapped)


def _entity_lookup(lookups: dict[str, Lookup]) -> EntityLookup | None:
    """Return the lookup of the entities that rows belong to, or None if they belong to none."""
    lookup = lookups.get("entity")
    return lookup if isinstance(lookup, EntityLookup) else None
