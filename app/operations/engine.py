"""Freeze a selection and work through it chunk by chunk, in a few statements each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from app.crud.columns import name_parts
from app.errors import DomainError
from app.jobs.kinds import Step
from app.log.models import LogEntry
from app.log.services import record_many
from app.operations.models import Operation
from app.operations.models import OperationItem as Item
from app.operations.sql import Json
from app.operations.verbs import Verb
from app.search.models import Searchable
from app.search.services import index
from app.security.actor import Actor
from app.security.scope import alive
from app.types import now

UNSYNCHRONISED = {"synchronize_session": False}
OPTIONS = UNSYNCHRONISED | {"with_trash": True}
# What is filled in for each chunk; no column is called like that.
FIRST, LAST = bindparam("chunk_first", type_=Integer), bindparam("chunk_last", type_=Integer)
MOMENT = bindparam("moment", type_=LogEntry.at.type)


def freeze(session: Session, operation: Operation, model: Any, rows: Select) -> int:
    """Write down which rows an operation is for, in one statement; return how many."""
    chosen = rows.where(alive(model)).with_only_columns(literal(operation.id), model.id)
    statement = insert(Item).from_select(["operation_id", "row_id"], chosen)
    done = session.execute(statement, execution_options={"preserve_rowcount": True})
    return done.rowcount  # type: ignore[attr-defined]


class Chunks:
    """Works through the items of one operation, in the name of ``actor``.

    Statements are made once and filled in for each chunk: on SQLite a chunk is small, and to
    make them takes longer than to have them done, while nobody else can write.
    """

    # What an item is called once it is dealt with, and what is written of one whose row is gone.
    done: ClassVar[str]
    gone: ClassVar[dict[str, str]]
    # Which items it is for; the others are passed over.
    wanted: ClassVar[ColumnElement[bool]] = true()

    def __init__(
        self, session: Session, operation: Operation, model: Any, verbs: list[Verb], actor: Actor
    ) -> None:
        self.session, self.model, self.verbs, self.actor = session, model, verbs, actor
        self.operation_id, self.action = operation.id, operation.action
        self.json = Json(session)
        # Which column of an item is written.
        self.outcome = next(iter(self.gone))
        # The rows of the chunk that a statement is about.
        self.rows = self.json.ids("chunk_rows")
        self.chunk = and_(
            Item.operation_id == self.operation_id, Item.row_id.between(FIRST, LAST), self.wanted
        )
        self.chosen = and_(self.chunk, getattr(Item, self.outcome) == self.done)

    def verdict(self) -> dict[str, ColumnElement]:
        """Return what is written of an item: what became of it, why, and more."""
        raise NotImplementedError

    def meets(self, verb: Verb) -> Select | None:
        """Return the query for the links whose names a verb needs."""
        raise NotImplementedError

    def event(self) -> str:
        """Return what the log says happened."""
        raise NotImplementedError

    def tells(self, verb: Verb) -> dict[str, tuple[Any, Any]]:
        """Return what the log tells of what a verb does to a row."""
        raise NotImplementedError

    def does(self, verb: Verb, value: ColumnElement, otherwise: ColumnElement) -> ColumnElement:
        """Return a value for the rows that a verb changes, and another one for the others."""
        raise NotImplementedError

    def writes(self, verb: Verb) -> Executable | None:
        """Return the statement with which a verb changes other tables."""
        raise NotImplementedError

    def changes(self) -> Executable:
        """Return the statement that changes the rows themselves."""
        raise NotImplementedError

    def one_by_one(self, told: dict[int, str]) -> None:
        """Change the rows through the session, and note in ``told`` what became of them."""
        raise NotImplementedError

    @property
    def is_one_by_one(self) -> bool:
        """Say whether rows are changed one at a time."""
        return any(verb.name == "each" for verb in self.verbs)

    def step(self, after: int, size: int) -> Step:
        """Do the next chunk: judge, log, change; nothing is committed here."""
        ids = list(self._do(self._next, chunk_after=after, chunk_size=size).scalars())
        if not ids:
            return Step(after, 0, is_last=True)
        if self.json.is_postgres:
            self._do(self._lock, chunk_rows=ids).all()
        told = self._judge(ids)
        if self.is_one_by_one:
            self.one_by_one(told)
        elif chosen := self.those(told):
            self._together(ids, chosen)
        self._count(told)
        return Step(ids[-1], len(ids), is_last=len(ids) < size)

    def _do(self, statement: Executable, **parameters: Any) -> Any:
        return self.session.execute(statement, parameters, execution_options=OPTIONS)

    @cached_property
    def _next(self) -> Executable:
        items = select(Item.row_id).where(
            Item.operation_id == self.operation_id,
            Item.row_id > bindparam("chunk_after", type_=Integer),
            self.wanted,
        )
        return items.order_by(Item.row_id).limit(bindparam("chunk_size", type_=Integer))

    @cached_property
    def _lock(self) -> Executable:
        """Keep others from changing the rows until the commit; on SQLite nobody else writes."""
        rows = select(self.model.id).where(self.model.id.in_(self.rows))
        return rows.order_by(self.model.id).with_for_update(key_share=True)

    def _judge(self, ids: list[int]) -> dict[int, str]:
        """Write what becomes of every item of a chunk, and return it."""
        judged = self._do(self._judging, chunk_first=ids[0], chunk_last=ids[-1])
        told: dict[int, str] = {number: what for number, what in judged}  # noqa: C416
        missing = [number for number in ids if number not in told]
        if missing:
            mine = Item.operation_id == self.operation_id
            lost = update(Item).where(mine, Item.row_id.in_(self.rows)).values(self.gone)
            self._do(lost, chunk_rows=self.json.numbers(missing))
            told |= dict.fromkeys(missing, self.gone[self.outcome])
        return told

    @cached_property
    def _judging(self) -> Executable:
        return (
            update(Item)
            .where(self.chunk, Item.row_id == self.model.id)
            .values(self.verdict())
            .returning(Item.row_id, getattr(Item, self.outcome))
        )

    def those(self, told: dict[int, str]) -> list[int]:
        """Return the rows of a chunk that are to be changed."""
        return [number for number, what in told.items() if what == self.done]

    def _together(self, ids: list[int], chosen: list[int]) -> None:
        """Change the chosen rows of a chunk and tell of it."""
        rows = self.json.numbers(chosen)
        chunk = {"chunk_first": ids[0], "chunk_last": ids[-1], "chunk_rows": rows}
        for verb, met in self._meetings:
            links = () if met is None else self._do(met, **chunk).scalars()
            if verb.learn(self.session, links):
                # The names are part of the statement.
                self.__dict__.pop("_telling", None)
        moment = now()
        self._do(self._telling, **chunk, moment=moment)
        for verb, statement in self._writings:
            if statement is not None:
                self._do(statement, chunk_rows=self._of_verb(verb, chunk))
        self._do(self._changing, **chunk, moment=moment)
        self._index(rows)

    def _of_verb(self, verb: Verb, chunk: dict[str, Any]) -> Any:
        """Return the rows that one verb changed."""
        if len(self.verbs) == 1:
            return chunk["chunk_rows"]
        mine = select(Item.row_id).where(self.chosen, self.json.has(Item.before, verb.key))
        return self.json.numbers(list(self._do(mine, **chunk).scalars()))

    @cached_property
    def _meetings(self) -> list[tuple[Verb, Select | None]]:
        return [(verb, self.meets(verb)) for verb in self.verbs]

    @cached_property
    def _writings(self) -> list[tuple[Verb, Executable | None]]:
        return [(verb, self.writes(verb)) for verb in self.verbs]

    @cached_property
    def _changing(self) -> Executable:
        return self.changes()

    @cached_property
    def _telling(self) -> Executable:
        """Write an entry for each chosen row."""
        model, actor, json = self.model, self.actor, self.json
        told = []
        for verb in self.verbs:
            pairs = {field: json.array(*pair) for field, pair in self.tells(verb).items()}
            told.append(self.does(verb, json.object(**pairs), json.object()))
        entries = (
            select(
                MOMENT,
                literal(actor.id),
                literal(actor.name),
                literal(actor.channel),
                literal(self.event()),
                literal(model.__tablename__),
                model.id,
                func.substr(name_in_sql(model), 1, 200),
                model.version + 1,
                json.merged(told),
                literal(self.operation_id),
            )
            .join(Item, Item.row_id == model.id)
            .where(self.chosen)
        )
        columns = (
            "at", "actor_id", "actor_name", "channel", "event", "subject_type", "subject_id",
            "subject_name", "version", "changes", "operation_id",
        )  # fmt: skip
        return insert(LogEntry.__table__).from_select(columns, entries)

    def each(
        self,
        told: dict[int, str],
        change: Callable[[Any, Any], tuple[str, str]],
        refuse: Callable[[int, str], None],
    ) -> None:
        """Change rows through the session, whose rules may refuse one and let the next pass.

        ``change`` gets a row and what its item keeps, and returns (old, new) for the log.
        """
        model, session, entries = self.model, self.session, []
        found = select(model, Item.before).join(Item, Item.row_id == model.id)
        found = found.where(Item.operation_id == self.operation_id, model.id.in_(self.rows))
        chosen = self.json.numbers(self.those(told))
        for row, before in session.execute(found.order_by(model.id), {"chunk_rows": chosen}):
            number, name, version = row.id, str(row), row.version
            try:
                with session.begin_nested():
                    old, new = change(row, before)
                    session.flush()
            except DomainError as error:
                refuse(number, str(error)[:200])
                continue
            # Of what is changed on the row itself the session has told.
            if row.version == version:
                entries.append(
                    {"subject_id": number, "subject_name": name, "version": version,
                     "changes": {self.action: [old, new]}}
                )  # fmt: skip
        record_many(session, "changed", model.__tablename__, entries, self.actor)

    def mark(self, number: int, **values: Any) -> None:
        """Write what became of one item."""
        mine = and_(Item.operation_id == self.operation_id, Item.row_id == number)
        self._do(update(Item).where(mine).values(values))

    def _index(self, rows: Any) -> None:
        """Write the text that the search finds rows by again, where a verb changed it."""
        if issubclass(self.model, Searchable) and any(verb.is_searched for verb in self.verbs):
            query = select(self.model).where(self.model.id.in_(self.rows))
            query = query.execution_options(populate_existing=True)
            index(self.session, self._do(query, chunk_rows=rows).scalars().unique())

    def _count(self, told: dict[int, str]) -> None:
        """Add what became of a chunk to the operation's figures."""
        raised = {name: getattr(Operation, name) + n for name, n in Counter(told.values()).items()}
        self._do(update(Operation).where(Operation.id == self.operation_id).values(raised))


def main_verb(verbs: list[Verb]) -> Verb:
    """Return the verb that says what happened: moving to the trash, whatever changes besides."""
    return next((verb for verb in verbs if verb.event != "changed"), verbs[-1])


def name_in_sql(model: Any) -> ColumnElement[str]:
    """Return what rows are called, as ``str`` of them says it."""
    parts = [func.coalesce(getattr(model, part), "") for part in name_parts(model)]
    whole: ColumnElement = parts[0]
    for part in parts[1:]:
        whole = whole + " " + part
    return func.trim(whole)
