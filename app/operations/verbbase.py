"""What every verb of a batch has: conditions, the effect on rows, and the effect of undoing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Protocol

from sqlalchemy import ColumnElement, Executable, Select, inspect, literal, select, true
from sqlalchemy.orm import Session

from app.log.values import link_to_json
from app.operations.sql import JsonFunctions
from app.repositories.models import Repository
from app.security.actor import Actor


class BeforeValue(Protocol):
    """Returns what a row held before, from its item, as a column of the given type.

    ``place`` is that of the expression in ``Verb.before``.
    """

    def __call__(self, type_: Any, place: int = 0) -> ColumnElement: ...


@dataclass(frozen=True)
class Effect:
    """What a verb, or the undoing of it, does to the rows of a chunk."""

    # Builds the log's {field: (old, new)}, as expressions; called once the labels are loaded.
    log_changes: Callable[[], dict[str, tuple[Any, Any]]]
    # The columns that one UPDATE of the rows sets.
    values: dict[str, Any] = field(default_factory=dict)
    # Selects the ids of linked rows whose labels go into the log, and perhaps of others.
    linked_ids: Select | None = None
    # Changes what is not a column of the rows themselves.
    side_statement: Executable | None = None
    # What the log's expressions read besides the rows: (subquery, condition) of outer joins, which
    # ``log_changes`` fills in.
    log_joins: list[tuple[Any, Any]] = field(default_factory=list)


_verbs: dict[str, type[Verb]] = {}


class Verb:
    """One change to every row of a batch, with what undoing it does.

    ``name`` identifies the class in the plans of operations: defining a verb registers it. ``key``
    identifies a verb among those of one plan.
    """

    name: ClassVar[str]
    key: str
    # The field it changes, as the log names it; no two verbs of a batch change the same.
    field: str
    # The event that the log records, and the one it records for the undoing.
    event: ClassVar[str] = "changed"
    undo_event: ClassVar[str] = "changed"

    # Whether it changes the rows themselves, and not only rows of other models.
    changes_row: ClassVar[bool] = True
    # Whether ``changed`` or ``undone`` does anything.
    has_side_effects: ClassVar[bool] = False
    # Whether it also changes rows that are locked, as a transition does.
    moves_locked_rows: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            _verbs[cls.name] = cls

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def changes_search_text(self) -> bool:
        """Return True if the search index of changed rows must be written again."""
        return False

    def to_json(self) -> dict[str, Any]:
        """Return the verb as the plan of an operation stores it, with ``name`` as “verb”."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, model: Any, plan: dict[str, Any]) -> Verb:
        """Return the verb that ``to_json`` stored."""
        raise NotImplementedError

    def with_plan(self, plan: dict[str, Any]) -> Verb:
        """Return the verb as it was planned: a time of now would be another one."""
        return self.from_json(self.model, plan)

    @classmethod
    def why_not_undone(cls, plan: dict[str, Any]) -> str:
        """Return why a stored verb cannot be undone for any row, or an empty text."""
        return ""

    def needs_change(self) -> ColumnElement[bool]:
        """Return the condition that a row is not yet as the verb would leave it."""
        raise NotImplementedError

    def before(self) -> tuple[Any, ...]:
        """Return the expressions whose values are stored for undoing."""
        return (literal(1),)

    def is_unchanged(self) -> ColumnElement[bool]:
        """Return the condition that a row is still as this verb left it."""
        return ~self.needs_change()

    def new_values(self) -> dict[str, Any]:
        """Return what attributes of the rows will hold, for the rules; None for changed links."""
        return {}

    def old_values(self, before: BeforeValue) -> dict[str, Any]:
        """Return what attributes of the rows will hold once the verb is undone."""
        return dict.fromkeys(self.new_values())

    def can_restore(self, before: BeforeValue, is_available: Callable) -> Any:
        """Return the condition that what a row was linked to before can be linked again.

        ``is_available(model)`` is the condition that a row of a model may be linked to.
        """
        return true()

    def load_labels(self, session: Session, ids: Iterable[int | None]) -> bool:
        """Load the labels of linked rows that are not known yet; return True if there were any."""
        return False

    def effect(self, rows: Select, json: JsonFunctions) -> Effect:
        """Return what the verb does to rows; ``rows`` selects their ids."""
        raise NotImplementedError

    def undo_effect(
        self, rows: Select, json: JsonFunctions, before: BeforeValue, items: Any
    ) -> Effect:
        """Return what undoing the verb does; ``items`` is the condition on the rows' items."""
        raise NotImplementedError

    def changed(self, session: Session, ids: list[int], actor: Actor) -> None:
        """Do what else belongs to the change, once the rows of a chunk are changed."""

    def undone(self, session: Session, ids: list[int], actor: Actor) -> None:
        """Undo what ``changed`` did, once the rows of a chunk are as they were."""

    def refusals(self, actor: Actor) -> Iterator[tuple[ColumnElement[bool], str]]:
        """Yield (condition, reason) of rows it must leave out, besides those of ``new_values``."""
        yield from ()

    def kept_reasons(
        self, before: BeforeValue, actor: Actor
    ) -> Iterator[tuple[ColumnElement[bool], str]]:
        """Yield (condition, reason) of rows for which it is not undone."""
        yield from ()

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        """Return (label, old, new) of one row, for the preview."""
        raise NotImplementedError


def get_verb(name: str) -> type[Verb]:
    """Return the class of a verb by the name that plans store."""
    return _verbs[name]


def verb_from_json(model: Any, plan: dict[str, Any]) -> Verb:
    """Return the verb that ``Verb.to_json`` stored."""
    return get_verb(plan["verb"]).from_json(model, plan)


def column_from_json(model: Any, key: str, value: Any) -> Any:
    """Return the value of a column that ``to_json`` wrote into a plan."""
    kind = inspect(model).column_attrs[key].columns[0].type.python_type
    if value is None or kind not in (date, datetime, Decimal):
        return value
    return Decimal(value) if kind is Decimal else kind.fromisoformat(value)


def moves_locked_rows(verbs: Sequence[Verb]) -> bool:
    """Return True if verbs may change rows that are locked."""
    return bool(verbs) and all(verb.moves_locked_rows for verb in verbs)


def ids_for_labels(target: Any, linked: Select) -> Select:
    """Select the ids of the linked rows of a chunk, or of all rows of a repository.

    A repository has few rows: reading them takes less than reading those of the chunk.
    """
    return select(target.id) if issubclass(target, Repository) else linked.distinct()


def load_labels(
    session: Session, model: Any, ids: Iterable[int | None], labels: dict[int, list]
) -> bool:
    """Add to ``labels`` what the log writes of linked rows; return True if any was missing.

    A row that no longer exists gets an empty label.
    """
    missing = sorted({number for number in ids if number is not None} - set(labels))
    if not missing:
        return False
    query = select(model).where(model.id.in_(missing)).execution_options(with_trash=True)
    for row in session.scalars(query).unique():
        labels[row.id] = link_to_json(row) or [row.id, ""]
    for number in missing:
        labels.setdefault(number, [number, ""])
    return True
