"""Compare a chunk of a file with what is stored; the database is only read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.importexport.rows import Draft
from app.importexport.fields import LinkField, ManyField, MoreField, ValueField
from app.importexport.lookups import Ref, split_list
from app.importexport.reading import SourceRow
from app.importexport.report import MOST_SAMPLES, Report
from app.fieldtypes import Hints
from app.security.actor import Actor
from app.security.scope import scope_of
from app.text import clean, sort_key

if TYPE_CHECKING:
    from app.importexport.importer import Plan


class Comparison:
    """Some rows of the file, and what each would change."""

    def __init__(
        self,
        session: Session,
        plan: Plan,
        actor: Actor,
        rows: Iterable[SourceRow],
        seen: dict[int, int],
    ) -> None:
        self.session = session
        self.plan = plan
        self.importer = plan.importer
        self.model = plan.importer.model
        self.actor = actor
        self.seen = seen
        self.drafts = [Draft(row) for row in rows]
        # Tags and the like of the rows that are stored: field name → row id → ids.
        self.stored_many: dict[str, dict[int, list[int]]] = {}

    # Text to values: no database

    def parse(self) -> None:
        """Read every cell."""
        mapping = [
            (place, found) for place, found in self.plan.mapping.items() if found is not None
        ]
        # The country says how telephones and provinces are to be read; what stands behind
        # another text comes after it.
        mapping.sort(key=lambda pair: (pair[1].name != "country", isinstance(pair[1], MoreField)))
        cache: dict[tuple, Any] = {}
        for draft in self.drafts:
            if draft.row.problem:
                draft.refuse("invalid", "", draft.row.problem)
            else:
                self._parse_row(draft, mapping, cache)

    def _parse_row(self, draft: Draft, mapping: list, cache: dict[tuple, Any]) -> None:
        for place, found in mapping:
            cell = draft.row.cells[place]
            if not cell or cell.isspace():
                continue
            if isinstance(found, ValueField):
                country = draft.values.get("country") or self.plan.country
                hints = Hints(country, self.plan.day_first.get(place, True))
                if isinstance(found, MoreField):
                    cell = f"{draft.values.get(found.key) or ''} {cell}"
                try:
                    value = self._parse_cell(found, cell, hints, cache)
                except DomainError as error:
                    draft.refuse("invalid", found.name, error)
                    continue
                if value is not None:
                    draft.values[found.key] = value
            elif text := clean(cell) if isinstance(found, LinkField) else cell:
                draft.texts[found.name] = text
        draft.key = self.importer.key(self.plan.match, draft.values)
        if draft.key is not None:
            mark = hash(draft.key)
            first = self.seen.setdefault(mark, draft.row.number)
            if first != draft.row.number:
                draft.refuse("invalid", self.plan.match.needs[0], _same_contact(first))

    def _parse_cell(
        self, found: ValueField, cell: str, hints: Hints, cache: dict[tuple, Any]
    ) -> Any:
        if not found.is_cached:
            try:
                return found.parse(cell, hints)
            except DomainError:
                if found.kind.name == "phone" and hints.country != self.plan.country:
                    # Somebody who lives abroad keeps a telephone at home.
                    return found.parse(cell, Hints(self.plan.country))
                raise
        key = (found.name, cell, hints)
        if key not in cache:
            cache[key] = found.parse(cell, hints)
        return cache[key]

    # Values to outcomes: the database is only read

    def compare(self) -> None:
        """Find out what each row would change."""
        self._match()
        self._refuse_taken_numbers()
        resolvers = self.plan.resolvers
        fields = {found.name: found for found in self.plan.fields}
        open_drafts = [draft for draft in self.drafts if not draft.outcome]
        for name, resolver in resolvers.items():
            if isinstance(fields[name], LinkField):
                resolver.look_up(draft.texts[name] for draft in open_drafts if name in draft.texts)
        self._load_many(open_drafts)
        for draft in open_drafts:
            self._resolve(draft, fields)
            if draft.stored is None:
                for name in self.importer.required:
                    if draft.values.get(self.importer.field(name).key) in (None, ""):
                        draft.refuse("invalid", name, _("A new contact needs this field."))
            if not draft.outcome:
                self._decide(draft, fields)

    def _match(self) -> None:
        """Fetch the rows that the keys name, in one statement."""
        by_key = {
            draft.key: draft
            for draft in self.drafts
            if draft.key is not None and not draft.outcome
        }
        if not by_key:
            return
        match = self.plan.match
        condition = self.importer.having(match, list(by_key))
        found: dict[Any, list[dict[str, Any]]] = {}
        for stored in self._fetch(condition):
            found.setdefault(self.importer.key(match, stored)[0], []).append(stored)
        for key, draft in by_key.items():
            rows = self.importer.pick(match, key, found.get(key[0], ()))
            reach = self.actor.entity_ids
            near = [row for row in rows if reach is None or row["entity_id"] in reach]
            live = [row for row in near if row["trashed_at"] is None]
            name = match.needs[0]
            if len(live) > 1:
                reason = ngettext(
                    "%(num)d contact matches this row.",
                    "%(num)d contacts match this row.",
                    len(live),
                )
                draft.refuse("invalid", name, reason)
            elif live:
                draft.stored = live[0]
                draft.row_id = live[0]["id"]
                # Another key may have found the same contact.
                first = self.seen.setdefault(hash(("row", draft.row_id)), draft.row.number)
                if first != draft.row.number:
                    draft.refuse("invalid", name, _same_contact(first))
            elif near:
                draft.refuse("skipped", name, _("This contact is in the trash."))
            elif rows and self._is_unique(name):
                draft.refuse("skipped", name, _("This contact belongs to another entity."))
            # Of a namesake elsewhere nothing is told, as by a form: the row is a new one.

    def _is_unique(self, name: str) -> bool:
        found = self.importer.field(name)
        return isinstance(found, ValueField) and bool(found.column.unique)

    def _fetch(self, condition: Any) -> list[dict[str, Any]]:
        """Return stored rows as dictionaries, trash and other entities included."""
        model = self.model
        columns = {column.key: column for column in model.__mapper__.column_attrs}
        query: Any = select(*(getattr(model, key) for key in columns))
        for found in self.importer.fields():
            if isinstance(found, LinkField) and found.is_joined:
                query = query.outerjoin(
                    found.model, getattr(model, found.key) == found.model.id
                ).add_columns(
                    found.model.name.label(f"{found.name}_label"),
                    scope_of(found.model, self.actor).label(f"{found.name}_seen"),
                )
        rows = self.session.execute(query.where(condition), execution_options={"with_trash": True})
        return [dict(row) for row in rows.mappings()]

    def _refuse_taken_numbers(self) -> None:
        """Refuse values that must be unique and belong to another row."""
        for found in self.plan.fields:
            if not isinstance(found, ValueField) or not found.column.unique:
                continue
            if found.name in self.plan.match.needs:
                continue
            attribute = getattr(self.model, found.key)
            drafts = [d for d in self.drafts if not d.outcome and d.values.get(found.key)]
            taken = dict(
                self.session.execute(
                    select(attribute, self.model.id).where(
                        attribute.in_([draft.values[found.key] for draft in drafts])
                    ),
                    execution_options={"with_trash": True},
                ).all()
            )  # type: ignore[arg-type]
            for draft in drafts:
                value, row = draft.values[found.key], draft.row.number
                is_free = taken.get(value, draft.row_id) == draft.row_id
                if is_free:
                    is_free = self.seen.setdefault(hash((found.name, value)), row) == row
                if not is_free:
                    reason = _("“%(value)s” is already in use.", value=value)
                    draft.refuse("invalid", found.name, reason)

    def _load_many(self, drafts: list[Draft]) -> None:
        ids = [draft.row_id for draft in drafts if draft.row_id]
        for found in self.plan.fields:
            if isinstance(found, ManyField):
                links: dict[int, list[int]] = {}
                query = select(found.near, found.far).where(found.near.in_(ids))
                for near, far in self.session.execute(query) if ids else ():
                    links.setdefault(near, []).append(far)
                self.stored_many[found.name] = links

    def _resolve(self, draft: Draft, fields: dict[str, Any]) -> None:
        """Turn the names of other rows into those rows."""
        stored = draft.stored or {}
        for name, text in draft.texts.items():
            found, resolver = fields[name], self.plan.resolvers[name]
            try:
                if isinstance(found, ManyField):
                    parts = split_list(text, resolver)
                    draft.many[name] = list(dict.fromkeys(map(resolver.find, parts)))
                    continue
                current = stored.get(found.key)
                label = self._seen_label(name, stored)
                if current and label and sort_key(text) == sort_key(label):
                    draft.links[name] = Ref(current, label)
                else:
                    draft.links[name] = resolver.find(text, current)
            except DomainError as error:
                draft.refuse("invalid", name, error)

    def _decide(self, draft: Draft, fields: dict[str, Any]) -> None:
        """Say what becomes of a row that nothing is wrong with."""
        if draft.stored is None:
            draft.outcome = "new"
            return
        stored = draft.stored
        for key, value in draft.values.items():
            if stored[key] != value:
                draft.changes[key] = (stored[key], value)
        for name, ref in draft.links.items():
            key = fields[name].key
            if ref.id is None or stored[key] != ref.id:
                draft.changes[key] = (self._old_link(name, stored), ref)
        for name, refs in draft.many.items():
            labels = self.plan.resolvers[name].labels
            old = [Ref(pk, labels.get(pk, "")) for pk in self._linked(name, draft.row_id)]
            if {ref.id for ref in old} != {ref.id for ref in refs}:
                draft.changes[name] = (old, refs)
        draft.outcome = "updated" if draft.changes else "unchanged"

    def _linked(self, name: str, row_id: int) -> list[int]:
        return self.stored_many[name].get(row_id, [])

    def _old_link(self, name: str, stored: dict[str, Any]) -> Ref | None:
        key = self.importer.field(name).key
        if stored[key] is None:
            return None
        known = self.plan.resolvers[name].labels
        return Ref(stored[key], self._seen_label(name, stored) or known.get(stored[key], ""))

    def _seen_label(self, name: str, stored: dict[str, Any]) -> str:
        """Return the name of a linked row, if the actor may see that row."""
        return stored[f"{name}_label"] or "" if stored.get(f"{name}_seen") else ""

    # Telling

    def tell(self, report: Report) -> None:
        """Add what became of the rows to a report."""
        for draft in self.drafts:
            report.count(draft.outcome)
            for name, reason in draft.problems:
                report.refuse(draft.row.number, name, reason)
            if draft.outcome == "updated" and len(report.samples) < MOST_SAMPLES:
                report.samples.append(self._sample(draft))

    def _sample(self, draft: Draft) -> dict[str, Any]:
        names = {found.key: found for found in self.plan.fields}
        changes = []
        for key, (old, new) in draft.changes.items():
            found = names[key]
            kind = found.kind if isinstance(found, ValueField) else None
            old_text, new_text = (_shown(value, kind) for value in (old, new))
            changes.append({"field": str(found.label), "old": old_text, "new": new_text})
        title = self.importer.title(draft.stored or {})
        return {"row": draft.row.number, "name": title, "changes": changes}


def _same_contact(row: int) -> str:
    return _("Row %(row)d is about the same contact.", row=row)


def _shown(value: Any, kind: Any) -> str:
    """Return a value, a link or links for a person to read."""
    if value is None:
        return ""
    if isinstance(value, Ref):
        return value.label
    if isinstance(value, list):
        return ", ".join(ref.label for ref in value)
    return str(kind.show(value))[:200]
