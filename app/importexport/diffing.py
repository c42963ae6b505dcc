"""Compare a chunk of a file with the stored rows, without writing to the database."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.bulk import is_one_of
from app.errors import DomainError
from app.fieldtypes import Country, Hints, Phone
from app.importexport.fields import (
    AppendedField,
    CsvField,
    ForeignKeyField,
    ManyToManyField,
    ValueField,
)
from app.importexport.first_rows import FirstRows
from app.importexport.importer import ImportPlan, MatchRule
from app.importexport.lookups import LinkedRow, split_list
from app.importexport.reading import SourceRow
from app.importexport.report import MAX_SAMPLES, Report
from app.importexport.rows import ImportRow
from app.importexport.rule_checks import reject_broken_rows, reject_locked_rows, reject_states
from app.security.actor import Actor
from app.security.scope import scope_condition
from app.text import clean, sort_key


class ChunkDiff:
    """The rows of one chunk of the file and what each would change."""

    def __init__(
        self,
        session: Session,
        plan: ImportPlan,
        actor: Actor,
        source_rows: Iterable[SourceRow],
        first_rows: FirstRows,
    ) -> None:
        self.session = session
        self.plan = plan
        self.importer = plan.importer
        self.model = plan.importer.model
        self.actor = actor
        # Of match keys, stored rows and unique values, by their hashes.
        self.first_rows = first_rows
        self.rows = [ImportRow(row) for row in source_rows]
        # Stored many-to-many links: field name → row id → linked ids.
        self.stored_many: dict[str, dict[int, list[int]]] = {}

    # Text to values: no database

    def parse(self) -> None:
        """Parse every cell."""
        mapping = [
            (place, field) for place, field in self.plan.mapping.items() if field is not None
        ]
        # A country comes first: telephones and provinces are parsed with it. A field that is
        # appended to another comes after that one.
        mapping.sort(
            key=lambda pair: (
                not isinstance(getattr(pair[1], "field_type", None), Country),
                isinstance(pair[1], AppendedField),
            )
        )
        rows = []
        for row in self.rows:
            if row.source.problem:
                row.reject("invalid", "", row.source.problem)
            else:
                rows.append(row)
        for place, field in mapping:
            if isinstance(field, ValueField):
                self._parse_column(rows, place, field)
            else:
                is_line = isinstance(field, ForeignKeyField)
                for row in rows:
                    cell = row.source.cells[place]
                    if cell and (text := clean(cell) if is_line else cell.strip() and cell):
                        row.texts[field.name] = text
        for row in rows:
            row.match = self.importer.find_match_key(self.plan.match, self._match_values(row))
        matched = [
            (row, row.match[0].required_fields[0], hash((row.match[0].name, row.match[1])))
            for row in rows
            if row.match is not None
        ]
        self._reject_repeated(matched)

    def _parse_column(self, rows: list[ImportRow], place: int, field: ValueField) -> None:
        """Parse the cells of a column; one that comes again, in the same country, only once."""
        day_first = self.plan.day_first.get(place, True)
        is_appended = isinstance(field, AppendedField)
        name, key, country_name = field.name, field.key, field.country_name
        parsed: dict[str, dict[str, Any]] = {}
        for row in rows:
            cell = row.source.cells[place]
            if not cell or cell.isspace():
                continue
            if is_appended:
                cell = f"{row.values.get(key) or ''} {cell}"
            country = row.values.get(country_name) or self.plan.country
            values = parsed.get(country)
            if values is None:
                values = parsed[country] = {}
            if cell in values:
                value = values[cell]
            else:
                value = values[cell] = self._parse_cell(field, cell, Hints(country, day_first))
            if isinstance(value, DomainError):
                row.reject("invalid", name, value)
            elif value is not None:
                row.values[key] = value

    def _match_values(self, row: ImportRow) -> dict[str, Any]:
        """Return the values of a row, with the entity if the row names one that exists."""
        lookup, text = self.plan.lookups.get("entity"), row.texts.get("entity")
        if lookup is None or text is None:
            return row.values
        with suppress(DomainError):
            return {**row.values, "entity_id": lookup.find(text).id}
        return row.values

    def _parse_cell(self, field: ValueField, cell: str, hints: Hints) -> Any:
        """Return the value of a cell, or the DomainError that it raises."""
        try:
            return field.parse(cell, hints)
        except DomainError as error:
            if not isinstance(field.field_type, Phone) or hints.country == self.plan.country:
                return error
        try:
            # Somebody who lives abroad may have a telephone at home.
            return field.parse(cell, Hints(self.plan.country))
        except DomainError as error:
            return error

    def _reject_repeated(self, rows: list[tuple[ImportRow, str, int]]) -> None:
        """Reject rows with a key that an earlier row has; each comes with a field and its key."""
        numbers = self.first_rows.find([(key, row.source.number) for row, _name, key in rows])
        for (row, name, _key), first in zip(rows, numbers, strict=True):
            if first != row.source.number:
                row.reject("invalid", name, _same_row(first))

    # Values to outcomes: the database is only read

    def compare(self) -> None:
        """Set the outcome and the changes of each row."""
        self._match()
        self._reject_taken_values()
        lookups = self.plan.lookups
        fields = {field.name: field for field in self.plan.fields}
        open_rows = [row for row in self.rows if not row.outcome]
        for name, lookup in lookups.items():
            if lookup.model is self.model:
                # Earlier chunks may have inserted rows that this one names.
                lookup.forget_loaded()
            if isinstance(fields[name], ForeignKeyField):
                lookup.load(row.texts[name] for row in open_rows if name in row.texts)
        self._load_stored_many(open_rows)
        required = [self.importer.field(name) for name in self.importer.required_fields]
        for row in open_rows:
            self._resolve_links(row, fields)
            if row.stored is None:
                for field in required:
                    if self._is_missing(row, field):
                        reason = _("This field is required for new items.")
                        row.reject("invalid", field.name, reason)
            if not row.outcome:
                self._set_outcome(row, fields)
        reject_states(self)
        reject_locked_rows(self)
        reject_broken_rows(self)

    def _is_missing(self, row: ImportRow, field: CsvField) -> bool:
        """Return True if a row has no value for a field."""
        if isinstance(field, ForeignKeyField):
            return field.name not in row.texts
        return row.values.get(field.key) in (None, "")

    def _match(self) -> None:
        """Fetch the stored rows that match the rows of the file, in one statement for each rule."""
        rules = {rule.name: rule for rule in self.importer.match_rules}
        by_rule: dict[str, dict[Any, ImportRow]] = {}
        for row in self.rows:
            if row.match is not None and not row.outcome:
                rule, key = row.match
                by_rule.setdefault(rule.name, {})[key] = row
        for name, by_key in by_rule.items():
            self._match_by(rules[name], by_key)

    def _match_by(self, match: MatchRule, by_key: dict[Any, ImportRow]) -> None:
        attribute = self.importer.match_attribute(match)
        first_parts = {key[0] for key in by_key}
        condition = is_one_of(self.session.get_bind().dialect, attribute, first_parts)
        candidates: dict[Any, list[dict[str, Any]]] = {}
        for stored in self._fetch(condition):
            first_part = self.importer.match_key(match, stored)[0]
            candidates.setdefault(first_part, []).append(stored)
        found: list[tuple[ImportRow, str, int]] = []
        for key, row in by_key.items():
            matches = self.importer.filter_matches(match, key, candidates.get(key[0], ()))
            in_scope = [stored for stored in matches if stored["is_visible"]]
            live = [stored for stored in in_scope if stored.get("trashed_at") is None]
            name = match.required_fields[0]
            if len(live) > 1:
                reason = _("Several items match this row: %(num)d.", num=len(live))
                row.reject("invalid", name, reason)
            elif live:
                row.stored = live[0]
                row.row_id = live[0]["id"]
                found.append((row, name, hash(("row", row.row_id))))
            elif in_scope:
                row.reject("skipped", name, _("It is in the trash."))
            elif matches and self._is_unique(name):
                row.reject("skipped", name, _("It belongs to another entity."))
            # A match out of scope on a column that is not unique is not revealed: as in a form,
            # the row becomes a new one.
        # A row with another key may already have matched the same one.
        self._reject_repeated(found)

    def _is_unique(self, name: str) -> bool:
        field = self.importer.field(name)
        return isinstance(field, ValueField) and bool(field.column.unique)

    def _fetch(self, condition: Any) -> list[dict[str, Any]]:
        """Return stored rows as dictionaries, trashed and out-of-scope ones included."""
        model = self.model
        columns = {column.key: column for column in model.__mapper__.column_attrs}
        is_visible = scope_condition(model, self.actor).label("is_visible")
        query: Any = select(*(getattr(model, key) for key in columns), is_visible)
        for field in self.importer.fields():
            if isinstance(field, ForeignKeyField) and field.is_joined:
                # An alias, as a row may be linked to another one of the same model.
                linked: Any = aliased(field.model)
                query = query.outerjoin(
                    linked, getattr(model, field.key) == linked.id
                ).add_columns(
                    linked.name.label(f"{field.name}_label"),
                    scope_condition(linked, self.actor).label(f"{field.name}_visible"),
                )
        rows = self.session.execute(query.where(condition), execution_options={"with_trash": True})
        return [dict(row) for row in rows.mappings()]

    def _reject_taken_values(self) -> None:
        """Reject rows whose value of a unique column belongs to another row."""
        for field in self.plan.fields:
            if not isinstance(field, ValueField) or not field.column.unique:
                continue
            if field.name in self.plan.match.required_fields:
                continue
            attribute = getattr(self.model, field.key)
            rows = [row for row in self.rows if not row.outcome and row.values.get(field.key)]
            owner_ids = dict(
                self.session.execute(
                    select(attribute, self.model.id).where(
                        is_one_of(
                            self.session.get_bind().dialect,
                            attribute,
                            {row.values[field.key] for row in rows},
                        )
                    ),
                    execution_options={"with_trash": True},
                ).all()
            )  # type: ignore[arg-type]
            free = [owner_ids.get(row.values[field.key], row.row_id) == row.row_id for row in rows]
            keys = [
                (hash((field.name, row.values[field.key])), row.source.number)
                for row, is_free in zip(rows, free, strict=True)
                if is_free
            ]
            numbers = iter(self.first_rows.find(keys))
            for row, is_free in zip(rows, free, strict=True):
                if not (is_free and next(numbers) == row.source.number):
                    value = row.values[field.key]
                    reason = _("“%(value)s” is already in use.", value=value)
                    row.reject("invalid", field.name, reason)

    def _load_stored_many(self, rows: list[ImportRow]) -> None:
        ids = [row.row_id for row in rows if row.row_id]
        for field in self.plan.fields:
            if isinstance(field, ManyToManyField):
                links: dict[int, list[int]] = {}
                query = select(field.local_column, field.remote_column).where(
                    is_one_of(self.session.get_bind().dialect, field.local_column, ids)
                )
                for row_id, linked_id in self.session.execute(query) if ids else ():
                    links.setdefault(row_id, []).append(linked_id)
                self.stored_many[field.name] = links

    def _resolve_links(self, row: ImportRow, fields: dict[str, Any]) -> None:
        """Turn the names of other rows into those rows."""
        stored = row.stored or {}
        for name, text in row.texts.items():
            field, lookup = fields[name], self.plan.lookups[name]
            try:
                if isinstance(field, ManyToManyField):
                    parts = split_list(text, lookup)
                    row.many[name] = list(dict.fromkeys(map(lookup.find, parts)))
                    continue
                current = stored.get(field.key)
                label = self._visible_label(name, stored)
                if current and label and sort_key(text) == sort_key(label):
                    row.links[name] = LinkedRow(current, label)
                else:
                    row.links[name] = lookup.find(text, current)
            except DomainError as error:
                row.reject("invalid", name, error)

    def _set_outcome(self, row: ImportRow, fields: dict[str, Any]) -> None:
        """Set the changes and the outcome of a row without problems."""
        if row.stored is None:
            row.outcome = "new"
            return
        stored = row.stored
        for key, value in row.values.items():
            if stored[key] != value:
                row.changes[key] = (stored[key], value)
        for name, linked in row.links.items():
            key = fields[name].key
            if linked.id is None or stored[key] != linked.id:
                row.changes[key] = (self._old_link(name, stored), linked)
        for name, new in row.many.items():
            labels = self.plan.lookups[name].labels
            old = [LinkedRow(pk, labels.get(pk, "")) for pk in self.stored_links(name, row.row_id)]
            if {linked.id for linked in old} != {linked.id for linked in new}:
                row.changes[name] = (old, new)
        row.outcome = "updated" if row.changes else "unchanged"

    def stored_links(self, name: str, row_id: int) -> list[int]:
        """Return the ids that a stored row is linked to by a many-to-many field."""
        return self.stored_many[name].get(row_id, [])

    def _old_link(self, name: str, stored: dict[str, Any]) -> LinkedRow | None:
        key = self.importer.field(name).key
        if stored[key] is None:
            return None
        labels = self.plan.lookups[name].labels
        label = self._visible_label(name, stored) or labels.get(stored[key], "")
        return LinkedRow(stored[key], label)

    def _visible_label(self, name: str, stored: dict[str, Any]) -> str:
        """Return the name of a linked row, or "" if the actor may not see that row."""
        return stored[f"{name}_label"] or "" if stored.get(f"{name}_visible") else ""

    # Report

    def add_to_report(self, report: Report) -> None:
        """Add the outcomes and problems of the rows to a report."""
        for row in self.rows:
            report.count(row.outcome)
            for name, reason in row.problems:
                report.add_error(row.source.number, name, reason)
            if row.outcome == "updated" and len(report.samples) < MAX_SAMPLES:
                report.samples.append(self._sample(row))

    def _sample(self, row: ImportRow) -> dict[str, Any]:
        fields: dict[str, CsvField] = {field.key: field for field in self.plan.fields}
        changes = []
        for key, (old, new) in row.changes.items():
            field = fields[key]
            field_type = field.field_type if isinstance(field, ValueField) else None
            old_text, new_text = (_display(value, field_type) for value in (old, new))
            changes.append({"field": str(field.label), "old": old_text, "new": new_text})
        title = self.importer.title(row.stored or {})
        return {"row": row.source.number, "name": title, "changes": changes}


def _same_row(row_number: int) -> str:
    return _("Duplicate of row %(row)d.", row=row_number)


def _display(value: Any, field_type: Any) -> str:
    """Return the text shown for a value, a linked row or a list of linked rows."""
    if value is None:
        return ""
    if isinstance(value, LinkedRow):
        return value.label
    if isinstance(value, list):
        return ", ".join(linked.label for linked in value)
    return str(field_type.show(value))[:200]
