"""What a collective action can do to a row; each verb knows how to tell of it and to undo it.

A verb speaks of all rows at once, in expressions over the model: which rows it changes, what they
hold before, and the statement that changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

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
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from app.fieldtypes import kind_of
from app.log.values import foreign_keys, link, plain
from app.operations.sql import Json


class Verb:
    """One thing done to every row of a batch. ``key`` names it among the verbs of a plan."""

    name: ClassVar[str]
    key: str
    # What it changes, as the log calls it; no two verbs of a batch change the same.
    field: str
    # What the log says happened, and what it says when that is undone.
    event: ClassVar[str] = "changed"
    event_back: ClassVar[str] = "changed"

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def is_searched(self) -> bool:
        """Say whether rows may be found by other words afterwards."""
        return False

    def plan(self) -> dict[str, Any]:
        """Return the verb as JSON can hold it."""
        raise NotImplementedError

    def changes(self) -> ColumnElement[bool]:
        """Return the condition under which a row is changed; the others have it already."""
        raise NotImplementedError

    def before(self) -> Any:
        """Return the expression kept for undoing."""
        return literal(1)

    def still(self) -> ColumnElement[bool]:
        """Return the condition that a row is as this verb left it."""
        return ~self.changes()

    def restorable(self, before: Callable[[Any], ColumnElement], there: Callable) -> Any:
        """Return the condition that what a row had before is still there to be had.

        ``there(model)`` is met by the rows of a model that count as such.
        """
        return true()

    def met(self, rows: Select) -> Select | None:
        """Return the query for the links of rows whose names the log needs."""
        return None

    def met_back(self, rows: Select, before: Callable[[Any], ColumnElement], items: Any) -> Any:
        """Return that query for when this is undone; ``items`` is the condition on their items."""
        return self.met(rows)

    def learn(self, session: Session, ids: Iterable[int | None]) -> bool:
        """Read what is not known yet of the names of links; say whether there was anything."""
        return False

    def told(self, json: Json) -> dict[str, tuple[Any, Any]]:
        """Return what the log tells of a row: by field, the old and the new value."""
        return {}

    def told_back(self, json: Json, before: Callable[[Any], ColumnElement]) -> dict:
        """Return what the log tells of a row when this is undone."""
        return {field: (new, old) for field, (old, new) in self.told(json).items()}

    def values(self) -> dict[str, Any]:
        """Return the columns that one UPDATE of all rows sets."""
        return {}

    def values_back(self, before: Callable[[Any], ColumnElement]) -> dict[str, Any]:
        """Return the columns that one UPDATE sets when this is undone."""
        return {}

    def writes(self, rows: Select) -> Executable | None:
        """Return the statement that changes what is not a column of the rows themselves."""
        return None

    def writes_back(self, rows: Select) -> Executable | None:
        """Return the statement that undoes that."""
        return None

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        """Return (label, old, new) of one row, for people."""
        raise NotImplementedError


class Set(Verb):
    """Give a column one value."""

    name = "set"

    def __init__(self, model: Any, column: str, value: Any) -> None:
        super().__init__(model)
        self.column, self.value = column, value
        self.key, self.field = f"set.{column}", column
        self.attribute = getattr(model, column)
        self.target = foreign_keys(model).get(column)
        self.names: dict[int, list] = {}

    @property
    def is_searched(self) -> bool:
        return self.target is None or self.target[0] == getattr(self.model, "search_linked", None)

    def plan(self) -> dict[str, Any]:
        return {"verb": self.name, "column": self.column, "value": plain(self.value)}

    def changes(self) -> ColumnElement[bool]:
        return self.attribute.is_distinct_from(self.value)

    def before(self) -> Any:
        return self.attribute

    def restorable(self, before: Callable[[Any], ColumnElement], there: Callable) -> Any:
        if self.target is None:
            return true()
        model: Any = self.target[1]
        old = before(self.attribute.type)
        return or_(old.is_(None), exists().where(model.id == old, there(model)))

    def met(self, rows: Select) -> Select | None:
        if self.target is None:
            return None
        found = select(self.attribute).where(self.model.id.in_(rows)).distinct()
        return found.execution_options(with_trash=True)

    def met_back(self, rows: Select, before: Callable[[Any], ColumnElement], items: Any) -> Any:
        if self.target is None:
            return None
        return select(before(self.attribute.type)).where(items).distinct()

    def learn(self, session: Session, ids: Iterable[int | None]) -> bool:
        if self.target is None:
            return False
        return learn_names(session, self.target[1], {*ids, self.value}, self.names)

    def told(self, json: Json) -> dict[str, tuple[Any, Any]]:
        if self.target is None:
            return {self.column: (self.attribute, json.constant(plain(self.value)))}
        new = None if self.value is None else self.names.get(self.value, [self.value, ""])
        return {self.column: (json.named(self.names, self.attribute), json.constant(new))}

    def told_back(self, json: Json, before: Callable[[Any], ColumnElement]) -> dict:
        old = before(self.attribute.type)
        shown = old if self.target is None else json.named(self.names, old)
        return {self.column: (self.told(json)[self.column][1], shown)}

    def values(self) -> dict[str, Any]:
        return {self.column: self.value}

    def values_back(self, before: Callable[[Any], ColumnElement]) -> dict[str, Any]:
        return {self.column: before(self.attribute.type)}

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        if self.target is None:
            column = inspect(self.model).column_attrs[self.column].columns[0]
            kind = kind_of(column)
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
    """Something done to a link between the row and one other."""

    def __init__(self, model: Any, relation: str, target_id: int) -> None:
        super().__init__(model)
        self.relation, self.target_id = relation, target_id
        self.key, self.field = f"{self.name}.{relation}.{target_id}", relation
        found = inspect(model).relationships[relation]
        self.label = found.info.get("label", relation)
        self.target = found.mapper.class_
        self.table: Any = found.secondary
        self.near: Any = found.synchronize_pairs[0][1]
        self.far: Any = found.secondary_synchronize_pairs[0][1]
        self.names: dict[int, list] = {}

    def plan(self) -> dict[str, Any]:
        return {"verb": self.name, "relation": self.relation, "id": self.target_id}

    def linked(self) -> ColumnElement[bool]:
        """Return the condition that a row has the link."""
        return exists().where(self.near == self.model.id, self.far == self.target_id)

    def met(self, rows: Select) -> Select | None:
        return select(self.far).where(self.near.in_(rows)).distinct()

    def learn(self, session: Session, ids: Iterable[int | None]) -> bool:
        return learn_names(session, self.target, {*ids, self.target_id}, self.names)

    def lists(self, json: Json) -> tuple[Any, Any]:
        """Return all links of a row without the one concerned, and with it at the end."""
        others = select(json.gathered(json.named(self.names, self.far), self.far)).where(
            self.near == self.model.id, self.far != self.target_id
        )
        without = func.coalesce(others.scalar_subquery(), json.constant([]))
        return without, json.appended(without, json.constant(self.names[self.target_id]))

    def add(self, rows: Select) -> Executable:
        """Return the statement that writes the link for all rows."""
        ids = rows.subquery()
        return insert(self.table).from_select(
            [self.near.name, self.far.name], select(ids.c[0], literal(self.target_id))
        )

    def take(self, rows: Select) -> Executable:
        """Return the statement that deletes the link of all rows."""
        return delete(self.table).where(self.far == self.target_id, self.near.in_(rows))

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        # The row's other links stay as they are: of them there is nothing to say.
        mine = str(session.get(self.target, self.target_id) or "")
        return (self.label, "", mine) if isinstance(self, Link) else (self.label, mine, "")


class Link(_Linking):
    """Link every row to one other: a tag."""

    name = "link"

    def changes(self) -> ColumnElement[bool]:
        return ~self.linked()

    def told(self, json: Json) -> dict[str, tuple[Any, Any]]:
        without, with_it = self.lists(json)
        return {self.relation: (without, with_it)}

    def writes(self, rows: Select) -> Executable | None:
        return self.add(rows)

    def writes_back(self, rows: Select) -> Executable | None:
        return self.take(rows)


class Unlink(_Linking):
    """Take the link to one other row away."""

    name = "unlink"

    def changes(self) -> ColumnElement[bool]:
        return self.linked()

    def restorable(self, before: Callable[[Any], ColumnElement], there: Callable) -> Any:
        return exists().where(self.target.id == self.target_id, there(self.target))

    def told(self, json: Json) -> dict[str, tuple[Any, Any]]:
        without, with_it = self.lists(json)
        return {self.relation: (with_it, without)}

    def writes(self, rows: Select) -> Executable | None:
        return self.take(rows)

    def writes_back(self, rows: Select) -> Executable | None:
        return self.add(rows)


class PutAway(Verb):
    """Move every row to the trash."""

    name = "put_away"
    key = "put_away"
    field = "trashed_at"
    event, event_back = "trashed", "restored"

    def __init__(self, model: Any, at: datetime, actor_id: int | None) -> None:
        super().__init__(model)
        # One moment for all, by which they are known when it is undone.
        self.at, self.actor_id = at, actor_id

    def plan(self) -> dict[str, Any]:
        return {"verb": self.name, "at": self.at.isoformat(), "actor_id": self.actor_id}

    def changes(self) -> ColumnElement[bool]:
        return self.model.trashed_at.is_(None)

    def still(self) -> ColumnElement[bool]:
        return self.model.trashed_at == self.at

    def told(self, json: Json) -> dict[str, tuple[Any, Any]]:
        return {"trashed_at": (json.constant(None), json.constant(self.at.isoformat()))}

    def values(self) -> dict[str, Any]:
        return {"trashed_at": self.at, "trashed_by_id": self.actor_id}

    def values_back(self, before: Callable[[Any], ColumnElement]) -> dict[str, Any]:
        return {"trashed_at": None, "trashed_by_id": None}

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        return "", "", ""


class Each(Verb):
    """Change rows one by one, for what only the rules of the session may do.

    ``changes`` says which rows; ``do(row)`` changes one of them and returns what is needed for
    undoing it, and what the log and the preview say: (before, old, new).
    """

    name = "each"
    key = "each"
    field = ""

    def __init__(
        self,
        model: Any,
        where: ColumnElement[bool] | None = None,
        do: Callable[[Any], tuple[Any, str, str]] | None = None,
        show: Callable[[Any], tuple[Any, str, str]] | None = None,
    ) -> None:
        super().__init__(model)
        self.where, self.do, self.show = where, do, show

    def plan(self) -> dict[str, Any]:
        return {"verb": self.name}

    def changes(self) -> ColumnElement[bool]:
        assert self.where is not None
        return self.where

    def still(self) -> ColumnElement[bool]:
        return true()

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        assert self.show is not None
        return self.show(row)


def learn_names(
    session: Session, model: Any, ids: Iterable[int | None], names: dict[int, list]
) -> bool:
    """Read what linked rows are called, as the log writes them; say whether any was unknown.

    One that is gone has no name.
    """
    missing = sorted({number for number in ids if number is not None} - set(names))
    if not missing:
        return False
    query = select(model).where(model.id.in_(missing)).execution_options(with_trash=True)
    for row in session.scalars(query).unique():
        names[row.id] = link(row) or [row.id, ""]
    for number in missing:
        names.setdefault(number, [number, ""])
    return True


def verb_of(model: Any, plan: dict[str, Any]) -> Verb:
    """Return the verb that ``Verb.plan`` wrote down."""
    if plan["verb"] == Set.name:
        column = inspect(model).column_attrs[plan["column"]].columns[0]
        value = plan["value"]
        kind = column.type.python_type
        if value is not None and kind in (date, datetime, Decimal):
            value = Decimal(value) if kind is Decimal else kind.fromisoformat(value)
        return Set(model, plan["column"], value)
    if plan["verb"] in (Link.name, Unlink.name):
        made = Link if plan["verb"] == Link.name else Unlink
        return made(model, plan["relation"], plan["id"])
    if plan["verb"] == PutAway.name:
        return PutAway(model, datetime.fromisoformat(plan["at"]), plan["actor_id"])
    return Each(model)
