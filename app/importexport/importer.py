"""Base class of the importers: which fields a model has in a file, and how its rows match."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.added_fields import stored_fields
from app.i18n.localized import localize
from app.importexport.fields import (
    ID,
    ComputedValueField,
    CsvField,
    ManyToManyField,
    key_fields,
)
from app.importexport.matchrules import Agreement, MatchRule
from app.importexport.modelfields import model_fields
from app.importexport.rowvalues import RowValues
from app.numbers.models import Numbered
from app.numbers.services import free_numbers
from app.registry import Plug
from app.security.actor import Actor
from app.security.scope import Scoped
from app.text import sort_key


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
        """Return the fields that a file may have: all but computed ones and stored files."""
        return (*_imported(self.export_fields()), *key_fields(self.model))

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
        return _by_name(self.fields())[name]

    @property
    def rules(self) -> tuple[MatchRule, ...]:
        """Return the rules, the strongest first: the id, the first, the added fields that identify."""
        ids = [
            MatchRule(field.name, field.label, (field.name,)) for field in key_fields(self.model)
        ]
        added = (
            MatchRule(field.name, field.label, (field.name,), only_live=True)
            for field in stored_fields(self.model)
            if field.identifies
        )
        return (*ids[:1], *self.match_rules[:1], *added, *self.match_rules[1:])

    def match_key(self, match: MatchRule, values: dict[str, Any]) -> Any:
        """Return the tuple a row is matched by, or None if the values are missing.

        By default its first part is the value of the rule's field; of a name, its sort key.
        """
        key = self.field(match.required_fields[0]).key
        value = values.get(key)
        if match.name == ID:
            return (value,) if value else None
        if value and self._is_name(key):
            value = sort_key(value)
        if not value:
            return None
        return (value, values.get("entity_id")) if match.within_entity else (value,)

    def key_values(self, match: MatchRule, key: Any) -> Iterable[Any]:
        """Return the values that the first part of a stored row's key may have."""
        return key[:1]

    def match_attribute(self, match: MatchRule) -> Any:
        """Return the attribute, which has an index, that the first part of a key is compared with.

        ``agreement`` compares the rest.
        """
        key = self.field(match.required_fields[0]).key
        return getattr(self.model, "sort_name" if self._is_name(key) else key)

    def identifying_columns(self) -> set[str]:
        """Return the names of the columns that ``match_key`` and ``agreement`` read."""
        names = {self.field(name).key for rule in self.rules for name in rule.required_fields}
        return names | ({"version"} if key_fields(self.model) else set())

    def agreement(
        self,
        match: MatchRule,
        values: dict[str, Any],
        stored: dict[str, Any],
        rules: frozenset[str],
    ) -> Agreement:
        """Return how far a row agrees with a stored one that has the same key.

        ``rules`` holds the names of the rules in use. By default what stronger rules compare must
        not contradict.
        """
        if match.within_entity and values.get("entity_id") not in (None, stored["entity_id"]):
            return Agreement.OTHER
        how = Agreement.EXACT
        for rule in self.rules:
            if rule.name == match.name:
                return how
            if rule.name not in rules or rule.name == ID:
                continue
            key = self.field(rule.required_fields[0]).key
            given, known = values.get(key) or None, stored[key] or None
            if given != known:
                if given is not None and known is not None:
                    return Agreement.OTHER
                how = Agreement.LIKELY
        return how

    def id_agreement(self, values: dict[str, Any], stored: dict[str, Any]) -> Agreement:
        """Return whether the row of a file is surely about the stored row whose id it names.

        The id alone may be that of another installation: the version or something that identifies
        must agree, unless the file says nothing of these.
        """
        if values.get("version") == stored.get("version"):
            return Agreement.EXACT
        keys = self.identifying_columns() - {"id", "version"}
        known = [key for key in keys if values.get(key) and stored.get(key)]
        is_same = not known or any(
            values[key] == stored[key] or self.is_same(key, stored[key], values[key])
            for key in known
        )
        return Agreement.EXACT if is_same else Agreement.DOUBTFUL

    def doubt(self, match: MatchRule) -> str:
        """Return the sentence for a row that has the key of a stored one, and contradicts it."""
        if match.name == ID:
            return _("Nothing in this row agrees with the item that has its internal number.")
        label = str(self.field(match.required_fields[0]).label)
        return _("“%(field)s” is that of another item. Nothing is changed.", field=label)

    def file_keys(self, match: MatchRule, values: dict[str, Any]) -> tuple[list, list]:
        """Return the keys of a rule that a row takes, and those that no earlier row may have."""
        key = self.match_key(match, values)
        return ([], []) if key is None else ([key], [key])

    def wide_key(self, match: MatchRule, values: dict[str, Any]) -> tuple[Any, bool]:
        """Return the key of all rows that may agree with a row, or None if its own keys are that.

        And whether the row says so little that it agrees with several of them.
        """
        return None, False

    def is_same(self, key: str, stored: Any, value: Any) -> bool:
        """Return True if the stored value of a unique column stays, as another one is the same."""
        return False

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
        tree = self._tree
        return session.scalar(select(tree.id).where(tree.parent_id.is_(None)).order_by(tree.id))

    def entity_labels(self, session: Session) -> dict[int, str]:
        """Return the names of the entities that rows belong to, by id."""
        if not issubclass(self.model, Scoped):
            return {}
        return dict(session.execute(select(self._tree.id, self._tree.name)).all())  # type: ignore[arg-type]

    @property
    def _tree(self) -> Any:
        return inspect(self.model).relationships["entity"].mapper.class_

    @property
    def _is_numbered(self) -> bool:
        return issubclass(self.model, Numbered) and self.model.is_numbered_when_created

    def _is_name(self, key: str) -> bool:
        return key == "name" and hasattr(self.model, "sort_name")

    def _instance(self, values: dict[str, Any]) -> Any:
        """Return an instance with some values, which no session has."""
        columns = inspect(self.model).column_attrs
        return self.model(**{key: value for key, value in values.items() if key in columns})


@lru_cache(maxsize=64)
def _imported(fields: tuple[CsvField, ...]) -> tuple[CsvField, ...]:
    return tuple(field_ for field_ in fields if field_.is_imported)


@lru_cache(maxsize=64)
def _by_name(fields: tuple[CsvField, ...]) -> dict[str, CsvField]:
    return {field_.name: field_ for field_ in fields}


def find_importer(model: Any) -> Importer | None:
    """Return the importer of a model, or None if it has none."""
    return next((kind() for kind in Importer.all() if issubclass(model, kind.model)), None)
