"""Import rows from a file: what an importer says of its model, and the run over all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar

from flask_babel import gettext as _
from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.importexport.fields import Field
from app.importexport.column_mapping import (
    Column,
    day_orders,
    find_field,
    find_region,
    guess,
    linked,
    look_at,
    plain_words,
)
from app.importexport.lookups import Resolver, Tree
from app.importexport.reading import Source, SourceRow
from app.importexport.report import Report
from app.importexport.writing import ChangedMeanwhileError, Chunk
from app.extensions import reading
from app.registry import Plug
from app.security.actor import Actor, acting_as

# SQLite has one writer at a time: others wait no longer than a chunk takes.
CHUNKS = {"postgresql": 1000, "sqlite": 250}
_TRIES = 5
IGNORE = "-"


@dataclass(frozen=True)
class Match:
    """A way to find the row that a row of the file is about."""

    name: str
    label: Any
    # Names of the fields that must be mapped.
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """What whoever imports has decided; everything else is guessed."""

    country: str
    mapping: dict[str, str] = field(default_factory=dict)
    match: str = ""
    create_values: bool = False
    # Name, path or number of the entity new rows go to.
    entity: str = ""
    # Of which models whoever imports may make values.
    may_create: Callable[[type], bool] = lambda _model: True


@dataclass
class Plan:
    """How a file will be read: decided or guessed, ready to run."""

    importer: Importer
    columns: list[Column]
    mapping: dict[int, Field | None]
    match: Match
    create_values: bool
    entity_id: int
    country: str
    day_first: dict[int, bool]
    resolvers: dict[str, Resolver]
    entity_labels: dict[int, str]

    @property
    def mapped(self) -> dict[str, str]:
        """Return header → name of the field."""
        return {
            self.columns[place].header: found.name
            for place, found in self.mapping.items()
            if found is not None
        }

    @property
    def ignored(self) -> list[str]:
        """Return the headers that no field was found for."""
        return [
            self.columns[place].header for place, found in self.mapping.items() if found is None
        ]

    @property
    def fields(self) -> list[Field]:
        """Return the fields that the file has."""
        return [found for found in self.mapping.values() if found is not None]


class Importer(Plug):
    """What can be imported into one model. Subclass it in a room's ``importers.py``."""

    name: ClassVar[str]
    model: ClassVar[Any]
    matches: ClassVar[tuple[Match, ...]]
    # A unique column that every row has.
    unique: ClassVar[str]
    # Names of fields a new row must have.
    required: ClassVar[tuple[str, ...]] = ()

    def fields(self) -> tuple[Field, ...]:
        """Return the fields, in the order an export writes them."""
        raise NotImplementedError

    def field(self, name: str) -> Field:
        """Return one field by its name."""
        return next(found for found in self.fields() if found.name == name)

    def key(self, match: Match, values: dict[str, Any]) -> Any:
        """Return what a row is found by, or None when it says nothing of it."""
        raise NotImplementedError

    def having(self, match: Match, keys: Sequence[Any]) -> ColumnElement[bool]:
        """Return the indexed condition of rows that may have one of the keys."""
        raise NotImplementedError

    def pick(self, match: Match, key: Any, found: Sequence[Any]) -> Sequence[Any]:
        """Return those of the found rows that really have this key."""
        raise NotImplementedError

    def derived(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the columns that follow from others."""
        return {}

    def complete(self, session: Session, rows: list[dict[str, Any]]) -> None:
        """Give new rows what the house gives them, such as a number."""

    def search_text(self, values: dict[str, Any]) -> str:
        """Return the folded words a row is found by."""
        raise NotImplementedError

    def title(self, values: dict[str, Any]) -> str:
        """Return the name of a row, for the log."""
        raise NotImplementedError

    def default_entity(self, session: Session, actor: Actor) -> int:
        """Return the entity new rows go to when nothing says where."""
        raise NotImplementedError

    def plan(self, session: Session, source: Source, actor: Actor, options: Options) -> Plan:
        """Decide how a file will be read; DomainError when what was asked cannot be."""
        with reading():
            columns = look_at(source)
            fields = self.fields()
            resolvers = {
                name: found.resolver(
                    session,
                    found.model,
                    actor,
                    options.create_values and options.may_create(found.model),
                )
                for name, found in ((f.name, f) for f in fields if hasattr(f, "resolver"))
            }
            taken = self._asked(columns, options.mapping)
            mapping = guess(columns, fields, taken, resolvers)
            entity_id = self._entity(session, actor, options.entity, resolvers)
            session.commit()
        match = self._match(options.match, {f.name for f in mapping.values() if f})
        used = {found.name for found in linked(mapping).values()}
        region = find_region(columns, mapping, options.country)
        return Plan(
            importer=self,
            columns=columns,
            mapping=mapping,
            match=match,
            create_values=options.create_values,
            entity_id=entity_id,
            country=region,
            day_first=day_orders(columns, mapping, region != "US"),
            resolvers={name: found for name, found in resolvers.items() if name in used},
            entity_labels=_tree(resolvers).labels,
        )

    def _asked(self, columns: Sequence[Column], asked: dict[str, str]) -> dict[int, Field | None]:
        """Return column → field for what was decided."""
        taken: dict[int, Field | None] = {}
        for header, name in asked.items():
            exact = [p for p, column in enumerate(columns) if column.header == header]
            place = exact or [
                p
                for p, column in enumerate(columns)
                if plain_words(column.header) == plain_words(header)
            ]
            if not place:
                raise DomainError(_("The file has no column “%(header)s”.", header=header[:80]))
            if name in ("", IGNORE, "ignore"):
                taken[place[0]] = None
                continue
            found = find_field(self.fields(), name)
            if found.name in {other.name for other in taken.values() if other is not None}:
                raise DomainError(
                    _("Two columns cannot both be “%(field)s”.", field=str(found.label))
                )
            taken[place[0]] = found
        return taken

    def _entity(
        self, session: Session, actor: Actor, asked: str, resolvers: dict[str, Resolver]
    ) -> int:
        if not asked:
            return self.default_entity(session, actor)
        return _tree(resolvers).find(asked).id or 0

    def _match(self, asked: str, mapped: set[str]) -> Match:
        """Return how rows are matched: as asked, else the first way the columns allow."""
        for match in self.matches:
            if match.name == asked or (not asked and set(match.needs) <= mapped):
                if asked and not set(match.needs) <= mapped:
                    labels = ", ".join(str(self.field(name).label) for name in match.needs)
                    raise DomainError(
                        _("To match like this, the file needs a column for: %(fields)s.",
                          fields=labels)
                    )  # fmt: skip
                return match
        if asked:
            raise DomainError(_("“%(name)s” is not a way to match.", name=asked[:40]))
        return self.matches[-1]


def run(
    session: Session,
    source: Source,
    plan: Plan,
    actor: Actor,
    *,
    dry_run: bool = False,
    on_failed: Callable[[SourceRow, list[str]], None] | None = None,
    chunk_size: int | None = None,
) -> Report:
    """Import every row of a file, a chunk a transaction; a dry run only says what would happen."""
    if chunk_size is None:
        chunk_size = CHUNKS[session.get_bind().dialect.name]
    report = Report()
    actor = actor.through("import")
    seen: dict[int, int] = {}
    rows = source.rows()
    with acting_as(actor):
        while taken := list(islice(rows, chunk_size)):
            chunk = _run_chunk(session, plan, actor, taken, seen, dry_run)
            chunk.tell(report)
            if on_failed is not None:
                for draft in chunk.drafts:
                    if draft.outcome in ("invalid", "skipped"):
                        on_failed(draft.row, [reason for _field, reason in draft.problems])
    for name, resolver in plan.resolvers.items():
        if resolver.wanted:
            label = str(plan.importer.field(name).label)
            report.created_values[label] = [ref.label for ref in resolver.wanted.values()]
    return report


def _run_chunk(
    session: Session,
    plan: Plan,
    actor: Actor,
    rows: list[SourceRow],
    seen: dict[int, int],
    dry_run: bool,
) -> Chunk:
    """Compare a chunk with what is stored and write it; again when somebody was faster."""
    for turn in range(_TRIES):
        chunk = Chunk(session, plan, actor, rows, seen)
        chunk.parse()
        with reading():
            chunk.compare()
            # Ends the reading, so that writing starts with a lock of its own.
            session.commit()
        if dry_run:
            return chunk
        try:
            chunk.write()
            session.commit()
        except (IntegrityError, ChangedMeanwhileError, OperationalError) as error:
            session.rollback()
            if isinstance(error, OperationalError) and not _is_deadlock(error):
                raise
            for resolver in plan.resolvers.values():
                resolver.forget_created()
            if turn == _TRIES - 1:
                raise DomainError(
                    _("Somebody else kept changing the same files; import again later.")
                ) from None
        else:
            return chunk
    raise AssertionError("unreachable")


def _is_deadlock(error: OperationalError) -> bool:
    """Say whether PostgreSQL gave this transaction up so that another, across its way, goes on."""
    return getattr(error.orig, "sqlstate", None) == "40P01"


def _tree(resolvers: dict[str, Resolver]) -> Tree:
    return next(found for found in resolvers.values() if isinstance(found, Tree))
