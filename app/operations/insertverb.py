"""The verb that inserts a row of another model for each row, such as a payment or a task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    Select,
    and_,
    exists,
    insert,
    inspect,
    literal,
    null,
    select,
    true,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.orm.exc import StaleDataError

from app.crud.holders import links_to
from app.crud.screens import find_screen
from app.log.models import is_logged
from app.log.services import column_to_json, record_many
from app.log.values import logged_columns
from app.numbers.models import Numbered
from app.operations.models import OperationItem as Item
from app.operations.sql import JsonFunctions
from app.operations.verbbase import BeforeValue, Effect, Verb
from app.search.models import Searchable
from app.search.services import index_rows
from app.security.actor import Actor
from app.security.scope import not_trashed
from app.states.locks import locks_of
from app.states.rules import broken_by
from app.subjects import model_named
from app.trash.models import Trashable
from app.trash.services import purge_rows
from app.types import now

TRASH_OPTIONS = {"synchronize_session": False, "with_trash": True}


class Insert(Verb):
    """Insert a row of another model for each row, in one INSERT … SELECT for each chunk.

    ``values`` holds constants, and expressions over the rows, by attribute of the inserted model;
    one of them is the id of the row. Rows that meet ``unless`` have it already. Undoing moves the
    inserted rows to the trash, or deletes them if they have none, unless they were changed or
    are locked or in use by then.
    """

    name = "insert"
    has_side_effects = True
    changes_row = False

    def __init__(
        self,
        model: Any,
        target: Any,
        values: dict[str, Any],
        unless: ColumnElement[bool] | None = None,
        shown: str = "",
    ) -> None:
        super().__init__(model)
        self.target, self.values, self.unless, self.shown = target, values, unless, shown
        self.key = self.field = f"insert.{target.__tablename__}"

    def check(self) -> None:
        """Raise ValueError if rows cannot be inserted together, or could not be found again."""
        columns = inspect(self.target).column_attrs
        if unknown := sorted(self.values.keys() - set(columns.keys())):
            raise ValueError(f"{self.target.__name__} has no columns {', '.join(unknown)}.")
        if issubclass(self.target, Numbered) and self.target.is_numbered_when_created:
            raise ValueError("Numbers are given one by one: use each().")
        if self.target.__table__ is self.model.__table__:
            raise ValueError("Rows of the same model are inserted one by one: use each().")
        assert self.link

    @cached_property
    def link(self) -> str:
        """Return the attribute of the inserted rows that holds the id of the row of each."""
        for name, value in self.values.items():
            owner: Any = getattr(value, "class_", object)
            if getattr(value, "key", "") == "id" and issubclass(self.model, owner):
                return name
        raise ValueError(f"No value of {self.target.__name__} is the id of {self.model.__name__}.")

    def to_json(self) -> dict[str, Any]:
        return {"verb": self.name, "table": self.target.__tablename__}

    @classmethod
    def from_json(cls, model: Any, plan: dict[str, Any]) -> Insert:
        return cls(model, model_named(plan["table"]), {})

    def with_plan(self, plan: dict[str, Any]) -> Insert:
        return self

    def needs_change(self) -> ColumnElement[bool]:
        return true() if self.unless is None else ~self.unless

    def is_unchanged(self) -> ColumnElement[bool]:
        return true()

    def old_values(self, before: BeforeValue) -> dict[str, Any]:
        return {}

    def refusals(self, actor: Actor) -> Iterator[tuple[ColumnElement[bool], str]]:
        row = {name: self.values.get(name, default) for name, default in self._defaults().items()}
        yield from broken_by(self.target, row, actor)

    def _defaults(self) -> dict[str, Any]:
        """Return what the columns of an inserted row hold by default, as SQL expressions."""
        found: dict[str, Any] = {}
        for attribute in inspect(self.target).column_attrs:
            column = attribute.columns[0]
            is_constant = column.default is not None and column.default.is_scalar
            value = column.default.arg if is_constant else None
            found[attribute.key] = null() if value is None else literal(value, column.type)
        return found

    def kept_reasons(
        self, before: BeforeValue, actor: Actor
    ) -> Iterator[tuple[ColumnElement[bool], str]]:
        target, number = self.target, before(Integer())
        is_it = (target.id == number, not_trashed(target))
        yield ~exists().where(*is_it, target.version == 1), "since"
        for lock in locks_of(target, actor):
            yield exists().where(target.id == number, lock.condition), lock.code
        if not issubclass(target, Trashable):
            for link in links_to(target):
                yield exists().where(link.column == number), "used"

    def effect(self, rows: Select, json: JsonFunctions) -> Effect:
        return Effect(dict)

    def undo_effect(
        self, rows: Select, json: JsonFunctions, before: BeforeValue, items: Any
    ) -> Effect:
        return Effect(dict)

    def changed(self, session: Session, ids: list[int], actor: Actor) -> None:
        """Insert the rows, and note the id of each in the item of its row."""
        json = self._json(session)
        chunk = {"chunk_rows": json.id_list(ids)}
        inserted = session.execute(self._insert, chunk).scalars().all()
        target, link = self.target, getattr(self.target, self.link)
        before: Any = Item.before
        kept = json.object(**{self.key: json.array(target.id)})
        session.execute(
            update(Item)
            .where(
                Item.operation_id == actor.operation_id,
                Item.row_id == link,
                json.is_one_of(target.id, "inserted"),
            )
            .values(before=json.merge([before, kept])),
            {"inserted": json.id_list(list(inserted))},
            execution_options=TRASH_OPTIONS,
        )
        rows = self._rows(session, json, inserted)
        if is_logged(target):
            # What they link to is read at once, for the labels in the log.
            sources = select(self.model).where(json.is_one_of(self.model.id, "chunk_rows"))
            sources = sources.execution_options(with_trash=True)
            loaded = session.scalars(sources, chunk).unique().all()
            entries = [_entry(row, _initial_changes(session, row)) for row in rows]
            record_many(session, "created", target.__tablename__, entries, actor)
            del loaded
        if issubclass(target, Searchable):
            index_rows(session, rows)

    def _json(self, session: Session) -> JsonFunctions:
        self.json = JsonFunctions(session)
        return self.json

    @cached_property
    def _insert(self) -> Executable:
        """Build the statement once for all chunks."""
        target = self.target
        columns = inspect(target).column_attrs
        table_columns = [columns[name].columns[0] for name in self.values]
        values = [
            value if isinstance(value, ColumnElement | InstrumentedAttribute)
            else literal(value, column.type)
            for value, column in zip(self.values.values(), table_columns, strict=True)
        ]  # fmt: skip
        rows = select(*values).where(self.json.is_one_of(self.model.id, "chunk_rows"))
        table = target.__table__
        names = [column.name for column in table_columns]
        return insert(table).from_select(names, rows.order_by(self.model.id)).returning(table.c.id)

    def _rows(self, session: Session, json: JsonFunctions, ids: Sequence[int]) -> list[Any]:
        query = select(self.target).where(json.is_one_of(self.target.id, "inserted"))
        query = query.order_by(self.target.id)
        query = query.execution_options(with_trash=True, populate_existing=True)
        return list(session.scalars(query, {"inserted": json.id_list(list(ids))}).unique())

    def undone(self, session: Session, ids: list[int], actor: Actor) -> None:
        """Move the inserted rows to the trash, or delete them, and log it."""
        json = self._json(session)
        number = json.value(Item.before, self.key, 0, Integer())
        of_rows = and_(
            Item.operation_id == actor.operation_id, json.is_one_of(Item.row_id, "chunk_rows")
        )
        inserted = session.scalars(
            select(number).where(of_rows), {"chunk_rows": json.id_list(ids)}
        ).all()
        target: Any = self.target
        # Whoever changes one meanwhile lets the chunk begin again, which then keeps that row.
        if not issubclass(target, Trashable):
            chosen = select(target).where(target.id.in_(inserted), target.version == 1)
            if purge_rows(session, target, chosen, actor) != len(inserted):
                raise StaleDataError
            return
        moment = now()
        result = session.execute(
            update(target)
            .where(
                json.is_one_of(target.id, "inserted"),
                target.trashed_at.is_(None),
                target.version == 1,
            )
            .values(
                trashed_at=moment, trashed_by_id=actor.id, version=target.version + 1,
                updated_at=moment,
            ),
            {"inserted": json.id_list(list(inserted))},
            execution_options=TRASH_OPTIONS,
        )  # fmt: skip
        if result.rowcount != len(inserted):  # type: ignore[attr-defined]
            raise StaleDataError
        if is_logged(target):
            changes = {"trashed_at": [None, moment.isoformat()]}
            entries = [_entry(row, changes) for row in self._rows(session, json, inserted)]
            record_many(session, "trashed", target.__tablename__, entries, actor)

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        screen = find_screen(self.target)
        return screen.singular if screen else self.target.__name__, "", self.shown or "+"


def _entry(row: Any, changes: dict[str, list]) -> dict[str, Any]:
    return {
        "subject_id": row.id,
        "subject_name": str(row),
        "version": row.version,
        "changes": changes,
    }


def _initial_changes(session: Session, row: Any) -> dict[str, list]:
    """Return every filled-in field of a new row as [None, value]."""
    model: Any = type(row)
    return {
        name: [None, column_to_json(session, row, name, value)]
        for name in logged_columns(model)
        if (value := getattr(row, name)) not in (None, "")
    }
