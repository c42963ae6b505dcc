"""Find the rows that cells name: values of a repository, accounts, entities."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.bulk import is_one_of
from app.errors import DomainError
from app.i18n.languages import current_language
from app.repositories.models import Repository
from app.security.actor import Actor
from app.security.scope import scope_condition, visible
from app.text import clean, fold, sort_key

MAX_CACHED_KEYS = 50_000


class LinkedRow:
    """A row that a cell names; its id is None until it is created."""

    __slots__ = ("id", "label")

    def __init__(self, row_id: int | None, label: str) -> None:
        self.id = row_id
        self.label = label

    def to_log(self) -> list[Any]:
        """Return the row as a log entry stores it: ``[id, label]``."""
        return [self.id, self.label]


class UnknownName(DomainError):
    """No row has the name, ``text``, and none may be created."""

    def __init__(self, message: object, text: str = "") -> None:
        super().__init__(message)
        self.text = text


class Lookup:
    """Find rows of one model by the text of a cell."""

    max_length = 120
    # What other rows of a file name a row of the same model by.
    own_columns: ClassVar[tuple[str, ...]] = ("name",)

    def __init__(self, session: Session, model: Any, actor: Actor, may_create: bool) -> None:
        self.session = session
        self.model = model
        self.actor = actor
        self.may_create = may_create
        # Keys of names that may be created, whatever ``may_create`` says.
        self.creatable: set[str] = set()
        # Rows with a greater id are younger than the check of the file; 0: there was none yet.
        self.last_id = 0
        # Key of a name → the rows that have it.
        self.rows_by_key: dict[str, list[LinkedRow]] = {}
        self.labels: dict[int, str] = {}
        # Row id → the text an export writes, from which an import finds the same row.
        self.export_texts: dict[int, str] = {}
        # Key of a name → the row to create for it.
        self.to_create: dict[str, LinkedRow] = {}
        self.created: list[LinkedRow] = []

    def load(self, texts: Iterable[str]) -> None:
        """Fetch the rows that these texts may name, in one statement at most."""

    def load_labels(self, row_ids: Iterable[int]) -> None:
        """Fetch the names of rows, in one statement at most."""

    def own_keys(self, values: dict[str, Any]) -> list[str]:
        """Return the keys by which other rows of a file may name a row of the same model."""
        return [self.key(text) for name in self.own_columns if (text := values.get(name))]

    def forget_loaded(self) -> None:
        """Forget what ``load`` fetched, for a table whose rows change meanwhile."""

    def key(self, text: str) -> str:
        """Return the key that names are compared by."""
        return fold(text)

    def allow(self, names: Iterable[str]) -> None:
        """Allow rows with these names to be created."""
        self.creatable |= {self.key(clean(name)) for name in names}

    def has(self, text: str) -> bool:
        """Return True if there is a row with this name."""
        return bool(self.rows_by_key.get(self.key(text)))

    def find(self, text: str, current: int | None = None) -> LinkedRow:
        """Return the row with this name; the one with id ``current`` if several have it.

        Raise DomainError if the name is ambiguous, or unknown and may not be created.
        """
        text = clean(text)
        matches = self.rows_by_key.get(text) or self.rows_by_key.get(self.key(text)) or []
        if len(matches) > 1 and self.last_id:
            matches = [row for row in matches if (row.id or 0) <= self.last_id] or matches
        if len(matches) == 1:
            return matches[0]
        for row in matches:
            if row.id == current and current is not None:
                return row
        if matches:
            raise DomainError(
                _(
                    "“%(value)s” matches %(count)d values. Be more specific.",
                    value=text[:80],
                    count=len(matches),
                )
            )
        if not (self.may_create or self.key(text) in self.creatable):
            raise UnknownName(self.not_found_message(text), text)
        if len(text) > self.max_length:
            raise DomainError(
                _("Too long. The maximum is %(count)s characters.", count=self.max_length)
            )
        return self.to_create.setdefault(self.key(text), LinkedRow(None, text))

    def not_found_message(self, text: str) -> str:
        """Return the error message for a name that no row has."""
        return _("“%(value)s” doesn’t exist.", value=text[:80])

    def create_missing(self, rows: Iterable[LinkedRow], entity_ids: dict[int, int | None]) -> None:
        """Create those of the rows that have no id yet, in one INSERT.

        ``entity_ids`` maps ``id(row)`` to the entity the new row belongs to.
        """
        missing = [row for row in dict.fromkeys(rows) if row.id is None]
        instances = [self.new_instance(row, entity_ids.get(id(row))) for row in missing]
        self.session.add_all(instances)
        self.session.flush()
        for row, instance in zip(missing, instances, strict=True):
            row.id = instance.id
            self.labels[instance.id] = row.label
        self.created = missing

    def discard_created(self) -> None:
        """Forget the ids of the rows that a rolled-back transaction had created."""
        for row in self.created:
            row.id = None
        self.created = []

    def new_instance(self, row: LinkedRow, entity_id: int | None) -> Any:
        """Return a new instance of the model with the label of ``row``."""
        raise NotImplementedError


class RepositoryLookup(Lookup):
    """Find the values of a repository by their label in either language."""

    def __init__(self, session: Session, model: Any, actor: Actor, may_create: bool) -> None:
        super().__init__(session, model, actor, may_create)
        values: Sequence[Any] = session.execute(
            select(model.id, model.label_en, model.label_es).order_by(model.position, model.id)
        ).all()
        spanish = current_language() == "es"
        for row_id, label_en, label_es in values:
            label = (label_es or label_en) if spanish else (label_en or label_es)
            self.labels[row_id] = label
        # An exact label goes before a folded one, the first value before the second.
        rows = {row_id: LinkedRow(row_id, self.labels[row_id]) for row_id, _en, _es in values}
        for normalize in (clean, fold):
            for row_id, label_en, label_es in values:
                for label in (label_en, label_es):
                    if label:
                        self.rows_by_key.setdefault(normalize(label), [rows[row_id]])
        self.export_texts = {
            row_id: next(
                (t for t in (rows[row_id].label, en, es) if t and self.find(t).id == row_id),
                rows[row_id].label,
            )
            for row_id, en, es in values
        }

    def new_instance(self, row: LinkedRow, entity_id: int | None) -> Repository:
        """Return a new value, labelled in the reader's language."""
        return self.model(
            position=990,
            is_active=True,
            colour="grey",
            **{f"label_{current_language()}": row.label},
        )


class EntityLookup(Lookup):
    """Find the entities in the actor's scope by name, by path (if names repeat) or by id."""

    def __init__(self, session: Session, model: Any, actor: Actor, may_create: bool) -> None:
        super().__init__(session, model, actor, False)
        is_visible = scope_condition(model, actor).label("is_visible")
        entities = session.execute(select(model.id, model.name, model.path, is_visible)).all()
        names = {row_id: name for row_id, name, _path, _is_visible in entities}
        self.visible_ids = {row[0] for row in entities if row[3]}
        folded = [fold(name) for name in names.values()]
        for row_id, name, path, _is_visible in entities:
            steps = [names.get(int(step), "") for step in path.split("/") if step]
            full_path = " / ".join(steps)
            self.labels[row_id] = name
            self.export_texts[row_id] = name if folded.count(fold(name)) == 1 else full_path
            if row_id in self.visible_ids:
                row = LinkedRow(row_id, name)
                self.rows_by_key.setdefault(fold(name), []).append(row)
                if len(steps) > 1:
                    self.rows_by_key.setdefault(fold(full_path), []).append(row)

    def find(self, text: str, current: int | None = None) -> LinkedRow:
        """Return the entity with this name, path or id."""
        if text.isascii() and text.isdigit() and not self.has(text):
            for rows in self.rows_by_key.values():
                for row in rows:
                    if row.id == int(text):
                        return row
        return super().find(text, current)

    def allow(self, names: Iterable[str]) -> None:
        """Create no entity for a file."""

    def not_found_message(self, text: str) -> str:
        """Return the error message for an entity that does not exist or is out of scope."""
        return _("Entity “%(value)s” not found.", value=text[:80])


class ByName(Lookup):
    """Find rows by name in a table too large to load: only the names of a chunk are fetched."""

    max_length = 160

    def __init__(self, session: Session, model: Any, actor: Actor, may_create: bool) -> None:
        super().__init__(session, model, actor, may_create)
        self.loaded_keys: set[str] = set()

    def forget_loaded(self) -> None:
        """Forget the rows that were fetched, and the names that no row has."""
        self.loaded_keys.clear()
        self.rows_by_key.clear()

    def key(self, text: str) -> str:
        """Return the indexed key of a name."""
        return sort_key(text)

    def load(self, texts: Iterable[str]) -> None:
        """Fetch the rows with these names."""
        keys = {self.key(text) for text in texts} - self.loaded_keys
        if not keys:
            return
        # Bound the cache: a file may name very many rows.
        if len(self.loaded_keys) > MAX_CACHED_KEYS:
            self.forget_loaded()
        self.loaded_keys |= keys
        model = self.model
        query = visible(model, self.actor).where(
            is_one_of(self.session.get_bind().dialect, model.sort_name, keys)
        )
        for row_id, name, key in self.session.execute(
            query.with_only_columns(model.id, model.name, model.sort_name)
        ):
            self.rows_by_key.setdefault(key, []).append(LinkedRow(row_id, name))

    def new_instance(self, row: LinkedRow, entity_id: int | None) -> Any:
        """Return a new instance in the entity of the first row of the file that names it."""
        return self.model(name=row.label, entity_id=entity_id)


def split_list(cell: str, lookup: Lookup) -> list[str]:
    """Split a cell with several values, as ``join_list`` wrote it, into its distinct parts."""
    parts = []
    for part in next(
        csv.reader([cell.replace("\n", ";")], delimiter=";", skipinitialspace=True), []
    ):
        part = clean(part)
        if not part or lookup.has(part):
            parts.append(part)
            continue
        # Other programs separate by commas or bars.
        for mark in (",", "|"):
            if mark in part:
                parts += [clean(piece) for piece in part.split(mark)]
                break
        else:
            parts.append(part)
    return [part for part in dict.fromkeys(parts) if part]


def join_list(labels: Iterable[str]) -> str:
    """Join several values into one cell, separated by semicolons and quoted where needed."""
    return "; ".join(map(quote_label, labels))


def quote_label(label: str) -> str:
    """Quote one of several values of a cell, if it could be taken for two."""
    return '"' + label.replace('"', '""') + '"' if set(label) & set(';",|') else label
