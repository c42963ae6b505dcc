"""Write a chunk of an import, with a number of statements that does not depend on its rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, update

from app.importexport.diffing import Comparison
from app.importexport.rows import Draft
from app.importexport.fields import LinkField, ManyField
from app.importexport.lookups import Ref
from app.log.services import record_many
from app.log.values import plain
from app.search.services import index_texts
from app.text import fold
from app.types import now


class ChangedMeanwhileError(Exception):
    """A row was changed by somebody else between comparing and writing."""


class Chunk(Comparison):
    """Some rows of the file, from text to the database."""

    def write(self) -> None:
        """Write the chunk; the caller commits."""
        new = [draft for draft in self.drafts if draft.outcome == "new"]
        updated = [draft for draft in self.drafts if draft.outcome == "updated"]
        if not new and not updated:
            return
        self._create_wanted([*new, *updated])
        if new:
            self._insert(new)
        if updated:
            self._update(updated)
        self._link_many([*new, *updated])
        self._log(new, updated)
        self._index(new, updated)

    def _create_wanted(self, drafts: list[Draft]) -> None:
        for name, resolver in self.plan.resolvers.items():
            wanted: list[Ref] = []
            entity_ids: dict[int, int] = {}
            for draft in drafts:
                refs = [*draft.many.get(name, ())]
                if name in draft.links:
                    refs.append(draft.links[name])
                for ref in refs:
                    if ref.id is None:
                        wanted.append(ref)
                        entity_ids.setdefault(id(ref), self._entity_of(draft))
            resolver.created = []
            if wanted:
                resolver.create_wanted(wanted, entity_ids)

    def _entity_of(self, draft: Draft) -> int:
        ref = draft.links.get("entity")
        if ref is not None and ref.id is not None:
            return ref.id
        return draft.stored["entity_id"] if draft.stored else self.plan.entity_id

    def _columns_of(self, draft: Draft) -> dict[str, Any]:
        """Return every mapped column of a row, new where the file says so."""
        stored = draft.stored or {}
        found: dict[str, Any] = {}
        for other in self.plan.fields:
            if isinstance(other, ManyField):
                continue
            value = draft.values.get(other.key)
            if isinstance(other, LinkField) and other.name in draft.links:
                value = draft.links[other.name].id
            found[other.key] = stored.get(other.key) if value is None else value
        return found

    def _insert(self, drafts: list[Draft]) -> None:
        table = self.model.__table__
        moment = now()
        rows = []
        for draft in drafts:
            row = self._columns_of(draft)
            row["entity_id"] = self._entity_of(draft)
            row |= self.importer.derived(row)
            row |= {"version": 1, "created_at": moment, "updated_at": moment}
            rows.append(row)
        self.importer.complete(self.session, rows)
        # In no order, but by a column that is unique: to keep the order costs SQLite a statement
        # for each row.
        unique = self.importer.unique
        made = self.session.connection().execute(
            insert(table).returning(table.c[unique], table.c.id), rows
        )
        ids = {value: row_id for value, row_id in made}  # noqa: C416 - rows are not pairs
        for draft, row in zip(drafts, rows, strict=True):
            draft.row_id = ids[row[unique]]
            draft.stored = row | {"id": draft.row_id}

    def _update(self, drafts: list[Draft]) -> None:
        table = self.model.__table__
        moment = now()
        rows = []
        # In the order in which everybody locks many rows: so nobody waits for each other.
        for draft in sorted(drafts, key=lambda draft: draft.row_id):
            stored = draft.stored or {}
            row = self._columns_of(draft)
            row |= self.importer.derived(stored | row)
            rows.append(
                {f"new_{key}": value for key, value in row.items()}
                | {"old_id": draft.row_id, "old_version": stored["version"]}
                | {"new_version": stored["version"] + 1, "new_updated_at": moment}
            )
            draft.stored = stored | row | {"version": stored["version"] + 1}
        keys = [name.removeprefix("new_") for name in rows[0] if name.startswith("new_")]
        statement = (
            update(table)
            .where(
                and_(
                    table.c.id == bindparam("old_id"),
                    table.c.version == bindparam("old_version"),
                )
            )
            .values({table.c[key]: bindparam(f"new_{key}") for key in keys})
        )
        result = self.session.connection().execute(statement, rows)
        if result.rowcount != len(rows):
            raise ChangedMeanwhileError

    def _link_many(self, drafts: list[Draft]) -> None:
        for found in self.plan.fields:
            if not isinstance(found, ManyField):
                continue
            added, removed = [], []
            for draft in drafts:
                if found.name not in draft.many:
                    continue
                wanted = {ref.id for ref in draft.many[found.name] if ref.id is not None}
                had = set(self._linked(found.name, draft.row_id))
                added += [{"near": draft.row_id, "far": pk} for pk in sorted(wanted - had)]
                removed += [{"near": draft.row_id, "far": pk} for pk in sorted(had - wanted)]
            connection = self.session.connection()
            if removed:
                connection.execute(
                    delete(found.table).where(
                        found.near == bindparam("near"), found.far == bindparam("far")
                    ),
                    removed,
                )
            if added:
                rows = [{found.near.name: r["near"], found.far.name: r["far"]} for r in added]
                connection.execute(insert(found.table), rows)

    def _log(self, new: list[Draft], updated: list[Draft]) -> None:
        kind = self.model.__tablename__
        for event, drafts in (("created", new), ("changed", updated)):
            entries = [
                {
                    "subject_id": draft.row_id,
                    "subject_name": self.importer.title(draft.stored or {}),
                    "version": (draft.stored or {})["version"],
                    "changes": self._first_values(draft)
                    if event == "created"
                    else {key: [_logged(o), _logged(n)] for key, (o, n) in draft.changes.items()},
                }
                for draft in drafts
            ]
            record_many(self.session, event, kind, entries, self.actor)

    def _first_values(self, draft: Draft) -> dict[str, list]:
        """Return every filled-in field of a new row as [None, value]."""
        stored = draft.stored or {}
        unlogged = self.model.__unlogged__
        refs = {self.importer.field(name).key: ref for name, ref in draft.links.items()}
        changes: dict[str, list] = {}
        for key, value in stored.items():
            if key in unlogged or value in (None, ""):
                continue
            if key == "entity_id" and key not in refs:
                changes[key] = [None, [value, self._entity_label(value)]]
            else:
                changes[key] = [None, refs[key].as_log() if key in refs else plain(value)]
        for name, linked in draft.many.items():
            if linked:
                changes[name] = [[], _logged(linked)]
        return changes

    def _entity_label(self, entity_id: int) -> str:
        return self.plan.entity_labels.get(entity_id, "")

    def _index(self, new: list[Draft], updated: list[Draft]) -> None:
        linked = self.model.search_linked
        texts = []
        for draft in (*new, *updated):
            stored = draft.stored or {}
            label = stored.get(f"{linked}_label") or ""
            if linked in draft.links:
                label = draft.links[linked].label
            texts.append(
                {
                    "row_id": draft.row_id,
                    "own": self.importer.search_text(stored),
                    "linked": fold(label),
                }
            )
        index_texts(self.session, self.model.search_table, texts)


def _logged(value: Any) -> Any:
    """Return a value, a link or links as the log writes them."""
    if isinstance(value, Ref):
        return value.as_log()
    if isinstance(value, list):
        return [ref.as_log() for ref in value]
    return plain(value)
