"""The verbs of a batch: set a column, link, unlink, move to the trash, or run code for each row.

A verb describes all rows at once, in expressions over the model: which rows it changes, what they
held before, how to change them, what to log and how to undo it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    delete,
    exists,
    func,
    insert,
    inspect,
    literal,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from app.fieldtypes import get_field_type, to_json
from app.log.values import foreign_keys
from app.operations.sql import JsonFunctions
from app.operations.verbbase import (
    BeforeValue,
    Effect,
    Verb,
    column_from_json,
    ids_for_labels,
    load_labels,
)


class Set(Verb):
    """Set a column to one value."""

    name = "set"

    def __init__(self, model: Any, column: str, value: Any) -> None:
        super().__init__(model)
        self.column, self.value = column, value
        self.key, self.field = f"set.{column}", column
        self.attribute = getattr(model, column)
        self.target = foreign_keys(model).get(column)
        self.labels: dict[int, list] = {}

    @property
    def changes_search_text(self) -> bool:
        return self.target is None or self.target[0] == getattr(self.model, "search_linked", None)

    def to_json(self) -> dict[str, Any]:
        return {"verb": self.name, "column": self.column, "value": to_json(self.value)}

    @classmethod
    def from_json(cls, model: Any, plan: dict[str, Any]) -> Set:
        column = plan["column"]
        return cls(model, column, column_from_json(model, column, plan["value"]))

    def needs_change(self) -> ColumnElement[bool]:
        return self.attribute.is_distinct_from(self.value)

    def before(self) -> tuple[Any, ...]:
        return (self.attribute,)

    def new_values(self) -> dict[str, Any]:
        return {self.column: literal(self.value, self.attribute.type)}

    def old_values(self, before: BeforeValue) -> dict[str, Any]:
        return {self.column: before(self.attribute.type)}

    def can_restore(self, before: BeforeValue, is_available: Callable) -> Any:
        if self.target is None:
            return true()
        model: Any = self.target[1]
        old = before(self.attribute.type)
        return or_(old.is_(None), exists().where(model.id == old, is_available(model)))

    def load_labels(self, session: Session, ids: Iterable[int | None]) -> bool:
        if self.target is None:
            return False
        return load_labels(session, self.target[1], {*ids, self.value}, self.labels)

    def effect(self, rows: Select, json: JsonFunctions) -> Effect:
        linked = None
        if self.target is not None:
            of_rows = select(self.attribute).where(json.is_one_of(self.model.id))
            linked = ids_for_labels(self.target[1], of_rows)
        return Effect(
            lambda: {self.column: (self._logged(json, self.attribute), self._logged_new(json))},
            {self.column: self.value},
            linked,
        )

    def undo_effect(
        self, rows: Select, json: JsonFunctions, before: BeforeValue, items: Any
    ) -> Effect:
        old = before(self.attribute.type)
        return Effect(
            lambda: {self.column: (self._logged_new(json), self._logged(json, old))},
            {self.column: old},
            None
            if self.target is None
            else ids_for_labels(self.target[1], select(old).where(items)),
        )

    def _logged(self, json: JsonFunctions, value: Any) -> Any:
        """Return a value of the column as the log writes it: a link as its id and label."""
        if self.target is None:
            return json.logged(self.attribute.type, value)
        return json.lookup(self.labels, value)

    def _logged_new(self, json: JsonFunctions) -> Any:
        if self.target is None:
            return json.constant(to_json(self.value))
        new = None if self.value is None else self.labels.get(self.value, [self.value, ""])
        return json.constant(new)

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        if self.target is None:
            column = inspect(self.model).column_attrs[self.column].columns[0]
            kind = get_field_type(column)
            shown = [
                "" if value is None else kind.show(value)
                for value in (getattr(row, self.column), self.value)
            ]
            return column.info.get("label", self.column), shown[0], shown[1]
        relation = inspect(self.model).relationships[self.target[0]]
        new = None if self.value is None else session.get(self.target[1], self.value)
        old = getattr(row, relation.key)
        return relation.info.get("label", relation.key), str(old or ""), str(new or "")


class _Linking(Verb):
    """A change to the link between each row and one other row."""

    def __init__(self, model: Any, relation: str, target_id: int) -> None:
        super().__init__(model)
        self.relation, self.target_id = relation, target_id
        self.key, self.field = f"{self.name}.{relation}.{target_id}", relation
        relationship = inspect(model).relationships[relation]
        self.label = relationship.info.get("label", relation)
        self.target = relationship.mapper.class_
        self.table: Any = relationship.secondary
        self.row_column: Any = relationship.synchronize_pairs[0][1]
        self.target_column: Any = relationship.secondary_synchronize_pairs[0][1]
        self.labels: dict[int, list] = {}

    def to_json(self) -> dict[str, Any]:
        return {"verb": self.name, "relation": self.relation, "id": self.target_id}

    @classmethod
    def from_json(cls, model: Any, plan: dict[str, Any]) -> _Linking:
        return cls(model, plan["relation"], plan["id"])

    def has_link(self) -> ColumnElement[bool]:
        """Return the condition that a row has the link."""
        return exists().where(
            self.row_column == self.model.id, self.target_column == self.target_id
        )

    def new_values(self) -> dict[str, Any]:
        return {self.relation: None}

    def load_labels(self, session: Session, ids: Iterable[int | None]) -> bool:
        return load_labels(session, self.target, {*ids, self.target_id}, self.labels)

    def linking(self, rows: Select, json: JsonFunctions) -> Effect:
        """Return the effect of adding the link to all rows."""
        ids = rows.subquery()
        statement = insert(self.table).from_select(
            [self.row_column.name, self.target_column.name],
            select(ids.c[0], literal(self.target_id)),
        )
        return self._effect(rows, json, statement, is_added=True)

    def unlinking(self, rows: Select, json: JsonFunctions) -> Effect:
        """Return the effect of removing the link from all rows."""
        # As a sum the target matches no index: PostgreSQL, which does not know yet how many rows
        # were linked a moment ago, would look through all of them for each chunk.
        target = self.target_column + 0 if json.is_postgres else self.target_column
        statement = delete(self.table).where(
            target == self.target_id, json.is_one_of(self.row_column)
        )
        return self._effect(rows, json, statement, is_added=False)

    def _effect(
        self, rows: Select, json: JsonFunctions, statement: Executable, *, is_added: bool
    ) -> Effect:
        joins: list[tuple[Any, Any]] = []

        def log_changes() -> dict[str, tuple[Any, Any]]:
            without = self._other_links(rows, json, joins)
            lists = without, json.append(without, json.constant(self.labels[self.target_id]))
            return {self.relation: lists if is_added else lists[::-1]}

        of_rows = select(self.target_column).where(json.is_one_of(self.row_column))
        linked = ids_for_labels(self.target, of_rows)
        return Effect(log_changes, linked_ids=linked, side_statement=statement, log_joins=joins)

    def _other_links(
        self, rows: Select, json: JsonFunctions, joins: list[tuple[Any, Any]]
    ) -> ColumnElement:
        """Return all links of a row without the one concerned, as a list for the log."""
        labels = json.lookup(self.labels, self.target_column)
        others = select(json.array_agg(labels, self.target_column).label("links")).where(
            self.target_column != self.target_id
        )
        if json.is_postgres:
            # Aggregating all rows of a chunk at once takes half of the time.
            together = others.add_columns(self.row_column.label("row_id"))
            lists = (
                together.where(json.is_one_of(self.row_column))
                .group_by(self.row_column)
                .subquery()
            )
            joins[:] = [(lists, lists.c.row_id == self.model.id)]
            return func.coalesce(lists.c.links, json.constant([]))
        of_row = others.where(self.row_column == self.model.id)
        return func.coalesce(of_row.scalar_subquery(), json.constant([]))

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        # The row's other links do not change, so the preview leaves them out.
        label = str(session.get(self.target, self.target_id) or "")
        return (self.label, "", label) if isinstance(self, Link) else (self.label, label, "")


class Link(_Linking):
    """Link every row to one other row, such as a tag."""

    name = "link"

    def needs_change(self) -> ColumnElement[bool]:
        return ~self.has_link()

    def effect(self, rows: Select, json: JsonFunctions) -> Effect:
        return self.linking(rows, json)

    def undo_effect(
        self, rows: Select, json: JsonFunctions, before: BeforeValue, items: Any
    ) -> Effect:
        return self.unlinking(rows, json)


class Unlink(_Linking):
    """Remove the link to one other row."""

    name = "unlink"

    def needs_change(self) -> ColumnElement[bool]:
        return self.has_link()

    def can_restore(self, before: BeforeValue, is_available: Callable) -> Any:
        return exists().where(self.target.id == self.target_id, is_available(self.target))

    def effect(self, rows: Select, json: JsonFunctions) -> Effect:
        return self.unlinking(rows, json)

    def undo_effect(
        self, rows: Select, json: JsonFunctions, before: BeforeValue, items: Any
    ) -> Effect:
        return self.linking(rows, json)


class MoveToTrash(Verb):
    """Move every row to the trash."""

    name = "move_to_trash"
    key = "move_to_trash"
    field = "trashed_at"
    event, undo_event = "trashed", "restored"

    def __init__(self, model: Any, at: datetime, actor_id: int | None) -> None:
        super().__init__(model)
        # All rows get the same time: undoing restores a row only if it still has it.
        self.at, self.actor_id = at, actor_id

    def to_json(self) -> dict[str, Any]:
        return {"verb": self.name, "at": self.at.isoformat(), "actor_id": self.actor_id}

    @classmethod
    def from_json(cls, model: Any, plan: dict[str, Any]) -> MoveToTrash:
        return cls(model, datetime.fromisoformat(plan["at"]), plan["actor_id"])

    def needs_change(self) -> ColumnElement[bool]:
        return self.model.trashed_at.is_(None)

    def is_unchanged(self) -> ColumnElement[bool]:
        return self.model.trashed_at == self.at

    def new_values(self) -> dict[str, Any]:
        return {"trashed_at": literal(self.at, self.model.trashed_at.type)}

    def old_values(self, before: BeforeValue) -> dict[str, Any]:
        return {"trashed_at": null()}

    def effect(self, rows: Select, json: JsonFunctions) -> Effect:
        return Effect(
            lambda: {"trashed_at": (json.constant(None), json.constant(self.at.isoformat()))},
            {"trashed_at": self.at, "trashed_by_id": self.actor_id},
        )

    def undo_effect(
        self, rows: Select, json: JsonFunctions, before: BeforeValue, items: Any
    ) -> Effect:
        return Effect(
            lambda: {"trashed_at": (json.constant(self.at.isoformat()), json.constant(None))},
            {"trashed_at": None, "trashed_by_id": None},
        )

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        return "", "", ""


class Each(Verb):
    """Change rows one by one, for changes that only the session's listeners may check.

    ``where`` says which rows. ``change(row)`` changes one row and returns (before, old, new):
    what undoing needs, and what the log says. ``show(row)`` returns (label, old, new).
    """

    name = "each"
    key = "each"
    field = ""

    def __init__(
        self,
        model: Any,
        where: ColumnElement[bool] | None = None,
        change: Callable[[Any], tuple[Any, str, str]] | None = None,
        show: Callable[[Any], tuple[Any, str, str]] | None = None,
    ) -> None:
        super().__init__(model)
        self.where, self.change, self.show = where, change, show

    def to_json(self) -> dict[str, Any]:
        return {"verb": self.name}

    @classmethod
    def from_json(cls, model: Any, plan: dict[str, Any]) -> Each:
        return cls(model)

    def with_plan(self, plan: dict[str, Any]) -> Each:
        return self

    def needs_change(self) -> ColumnElement[bool]:
        assert self.where is not None
        return self.where

    def is_unchanged(self) -> ColumnElement[bool]:
        return true()

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        assert self.show is not None
        return self.show(row)
