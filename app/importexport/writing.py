"""Write a chunk of an import with a fixed number of statements, however many rows it has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from app.bulk import delete_rows, insert_rows, is_one_of, take_ids, update_rows
from app.fieldtypes import to_json
from app.importexport.diffing import ChunkDiff
from app.importexport.fields import ForeignKeyField, ManyToManyField
from app.importexport.lookups import LinkedRow
from app.importexport.rows import ImportRow
from app.log.services import record_many
from app.search.models import Searchable
from app.search.services import index_texts, update_linked_names
from app.text import fold
from app.types import now


class RowChangedError(Exception):
    """A stored row was changed by somebody else after it was compared."""


class ChunkWriter:
    """Insert and update the rows of a compared chunk."""

    def __init__(self, diff: ChunkDiff) -> None:
        self.diff = diff
        self.session = diff.session
        self.plan = diff.plan
        self.importer = diff.importer
        self.model = diff.model
        self.is_locked = False
        fields = self.plan.fields
        self.columns = [field.key for field in fields if not isinstance(field, ManyToManyField)]
        self.links = [
            (field.name, field.key) for field in fields if isinstance(field, ForeignKeyField)
        ]

    def write(self) -> None:
        """Write the chunk; the caller commits. Raise RowChangedError if a row is stale."""
        new = [row for row in self.diff.rows if row.outcome == "new"]
        updated = [row for row in self.diff.rows if row.outcome == "updated"]
        if not new and not updated:
            return
        self._take_ids(new)
        self._create_linked([*new, *updated])
        if new:
            self._insert(new)
        if updated:
            self._update(updated)
        self._link_many([*new, *updated])
        self._log(new, updated)
        self._index(new, updated)

    def _take_ids(self, new: list[ImportRow]) -> None:
        """Give the new rows their ids, and link what names one of them."""
        connection, table = self.session.connection(), self.model.__table__
        for row, row_id in zip(new, take_ids(connection, table, len(new)), strict=True):
            row.row_id = row_id
        for name, lookup in self.plan.lookups.items():
            naming = [row for row in self.diff.rows if name in row.unknown]
            if naming:
                ids: dict[str, int] = {}
                for row in new:
                    for key in lookup.own_keys(row.values):
                        ids.setdefault(key, row.row_id)
                for row in naming:
                    row.links[name].id = ids[lookup.key(row.unknown[name])]

    def _create_linked(self, rows: list[ImportRow]) -> None:
        """Create the linked rows that do not exist yet, such as accounts and tags."""
        for name, lookup in self.plan.lookups.items():
            missing: list[LinkedRow] = []
            entity_ids: dict[int, int | None] = {}
            for row in rows:
                linked_rows = [*row.many.get(name, ())]
                if name in row.links and name not in row.unknown:
                    linked_rows.append(row.links[name])
                for linked in linked_rows:
                    if linked.id is None:
                        missing.append(linked)
                        entity_ids.setdefault(id(linked), self._entity_id(row))
            lookup.created = []
            if missing:
                lookup.create_missing(missing, entity_ids)

    def _entity_id(self, row: ImportRow) -> int | None:
        linked = row.links.get("entity")
        if linked is not None and linked.id is not None:
            return linked.id
        return row.stored.get("entity_id") if row.stored else self.plan.entity_id

    def _column_values(self, row: ImportRow) -> dict[str, Any]:
        """Return the value of every mapped column: from the file, else as it is stored."""
        stored, given = row.stored or {}, row.values
        values = {key: given.get(key, stored.get(key)) for key in self.columns}
        for name, key in self.links:
            if name in row.links:
                values[key] = row.links[name].id
        return values

    def _insert(self, rows: list[ImportRow]) -> None:
        moment = now()
        common = {"created_at": moment, "updated_at": moment}
        inserts = []
        for row in rows:
            values = self._column_values(row)
            if self.plan.entity_id is not None:
                values["entity_id"] = self._entity_id(row)
            values |= self.importer.derived_columns(values)
            values["version"] = 1
            inserts.append(values)
        self.importer.fill_defaults(self.session, inserts)
        for row, values in zip(rows, inserts, strict=True):
            values["id"] = row.row_id
            row.stored = values
        insert_rows(self.session.connection(), self.model.__table__, inserts, common)

    def _update(self, rows: list[ImportRow]) -> None:
        connection, table = self.session.connection(), self.model.__table__
        self.lock(row.row_id for row in rows)
        updates = []
        moves_trash = any("trashed_at" in row.changes for row in rows)
        for row in sorted(rows, key=lambda row: row.row_id):
            stored = row.stored or {}
            values = self._column_values(row)
            values |= self.importer.derived_columns(stored | values)
            version = stored["version"]
            values["version"] = version + 1
            if moves_trash:
                trashed_at = row.values.get("trashed_at", stored["trashed_at"])
                is_moved = "trashed_at" in row.changes
                by = (trashed_at and self.diff.actor.id) if is_moved else stored["trashed_by_id"]
                values |= {"trashed_at": trashed_at, "trashed_by_id": by}
            updates.append({**values, "old_id": row.row_id, "old_version": version})
            row.stored = stored | values
        found_by = {"id": "old_id", "version": "old_version"}
        found = update_rows(connection, table, updates, found_by, {"updated_at": now()})
        if found != len(updates):
            raise RowChangedError

    def lock(self, row_ids: Iterable[int]) -> None:
        """Lock rows in the order of ids, as all bulk statements do: so they cannot deadlock."""
        if self.session.get_bind().dialect.name == "postgresql" and not self.is_locked:
            row_id = self.model.__table__.c.id
            ids = sorted(number for number in row_ids if number)
            chosen = is_one_of(self.session.get_bind().dialect, row_id, ids)
            query = select(row_id).where(chosen).order_by(row_id)
            self.session.connection().execute(query.with_for_update(key_share=True))
        self.is_locked = True

    def _link_many(self, rows: list[ImportRow]) -> None:
        """Insert and delete the many-to-many links that changed."""
        for field in self.plan.fields:
            if not isinstance(field, ManyToManyField):
                continue
            local, remote = field.local_column.name, field.remote_column.name
            added: list[dict[str, Any]] = []
            removed: list[dict[str, Any]] = []
            for row in rows:
                if field.name not in row.many:
                    continue
                new = {linked.id for linked in row.many[field.name] if linked.id is not None}
                old = set(self.diff.stored_links(field.name, row.row_id))
                if new != old:
                    added += [{local: row.row_id, remote: pk} for pk in sorted(new - old)]
                    removed += [{local: row.row_id, remote: pk} for pk in sorted(old - new)]
            delete_rows(self.session.connection(), field.table, removed)
            insert_rows(self.session.connection(), field.table, added)

    def _log(self, new: list[ImportRow], updated: list[ImportRow]) -> None:
        subject_type = self.model.__tablename__
        events: dict[str, list[ImportRow]] = {"created": new}
        for row in updated:
            events.setdefault(_event(row), []).append(row)
        for event, rows in events.items():
            entries = [
                {
                    "subject_id": row.row_id,
                    "subject_name": self.importer.title(row.stored or {}),
                    "version": (row.stored or {})["version"],
                    "changes": self._initial_changes(row)
                    if event == "created"
                    else {
                        key: [_to_log(old), _to_log(new)]
                        for key, (old, new) in row.changes.items()
                    },
                }
                for row in rows
            ]
            record_many(self.session, event, subject_type, entries, self.diff.actor)

    def _initial_changes(self, row: ImportRow) -> dict[str, list]:
        """Return every filled-in field of a new row as [None, value]."""
        stored = row.stored or {}
        unlogged = self.model.__unlogged__
        links = {self.importer.field(name).key: linked for name, linked in row.links.items()}
        changes: dict[str, list] = {}
        for key, value in stored.items():
            if key in unlogged or value in (None, ""):
                continue
            if key == "entity_id" and key not in links:
                changes[key] = [None, [value, self.plan.entity_labels.get(value, "")]]
            else:
                changes[key] = [None, links[key].to_log() if key in links else to_json(value)]
        for name, linked_rows in row.many.items():
            if linked_rows:
                changes[name] = [[], _to_log(linked_rows)]
        return changes

    def _index(self, new: list[ImportRow], updated: list[ImportRow]) -> None:
        """Write the search texts of the rows."""
        if not issubclass(self.model, Searchable):
            return
        linked_field = self.model.search_linked
        texts = []
        for row in (*new, *updated):
            stored = row.stored or {}
            label = stored.get(f"{linked_field}_label") or ""
            if linked_field in row.links:
                label = row.links[linked_field].label
            texts.append(
                {
                    "row_id": row.row_id,
                    "own": self.importer.search_text(stored),
                    "linked": fold(label),
                }
            )
        index_texts(self.session, self.model.search_table, texts)
        self._index_new_names(updated)

    def _index_new_names(self, updated: list[ImportRow]) -> None:
        """Write new names into the search texts of what is linked to the rows."""
        names = {}
        for row in updated:
            before = (row.stored or {}) | {key: old for key, (old, _new) in row.changes.items()}
            name = self.importer.title(row.stored or {})
            if name != self.importer.title(before):
                names[row.row_id] = name
        update_linked_names(self.session, self.model, names)


def _event(row: ImportRow) -> str:
    """Return what the log calls the change of a stored row."""
    if "trashed_at" not in row.changes:
        return "changed"
    return "restored" if row.values["trashed_at"] is None else "trashed"


def _to_log(value: Any) -> Any:
    """Return a value, a linked row or a list of linked rows as a log entry stores it."""
    if isinstance(value, LinkedRow):
        return value.to_log()
    if isinstance(value, list):
        return [linked.to_log() for linked in value]
    return to_json(value)
