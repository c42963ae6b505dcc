"""Base class of the importers: which fields a model has in a file, and how its rows match."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.database import reading
from app.errors import DomainError
from app.i18n.localized import localize
from app.importexport.column_mapping import (
    ColumnProfile,
    find_field,
    guess_country,
    guess_day_first,
    guess_mapping,
    normalize_header,
    profile_columns,
)
from app.importexport.fields import (
    ComputedValueField,
    CsvField,
    ForeignKeyField,
    ManyToManyField,
)
from app.importexport.lookups import EntityLookup, Lookup
from app.importexport.modelfields import model_fields
from app.importexport.reading import Source
from app.importexport.rowvalues import RowValues
from app.numbers.models import Numbered
from app.numbers.services import free_numbers
from app.registry import Plug
from app.security.actor import Actor
from app.security.scope import Scoped
from app.text import sort_key

# In a mapping of columns: the column is not imported.
IGNORE = "-"


@dataclass(frozen=True)
class MatchRule:
    """A rule by which a row of the file finds the stored row it updates."""

    name: str
    label: Any
    # Names of the fields that must be mapped.
    required_fields: tuple[str, ...]
    # Whether a row of the file that names an entity finds only rows of that entity.
    within_entity: bool = False
    # The name of the rule for rows that have no value for this one.
    otherwise: str = ""


@dataclass(frozen=True)
class ImportOptions:
    """What the user chose; everything left empty is guessed."""

    country: str
    mapping: dict[str, str] = field(default_factory=dict)
    match: str = ""
    create_values: bool = False
    # Name, path or id of the entity new rows belong to.
    entity: str = ""
    # Return True for the models of which the user may create rows.
    may_create: Callable[[type], bool] = lambda _model: True


@dataclass
class ImportPlan:
    """How a file will be imported: the choices of the user, completed by guesses."""

    importer: Importer
    columns: list[ColumnProfile]
    mapping: dict[int, CsvField | None]
    match: MatchRule
    create_values: bool
    # None if rows of the model belong to no entity.
    entity_id: int | None
    country: str
    day_first: dict[int, bool]
    lookups: dict[str, Lookup]
    entity_labels: dict[int, str]

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


class Importer(Plug):
    """What can be imported into one model (a plug). Subclass it in a room's ``importers.py``.

    Everything but the match rules and the words is derived from the model.
    """

    # The name of its commands, such as “contacts”.
    name: ClassVar[str]
    model: ClassVar[Any]
    match_rules: ClassVar[tuple[MatchRule, ...]]
    # What is imported, in the plural, and the titles of the pages: “Import contacts”.
    label: ClassVar[Any]
    import_label: ClassVar[Any] = _l("Import")
    export_label: ClassVar[Any] = _l("Export")

    def fields(self) -> tuple[CsvField, ...]:
        """Return the fields that a file may have: all but computed ones."""
        return tuple(
            field_ for field_ in self.export_fields() if not isinstance(field_, ComputedValueField)
        )

    def export_fields(self) -> tuple[CsvField, ...]:
        """Return the fields that an export writes, in that order."""
        return model_fields(self.model)

    @property
    def required_fields(self) -> tuple[str, ...]:
        """Return the names of the fields that a new row must have."""
        # A new row gets these by itself.
        given = {"entity_id"} | ({"number"} if issubclass(self.model, Numbered) else set())
        columns = inspect(self.model).columns
        return tuple(
            field_.name
            for field_ in self.export_fields()
            if not isinstance(field_, ManyToManyField | ComputedValueField)
            and field_.key not in given
            and not columns[field_.key].nullable
            and columns[field_.key].default is None
        )

    @property
    def english_label(self) -> str:
        """Return the label in English, as the log stores it."""
        return localize(lambda: str(self.label))["en"]

    def field(self, name: str) -> CsvField:
        """Return one field by its name."""
        return self._fields_by_name[name]

    @cached_property
    def _fields_by_name(self) -> dict[str, CsvField]:
        return {field_.name: field_ for field_ in self.fields()}

    def match_key(self, match: MatchRule, values: dict[str, Any]) -> Any:
        """Return the tuple a row is matched by, or None if the values are missing.

        By default its first part is the value of the rule's field; of a name, its sort key.
        """
        key = self.field(match.required_fields[0]).key
        value = values.get(key)
        if value and self._is_name(key):
            value = sort_key(value)
        if not value:
            return None
        return (value, values.get("entity_id")) if match.within_entity else (value,)

    def find_match_key(
        self, match: MatchRule, values: dict[str, Any]
    ) -> tuple[MatchRule, Any] | None:
        """Return the key of a row with the rule it is of: the chosen one or one that stands in."""
        rules = {rule.name: rule for rule in self.match_rules}
        rule: MatchRule | None = match
        while rule is not None:
            key = self.match_key(rule, values)
            if key is not None:
                return rule, key
            rule = rules.get(rule.otherwise)
        return None

    def match_attribute(self, match: MatchRule) -> Any:
        """Return the attribute, which has an index, that the first part of a key is compared with.

        ``filter_matches`` compares the rest.
        """
        key = self.field(match.required_fields[0]).key
        return getattr(self.model, "sort_name" if self._is_name(key) else key)

    def filter_matches(
        self, match: MatchRule, key: Any, candidates: Sequence[Any]
    ) -> Sequence[Any]:
        """Return those of the candidates that have the whole key."""
        if not match.within_entity or key[1] is None:
            return candidates
        return [row for row in candidates if row["entity_id"] == key[1]]

    def derived_columns(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values of the columns that are computed from others: the sort key."""
        if not hasattr(self.model, "sort_name"):
            return {}
        return {"sort_name": self._instance(values).sort_name}

    def fill_defaults(self, session: Session, rows: list[dict[str, Any]]) -> None:
        """Set the values that new rows get by default, such as the next number of a series."""
        if not self._is_numbered:
            return
        taken = {row["number"] for row in rows if row.get("number")}
        without = [row for row in rows if not row.get("number")]
        numbers = free_numbers(session, self.model, len(without), taken)
        for row, number in zip(without, numbers, strict=True):
            row["number"] = number

    def search_text(self, values: dict[str, Any]) -> str:
        """Return the folded text that the search finds a row by."""
        return self.model.search_text(RowValues(self.model, values))

    def title(self, values: dict[str, Any]) -> str:
        """Return the name of a row, for the log."""
        return self.model.__str__(RowValues(self.model, values))

    def default_entity(self, session: Session, actor: Actor) -> int | None:
        """Return the id of the entity of new rows that neither the file nor the user names.

        It is the actor's own, else the root of the tree; None if rows belong to no entity.
        """
        if not issubclass(self.model, Scoped):
            return None
        if actor.home_id is not None:
            return actor.home_id
        tree = inspect(self.model).relationships["entity"].mapper.class_
        return session.scalar(select(tree.id).where(tree.parent_id.is_(None)).order_by(tree.id))

    @property
    def _is_numbered(self) -> bool:
        return issubclass(self.model, Numbered) and self.model.is_numbered_when_created

    def _is_name(self, key: str) -> bool:
        return key == "name" and hasattr(self.model, "sort_name")

    def _instance(self, values: dict[str, Any]) -> Any:
        """Return an instance with some values, which no session has."""
        columns = inspect(self.model).column_attrs
        return self.model(**{key: value for key, value in values.items() if key in columns})

    def build_plan(
        self, session: Session, source: Source, actor: Actor, options: ImportOptions
    ) -> ImportPlan:
        """Decide how a file will be imported; raise DomainError if the options do not fit it."""
        with reading():
            columns = profile_columns(source)
            fields = self.fields()
            lookups = {
                field_.name: field_.lookup(
                    session,
                    field_.model,
                    actor,
                    options.create_values and options.may_create(field_.model),
                )
                for field_ in fields
                if isinstance(field_, ForeignKeyField | ManyToManyField)
            }
            chosen = self._chosen_mapping(columns, options.mapping)
            mapping = guess_mapping(columns, fields, chosen, lookups)
            entities = _entity_lookup(lookups)
            entity_id = self._entity_id(session, actor, options.entity, entities)
            session.commit()
        match = self._match_rule(options.match, {f.name for f in mapping.values() if f})
        used = {
            field_.name
            for field_ in mapping.values()
            if isinstance(field_, ForeignKeyField | ManyToManyField)
        }
        country = guess_country(columns, mapping, options.country)
        return ImportPlan(
            importer=self,
            columns=columns,
            mapping=mapping,
            match=match,
            create_values=options.create_values,
            entity_id=entity_id,
            country=country,
            day_first=guess_day_first(columns, mapping, country != "US"),
            lookups={name: lookup for name, lookup in lookups.items() if name in used},
            entity_labels={} if entities is None else entities.labels,
        )

    def _chosen_mapping(
        self, columns: Sequence[ColumnProfile], choices: dict[str, str]
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
            field_ = find_field(self.fields(), name)
            if field_.name in {other.name for other in mapping.values() if other is not None}:
                raise DomainError(
                    _("Match only one column to “%(field)s”.", field=str(field_.label))
                )
            mapping[places[0]] = field_
        return mapping

    def _entity_id(
        self, session: Session, actor: Actor, name: str, entities: EntityLookup | None
    ) -> int | None:
        if not name or entities is None:
            return self.default_entity(session, actor)
        return entities.find(name).id

    def _match_rule(self, name: str, mapped: set[str]) -> MatchRule:
        """Return the rule of this name; if it is empty, the first one the columns allow."""
        for match in self.match_rules:
            has_fields = set(match.required_fields) <= mapped
            names = {match.name, self.field(match.required_fields[0]).key}
            if name in names or (not name and has_fields):
                if name and not has_fields:
                    labels = ", ".join(
                        str(self.field(required).label) for required in match.required_fields
                    )
                    raise DomainError(
                        _("To match this way, the file needs a column for: %(fields)s.",
                          fields=labels)
                    )  # fmt: skip
                return match
        if name:
            raise DomainError(_("“%(name)s” is not a valid matching method.", name=name[:40]))
        return self.match_rules[-1]


def _entity_lookup(lookups: dict[str, Lookup]) -> EntityLookup | None:
    """Return the lookup of the entities that rows belong to, or None if they belong to none."""
    lookup = lookups.get("entity")
    return lookup if isinstance(lookup, EntityLookup) else None


def find_importer(model: Any) -> Importer | None:
    """Return the importer of a model, or None if it has none."""
    return next((kind() for kind in Importer.all() if issubclass(model, kind.model)), None)
