"""Process the rows of an operation chunk by chunk, in a few statements each."""

from __future__ import annotations

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
    update,
)
from sqlalchemy.orm import Session

from app.crud.columns import name_parts
from app.errors import DomainError
from app.jobs.kinds import Step
from app.log.models import LogEntry
from app.log.reactions import notify
from app.log.services import record_many
from app.operations.models import Operation
from app.operations.models import OperationItem as Item
from app.operations.sql import CHUNK_ROWS, JsonFunctions
from app.operations.verbbase import Effect, Verb
from app.search.models import Searchable
from app.search.services import index_rows
from app.security.actor import Actor
from app.types import now

UNSYNCHRONISED = {"synchronize_session": False}
OPTIONS = UNSYNCHRONISED | {"with_trash": True}
# Parameters that each chunk fills in; no column has such a name.
FIRST, LAST = bindparam("chunk_first", type_=Integer), bindparam("chunk_last", type_=Integer)
NOW = bindparam("moment", type_=LogEntry.at.type)


class ChunkedRun:
    """Process the rows of one operation in chunks, on behalf of ``actor``.

    Statements are built once and executed for each chunk with other parameters: on SQLite chunks
    are small, and building takes longer than executing, while nobody else can write.
    """

    # The outcome of an item whose row was changed, and the values of one whose row is gone.
    done: ClassVar[str]
    gone: ClassVar[dict[str, str]]

    def __init__(
        self, session: Session, operation: Operation, model: Any, verbs: list[Verb], actor: Actor
    ) -> None:
        self.session, self.model, self.verbs, self.actor = session, model, verbs, actor
        self.operation_id, self.action = operation.id, operation.action
        self.json = JsonFunctions(session)
        # The statements that add to the counts, by the outcomes they count.
        self._count_updates: dict[tuple[str, ...], Executable] = {}
        # The column of an item that holds the outcome.
        self.outcome = next(iter(self.gone))
        # Selects the ids of the rows that a statement is for.
        self.rows = self.json.ids(CHUNK_ROWS)
        self.chunk = and_(Item.operation_id == self.operation_id, Item.row_id.between(FIRST, LAST))
        self.chosen = and_(self.chunk, getattr(Item, self.outcome) == self.done)

    def next_ids(self, after: int, size: int) -> list[int]:
        """Return the ids of the next rows, at most ``size``; fewer at the end."""
        raise NotImplementedError

    def item_values(self) -> dict[str, ColumnElement]:
        """Return the columns of an item: the outcome, the reason and what undoing needs."""
        raise NotImplementedError

    def outcome_statement(self) -> Any:
        """Return the INSERT or UPDATE that writes the outcomes of a chunk into its items."""
        raise NotImplementedError

    def write_gone(self, ids: list[int]) -> None:
        """Write the outcome of rows that no longer exist into their items."""
        raise NotImplementedError

    def logged_rows(self, entries: Select) -> Select:
        """Limit a query over the rows to those changed in a chunk."""
        raise NotImplementedError

    def event(self) -> str:
        """Return the event that the log records."""
        raise NotImplementedError

    def effect(self, verb: Verb) -> Effect:
        """Return what is done for one verb."""
        raise NotImplementedError

    def when_changed(
        self, verb: Verb, value: ColumnElement, otherwise: ColumnElement
    ) -> ColumnElement:
        """Return one value for the rows that a verb changes, and another one for the others."""
        raise NotImplementedError

    def update_statement(self) -> Executable:
        """Return the statement that changes the rows themselves."""
        raise NotImplementedError

    def after_change(self, verb: Verb, ids: list[int]) -> None:
        """Do what else belongs to a verb, once its rows are changed."""

    def count_reasons(self, ids: list[int], outcomes: dict[str, list[int]]) -> None:
        """Count the rows of a chunk that are left out, by reason."""

    def change_one_by_one(self, outcomes: dict[str, list[int]]) -> None:
        """Change the rows through the session, and correct their outcomes where one is refused."""
        raise NotImplementedError

    @property
    def is_one_by_one(self) -> bool:
        """Return True if rows are changed one at a time."""
        return any(verb.name == "each" for verb in self.verbs)

    def step(self, after: int, size: int) -> Step:
        """Process the next chunk: lock, write outcomes, log, change. The caller commits."""
        ids = self.next_ids(after, size)
        if not ids:
            return Step(after, 0, is_last=True)
        if self.json.is_postgres:
            self._execute(self._row_lock, chunk_rows=self.json.id_list(ids))
        outcomes = self._write_outcomes(ids)
        if self.is_one_by_one:
            self.change_one_by_one(outcomes)
        elif changed := outcomes.get(self.done):
            self._change_together(ids, changed)
        self._add_counts(outcomes)
        self.count_reasons(ids, outcomes)
        return Step(ids[-1], len(ids), is_last=len(ids) < size)

    def _execute(self, statement: Executable, **parameters: Any) -> Any:
        return self.session.execute(statement, parameters, execution_options=OPTIONS)

    @cached_property
    def _row_lock(self) -> Executable:
        """Lock the rows until the commit; on SQLite the transaction is the only writer anyway."""
        rows = (
            select(self.model.id).where(self.json.is_one_of(self.model.id)).order_by(self.model.id)
        )
        # Nobody needs the ids, so that the server only counts them.
        return select(func.count()).select_from(rows.with_for_update(key_share=True).subquery())

    def _write_outcomes(self, ids: list[int]) -> dict[str, list[int]]:
        """Write the outcome of every row of a chunk; return the rows by outcome."""
        chunk = {
            "chunk_rows": self.json.id_list(ids),
            "chunk_first": ids[0],
            "chunk_last": ids[-1],
        }
        written = self._execute(self._outcomes, **chunk)
        outcomes: dict[str, list[int]] = {}
        if self.json.is_postgres:
            outcomes = {outcome: numbers for outcome, numbers in written}  # noqa: C416
        else:
            for outcome, number in written.all():
                outcomes.setdefault(outcome, []).append(number)
        if sum(map(len, outcomes.values())) < len(ids):
            missing = sorted(set(ids).difference(*outcomes.values()))
            self.write_gone(missing)
            outcomes.setdefault(self.gone[self.outcome], []).extend(missing)
        return outcomes

    @cached_property
    def _outcomes(self) -> Executable:
        """Write the outcomes, and return them with their rows: on PostgreSQL, as arrays."""
        items: Any = Item.__table__
        statement = self.outcome_statement().returning(items.c[self.outcome], items.c.row_id)
        if not self.json.is_postgres:
            return statement
        written = statement.cte("written")
        outcome, number = written.c
        return select(outcome, func.array_agg(number)).group_by(outcome)

    def _change_together(self, ids: list[int], changed: list[int]) -> None:
        """Log and change the rows of a chunk that are to be changed."""
        rows = self.json.id_list(changed)
        chunk = {"chunk_first": ids[0], "chunk_last": ids[-1], "chunk_rows": rows}
        for verb, effect in self._effects:
            query = effect.linked_ids
            linked = () if query is None else self._execute(query, **chunk).scalars()
            if verb.load_labels(self.session, linked):
                # The labels are part of the statement, which is built again with the new ones.
                self.__dict__.pop("_log_insert", None)
        if any(verb.changes_row for verb in self.verbs):
            self._write_rows(changed, chunk)
        for verb in self.verbs:
            if verb.has_side_effects:
                self.after_change(verb, self._ids_of_verb(verb, changed, chunk))

    def _write_rows(self, changed: list[int], chunk: dict[str, Any]) -> None:
        """Write the rows of a chunk and their entries in the log."""
        moment = now()
        self._execute(self._log_insert, **chunk, moment=moment)
        for verb, effect in self._effects:
            if effect.side_statement is not None:
                of_verb = self.json.id_list(self._ids_of_verb(verb, changed, chunk))
                self._execute(effect.side_statement, chunk_rows=of_verb)
        self._execute(self._row_update, **chunk, moment=moment)
        self._index(chunk["chunk_rows"])
        notify(self.session, self.model, self.event(), changed, self._fields, self.actor)

    def _ids_of_verb(self, verb: Verb, changed: list[int], chunk: dict[str, Any]) -> list[int]:
        """Return the rows that one verb changes, of those changed."""
        if len(self.verbs) == 1:
            return changed
        of_verb = self.json.has_key(Item.before, verb.key)
        items = select(Item.row_id).where(self.chosen, of_verb)
        return list(self._execute(items, **chunk).scalars())

    @cached_property
    def _effects(self) -> list[tuple[Verb, Effect]]:
        return [(verb, self.effect(verb)) for verb in self.verbs]

    @cached_property
    def _fields(self) -> set[str]:
        """Return the names of the fields that change."""
        return {name for _verb, effect in self._effects for name in effect.log_changes()}

    @cached_property
    def _row_update(self) -> Executable:
        return self.update_statement()

    @cached_property
    def _log_insert(self) -> Executable:
        """Insert a log entry for each changed row."""
        model, json = self.model, self.json
        author = self.actor.log_columns() | {"operation_id": self.operation_id}
        changes = []
        for verb, effect in self._effects:
            pairs = {field: json.array(*pair) for field, pair in effect.log_changes().items()}
            changes.append(self.when_changed(verb, json.object(**pairs), json.object()))
        entries = select(
            NOW,
            *(literal(value) for value in author.values()),
            literal(self.event()),
            literal(model.__tablename__),
            model.id,
            func.substr(name_expression(model), 1, 200),
            model.version + 1,
            json.merge(changes),
        )
        for _verb, effect in self._effects:
            for source, condition in effect.log_joins:
                entries = entries.outerjoin(source, condition)
        columns = (
            "at", *author, "event", "subject_type", "subject_id", "subject_name", "version",
            "changes",
        )  # fmt: skip
        return insert(LogEntry.__table__).from_select(columns, self.logged_rows(entries))

    def change_each(
        self,
        outcomes: dict[str, list[int]],
        change: Callable[[Any, Any], tuple[str, str]],
        refuse: Callable[[int, str], str],
    ) -> None:
        """Change rows through the session; a row that its listeners refuse stays as it is.

        ``change`` gets a row and the ``before`` of its item, and returns (old, new) for the log.
        ``refuse`` gets an id and the sentence, and returns the outcome.
        """
        model, session, entries = self.model, self.session, []
        query = select(model, Item.before).join(Item, Item.row_id == model.id)
        query = query.where(
            Item.operation_id == self.operation_id, self.json.is_one_of(Item.row_id)
        )
        done = outcomes.pop(self.done, [])
        changed = self.json.id_list(done)
        refused: dict[int, str] = {}
        for row, before in session.execute(query.order_by(model.id), {"chunk_rows": changed}):
            number, name, version = row.id, str(row), row.version
            try:
                with session.begin_nested():
                    old, new = change(row, before)
                    session.flush()
            except DomainError as error:
                refused[number] = refuse(number, str(error)[:200])
                continue
            # The session has already logged what changed in the row's own columns.
            if row.version == version:
                entries.append(
                    {"subject_id": number, "subject_name": name, "version": version,
                     "changes": {self.action: [old, new]}}
                )  # fmt: skip
        for number in done:
            outcomes.setdefault(refused.get(number, self.done), []).append(number)
        record_many(session, "changed", model.__tablename__, entries, self.actor)

    def update_item(self, number: int, **values: Any) -> None:
        """Update the item of one row."""
        item = and_(Item.operation_id == self.operation_id, Item.row_id == number)
        self._execute(update(Item).where(item).values(values))

    def _index(self, rows: Any) -> None:
        """Write the search text of changed rows again if a verb changes it."""
        if issubclass(self.model, Searchable) and any(
            verb.changes_search_text for verb in self.verbs
        ):
            query = select(self.model).where(self.json.is_one_of(self.model.id))
            query = query.execution_options(populate_existing=True)
            index_rows(self.session, self._execute(query, chunk_rows=rows).scalars().unique())

    def _add_counts(self, outcomes: dict[str, list[int]]) -> None:
        """Add the outcomes of a chunk to the operation's counts."""
        numbers = {f"more_{name}": len(ids) for name, ids in outcomes.items()}
        names = tuple(sorted(outcomes))
        if names not in self._count_updates:
            raised = {name: getattr(Operation, name) + bindparam(f"more_{name}") for name in names}
            statement = update(Operation).where(Operation.id == self.operation_id)
            self._count_updates[names] = statement.values(raised)
        self._execute(self._count_updates[names], **numbers)


def main_verb(verbs: list[Verb]) -> Verb:
    """Return the verb whose event is logged: moving to the trash if there is one."""
    return next((verb for verb in verbs if verb.event != "changed"), verbs[-1])


def name_expression(model: Any) -> ColumnElement[str]:
    """Return the name of a row as SQL, equal to its ``str``."""
    parts = [func.coalesce(getattr(model, part), "") for part in name_parts(model)]
    whole: ColumnElement = parts[0]
    for part in parts[1:]:
        whole = whole + " " + part
    return func.trim(whole)
