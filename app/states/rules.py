"""Rules of the business: what must hold for the rows of a model, whatever writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Integer, case, inspect, select
from sqlalchemy.orm import Session

from app.bulk import given_rows
from app.changed import is_changed
from app.errors import DomainError
from app.registry import Plug
from app.security.actor import Actor
from app.states.conditions import NewValues, as_condition, first_reason

# Before the name of a rule, in the reasons of an operation's items.
REASON_PREFIX = "rule:"


class Rule(Plug):
    """A rule of a model (a plug). Subclass it in a room's ``rules.py``; models inherit rules.

    ``broken`` describes the rows that break it in SQL. It is asked of the stored rows after each
    flush (forms, API, restored values, commands), before a collective action or its undoing
    changes rows, and of the rows of a file. A rule is asked only about rows that are new or of
    which an attribute changes that it reads: older rows that break it can still be edited.
    """

    model: ClassVar[Any]
    message: ClassVar[Any]
    # The form field that the message stands beside.
    field: ClassVar[str | None] = None

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def broken(self, row: Any) -> ColumnElement[bool] | bool:
        """Return the condition that a row breaks the rule.

        The attributes of ``row`` are SQL expressions: the columns of the model, or the values
        they are about to have. Read ids (``row.manager_id``), not linked rows.
        """
        raise NotImplementedError

    def text(self, session: Session) -> str:
        """Return the sentence that says what is wrong."""
        return str(self.message)

    @classmethod
    def code(cls) -> str:
        """Return the name of the rule in the reasons of an operation's items."""
        return f"{REASON_PREFIX}{cls.__name__}"

    def read_names(self) -> set[str]:
        """Return the names of the attributes that ``broken`` reads."""
        row = NewValues(self.model)
        self.broken(row)
        return row.names


@lru_cache(maxsize=512)
def _names_read(rule: Any, actor: Actor) -> frozenset[str]:
    """Return the attributes that a rule reads for an actor.

    They are a matter of its code: which ones does not depend on the day or the database.
    """
    return frozenset(rule(actor).read_names())


def rules_of(model: Any, actor: Actor) -> list[Rule]:
    """Return the rules of a model and of those it inherits from."""
    return [rule(actor) for rule in Rule.all() if issubclass(model, rule.model)]


def rule_text(code: str | None) -> Any:
    """Return the message of the rule with this code, or None."""
    found = (rule.message for rule in Rule.all() if rule.code() == code)
    return next(found, None)


def check_rules(
    session: Session, new: Iterable[Any], changed: Iterable[Any], actor: Actor
) -> None:
    """Raise DomainError if one of the rows just flushed breaks a rule that concerns it."""
    rows: dict[Any, tuple[list[Any], list[Any]]] = {}
    for place, some in enumerate((new, changed)):
        for row in some:
            rows.setdefault(type(row), ([], []))[place].append(row)
    for model, (added, edited) in rows.items():
        cases = []
        for rule in rules_of(model, actor):
            ids = [row.id for row in added]
            if edited:
                kind: Any = type(rule)
                names = _names_read(kind, actor)
                ids += [row.id for row in edited if is_changed(row, names)]
            if ids:
                cases.append((ids, rule.broken(NewValues(model)), rule))
        if (rule := first_reason(session, model, cases)) is not None:
            raise DomainError(rule.text(session), field=rule.field)


def broken_by(
    model: Any, values: Mapping[str, Any], actor: Actor
) -> Iterator[tuple[ColumnElement[bool], str]]:
    """Yield (condition, code) of the rules that rows of a model break once they have new values.

    ``values`` holds SQL expressions by attribute; None for a relation whose links change.
    """
    for rule in rules_of(model, actor):
        row = NewValues(model, values)
        condition = as_condition(rule.broken(row))
        concerned = row.names & set(values)
        if any(values[name] is None for name in concerned):
            raise ValueError(f"{rule.code()} reads links: change the rows with each().")
        if concerned:
            yield condition, rule.code()


def broken_rows(
    session: Session, model: Any, rows: Sequence[Mapping[str, Any]], actor: Actor
) -> list[list[Rule]]:
    """Return the rules that each of some rows would break, in one statement.

    ``rows`` holds the value of every column by attribute. Rules that read links are left out.
    """
    mapper = inspect(model)
    rules = [
        (rule, names)
        for rule in rules_of(model, actor)
        if (names := rule.read_names()) and names <= set(mapper.column_attrs.keys())
    ]
    found: list[list[Rule]] = [[] for _row in rows]
    if not rules or not rows:
        return found
    read = sorted(set().union(*(names for _rule, names in rules)))
    types = {name: mapper.column_attrs[name].columns[0].type for name in read}
    data = (
        {"row_number": number} | {name: row.get(name) for name in read}
        for number, row in enumerate(rows)
    )
    dialect = session.get_bind().dialect
    table = given_rows(dialect, {"row_number": Integer()} | types, data, "new_values")
    row = NewValues(model, {name: table.c[name] for name in read})
    broken = [
        case((as_condition(rule.broken(row)), 1), else_=0).label(f"rule_{place}")
        for place, (rule, _names) in enumerate(rules)
    ]
    query = select(table.c.row_number, *broken).execution_options(with_trash=True)
    for number, *results in session.execute(query):
        found[number] = [
            rule for (rule, _names), is_broken in zip(rules, results, strict=True) if is_broken
        ]
    return found
