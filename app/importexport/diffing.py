"""Compare a chunk of a file with the stored rows, without writing to the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.bulk import is_one_of
from app.errors import DomainError
from app.importexport.conflicts import display_value, reject_changed_rows
from app.importexport.fields import (
    ID,
    VERSION,
    CsvField,
    ForeignKeyField,
    KeyField,
    ManyToManyField,
    ValueField,
)
from app.importexport.lookups import LinkedRow, UnknownName, split_list
from app.importexport.matching import Matcher, drop_former_numbers
from app.importexport.parsing import parse_rows
from app.importexport.planning import ImportPlan
from app.importexport.policies import apply_policies, count_erased, merge_links
from app.importexport.reading import SourceRow
from app.importexport.report import ACCEPTED, MAX_NEW_SAMPLES, MAX_SAMPLES, Report
from app.importexport.rows import ImportRow
from app.importexport.rule_checks import reject_broken_rows, reject_locked_rows, reject_states
from app.security.actor import Actor
from app.security.scope import scope_condition
from app.text import sort_key


class ChunkDiff:
    """The rows of one chunk of the file and what each would change."""

    def __init__(
        self, session: Session, plan: ImportPlan, actor: Actor, source_rows: Iterable[SourceRow]
    ) -> None:
        self.session = session
        self.plan = plan
        self.importer = plan.importer
        self.model = plan.importer.model
        self.actor = actor
        corrected = plan.repairs.apply(source_rows, plan.mapping, plan.lookups)
        self.rows = [ImportRow(row) for row in corrected]
        self.fields: dict[str, CsvField] = {field.name: field for field in plan.fields}
        # Stored many-to-many links: field name → row id → linked ids.
        self.stored_many: dict[str, dict[int, list[int]]] = {}

    def check(self) -> None:
        """Parse the rows, match them with the stored ones, and set the outcome of each."""
        self._parse()
        values = [self.match_values(row) for row in self.rows]
        Matcher(self.session, self.plan, self.actor).match(self.rows, values)
        self._compare()

    def check_again(self, row_ids: Sequence[int]) -> None:
        """Parse the rows and set their outcomes, with the stored rows that ``check`` matched.

        ``row_ids`` holds the id of each row's stored row, 0 for a new one.
        """
        self._parse()
        for row, row_id in zip(self.rows, row_ids, strict=True):
            row.row_id = row_id
            row.is_restored = bool(row_id) and self.plan.repairs.restores(row.source.number)
        self._compare()
        self._reject_unknown()

    def _parse(self) -> None:
        """Set the values of the rows, and apart from these what names a stored row."""
        parse_rows(self.plan, self.rows)
        names = {field.name for field in self.plan.fields if isinstance(field, KeyField)}
        for row in self.rows if names else ():
            if ID in names:
                row.given_id = row.values.pop("id", None)
            if VERSION in names:
                row.given_version = row.values.pop("version", None)

    def match_values(self, row: ImportRow) -> dict[str, Any]:
        """Return the values of a row, with its id and the entity if it names one that exists."""
        values = row.values
        if row.given_id is not None:
            values = {**values, "id": row.given_id, "version": row.given_version}
        lookup, text = self.plan.lookups.get("entity"), row.texts.get("entity")
        if lookup is None or text is None:
            return values
        with suppress(DomainError):
            return {**values, "entity_id": lookup.find(text).id}
        return values

    def _compare(self) -> None:
        """Set the outcome and the changes of each row."""
        self.load_stored()
        self.reject_taken_values()
        open_rows = [row for row in self.rows if not row.outcome]
        # All that is wrong with a row is said at once.
        broken = [row for row in self.rows if row.wrong_texts]
        for name, lookup in self.plan.lookups.items():
            if lookup.model is self.model:
                # Earlier chunks may have inserted rows that this one names.
                lookup.forget_loaded()
            if isinstance(self.fields[name], ForeignKeyField):
                named = [row for row in (*open_rows, *broken) if name in row.texts]
                lookup.load(row.texts[name] for row in named)
                key = self.fields[name].key
                lookup.load_labels(
                    row.stored[key] for row in named if row.stored and row.stored[key]
                )
        self.load_stored_many(open_rows)
        for row in broken:
            self._resolve_links(row)
        required = [self.importer.field(name) for name in self.importer.required_fields]
        for row in open_rows:
            self._resolve_links(row)
            if row.stored is None:
                for field in required:
                    if self._is_missing(row, field):
                        reason = _("This field is required for new items.")
                        row.reject("invalid", field.name, reason)
            if not row.outcome:
                self._set_outcome(row)
        reject_changed_rows(self)
        reject_states(self)
        reject_locked_rows(self)
        reject_broken_rows(self)

    def _reject_unknown(self) -> None:
        """Reject what names a row of this chunk that is not there, though it was checked."""
        for name, lookup in self.plan.lookups.items():
            names = set()
            for row in self.rows:
                text = row.unknown.get(name) if row.outcome in ACCEPTED else None
                if text and lookup.key(text) not in names:
                    row.reject("invalid", name, lookup.not_found_message(text))
                if lookup.model is self.model and row.outcome == "new":
                    names.update(lookup.own_keys(row.values))

    def _is_missing(self, row: ImportRow, field: CsvField) -> bool:
        """Return True if a row has no value for a field."""
        if isinstance(field, ForeignKeyField):
            return field.name not in row.texts
        return row.values.get(field.key) in (None, "")

    def load_stored(self) -> None:
        """Read the stored rows that the rows of the file are about, in one statement."""
        matched = [row for row in self.rows if row.row_id and not row.outcome]
        if not matched:
            return
        unique = [field.key for field in self.unique_fields()]
        stored_rows = {
            stored["id"]: stored for stored in self.fetch(row.row_id for row in matched)
        }
        drop_former_numbers(self.session, self.importer, matched, stored_rows)
        for row in matched:
            stored = stored_rows.get(row.row_id)
            if stored is None or not stored["is_visible"]:
                row.reject("skipped", "", _("You no longer have access to it."))
            elif stored.get("trashed_at") is not None and not row.is_restored:
                row.reject("skipped", "", _("It is in the trash."))
                row.is_trashed = True
            else:
                row.stored = stored
                if stored.get("trashed_at") is not None:
                    row.values["trashed_at"] = None
                row.was_version = stored.get("version", 0)
                apply_policies(self.plan.policies, self.fields, row)
                for key in unique:
                    if row.values.get(key) and self.importer.is_same(
                        key, stored[key], row.values[key]
                    ):
                        row.values[key] = stored[key]

    def fetch(self, row_ids: Iterable[int]) -> list[dict[str, Any]]:
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
        chosen = is_one_of(self.session.get_bind().dialect, model.id, row_ids)
        rows = self.session.execute(query.where(chosen), execution_options={"with_trash": True})
        return [dict(row) for row in rows.mappings()]

    def reject_taken_values(self) -> None:
        """Reject rows whose value of a unique column belongs to another row."""
        for field in self.unique_fields():
            attribute, key = getattr(self.model, field.key), field.key
            rows = [
                row
                for row in self.rows
                if not row.outcome
                and row.values.get(key)
                and (row.stored is None or row.stored[key] != row.values[key])
            ]
            if not rows:
                continue
            owner_ids = dict(
                self.session.execute(
                    select(attribute, self.model.id).where(
                        is_one_of(
                            self.session.get_bind().dialect,
                            attribute,
                            {row.values[key] for row in rows},
                        )
                    ),
                    execution_options={"with_trash": True},
                ).all()
            )  # type: ignore[arg-type]
            for row in rows:
                value = row.values[key]
                if owner_ids.get(value, row.row_id) != row.row_id:
                    row.reject("invalid", field.name, value_in_use(value))

    def unique_fields(self) -> list[ValueField]:
        """Return the mapped fields of which no two rows have the same value."""
        return [
            field
            for field in self.plan.fields
            if isinstance(field, ValueField) and field.column.unique
        ]

    def load_stored_many(self, rows: list[ImportRow]) -> None:
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

    def _resolve_links(self, row: ImportRow) -> None:
        """Turn the names of other rows into those rows."""
        stored = row.stored or {}
        for name, text in list(row.texts.items()):
            field, lookup = self.fields[name], self.plan.lookups[name]
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
            except UnknownName as error:
                if lookup.model is self.model:
                    # A row of the file may have that name.
                    row.unknown[name] = text
                    row.links[name] = LinkedRow(None, text)
                else:
                    row.reject("invalid", name, error)
            except DomainError as error:
                row.reject("invalid", name, error)
        if row.stored is not None:
            self._merge_many(row)

    def _merge_many(self, row: ImportRow) -> None:
        """Apply the policies of columns of several values."""
        for name, policy in self.plan.policies.items():
            if isinstance(self.fields[name], ManyToManyField):
                links, labels = self.stored_links(name, row.row_id), self.plan.lookups[name].labels
                merged = merge_links(policy, links, labels, row.many.pop(name, None))
                if merged is not None:
                    row.many[name] = merged

    def _set_outcome(self, row: ImportRow) -> None:
        """Set the changes and the outcome of a row without problems."""
        if row.stored is None:
            row.outcome = "new"
            return
        stored = row.stored
        for key, value in row.values.items():
            if stored[key] != value:
                row.changes[key] = (stored[key], value)
        for name, field in self.fields.items():
            if isinstance(field, ForeignKeyField) and field.key in row.changes:
                row.changes[field.key] = (self._old_link(name, stored), None)
        for name, linked in row.links.items():
            key = self.fields[name].key
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
            if row.rule and row.outcome in ACCEPTED:
                report.matched[row.rule] = report.matched.get(row.rule, 0) + 1
            if row.outcome in ("new", "updated"):
                self._add_created_values(row, report)
                report.erased += count_erased(row.changes)
                report.restored += "trashed_at" in row.changes
            report.trashed += row.is_trashed
            for name, reason in row.problems:
                report.add_error(row.source.number, name, reason)
            if row.outcome == "updated" and len(report.samples) < MAX_SAMPLES:
                report.samples.append(self._sample(row))
            elif row.outcome == "new" and len(report.new_samples) < MAX_NEW_SAMPLES:
                report.new_samples.append(self._new_sample(row))

    def _add_created_values(self, row: ImportRow, report: Report) -> None:
        """Add the values that do not exist yet, and will be created with the row."""
        pairs = [*row.links.items(), *((name, one) for name in row.many for one in row.many[name])]
        for name, linked in pairs:
            if linked.id is None and name not in row.unknown:
                report.add_created(str(self.fields[name].label), linked.label)

    def _new_sample(self, row: ImportRow) -> dict[str, Any]:
        """Return a new row as it would be stored, for the preview."""
        shown: dict[str, str] = {}
        for field in self.plan.fields:
            value = row.many.get(field.name) or row.links.get(field.name)
            if isinstance(field, ValueField) and row.values.get(field.key) is not None:
                shown[str(field.label)] = display_value(row.values[field.key], field.field_type)
            elif value:
                shown[str(field.label)] = display_value(value, None)
        values = [{"field": label, "value": text} for label, text in shown.items()]
        title = self.importer.title({**row.values, **row.links})
        return {"row": row.source.number, "name": title, "values": values}

    def _sample(self, row: ImportRow) -> dict[str, Any]:
        fields: dict[str, CsvField] = {field.key: field for field in self.plan.fields}
        changes = []
        for key, (old, new) in row.changes.items():
            if key == "trashed_at":
                where = _("In the trash")
                changes.append({"field": where, "old": _("Yes"), "new": _("No")})
                continue
            field = fields[key]
            field_type = field.field_type if isinstance(field, ValueField) else None
            old_text, new_text = (display_value(value, field_type) for value in (old, new))
            changes.append({"field": str(field.label), "old": old_text, "new": new_text})
        title = self.importer.title(row.stored or {})
        return {"row": row.source.number, "name": title, "changes": changes}


def value_in_use(value: object) -> str:
    """Return the sentence for a value that no two rows may have."""
    return _("“%(value)s” is already in use.", value=value)
