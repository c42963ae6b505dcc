"""Export rows as CSV, in a form that can be imported again.

What somebody asked for is evaluated before the first line, by ``choose``, so that a time limit
around it limits everything that depends on it. PostgreSQL then writes the lines itself (COPY);
otherwise the rows are read by their ids, a chunk at a time, with their cells as SQL writes them.
Only a file with a field that has no form in SQL is written cell by cell in Python. Of each row no
more than its id, 8 bytes, is kept in memory.
"""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from app.bulk import has_id
from app.importexport.copying import copied_blocks, copied_in_order, read_ids
from app.importexport.csv_response import csv_lines
from app.importexport.fields import (
    CsvField,
    ForeignKeyField,
    ManyToManyField,
    ValueField,
    header,
)
from app.importexport.filequery import FileQuery
from app.importexport.formula_escape import escape_formula, unescape_formula
from app.importexport.lookups import Lookup, join_list
from app.security.actor import Actor
from app.security.scope import scope_condition, visible

CHUNK_SIZE = 1000
# How many rows one COPY reads by their ids.
COPY_SIZE = 20_000
_MAX_CACHED_TEXTS = 5000
# Returns the ids of the rows of a query in an order.
Order = Callable[[Session, Select], "array[int]"]


@dataclass
class Chosen:
    """The rows of a file, by their ids; without ids all rows that ``query`` selects."""

    query: Select
    ids: array[int] | None
    count_all: Callable[[], int]

    @cached_property
    def count(self) -> int:
        """Return how many rows there are; without ids they are counted when first asked for."""
        return self.count_all() if self.ids is None else len(self.ids)


class Exporter:
    """Turn the rows of a query into lines of CSV."""

    def __init__(
        self, session: Session, model: Any, fields: Sequence[CsvField], actor: Actor
    ) -> None:
        self.session = session
        self.model = model
        self.fields = tuple(fields)
        self.actor = actor
        self.lookups: dict[str, Lookup] = {
            field.name: field.lookup(session, field.model, actor, False)
            for field in self.fields
            if isinstance(field, ForeignKeyField | ManyToManyField)
        }
        self.file_query = FileQuery(session, model, self.fields, self.lookups, actor)
        self.is_in_sql = self.file_query.is_possible()
        self.cache: dict[tuple, str] = {}

    def use(self, session: Session) -> None:
        """Read with another session from now on."""
        self.session = self.file_query.session = session
        for lookup in self.lookups.values():
            lookup.session = session

    @property
    def labels(self) -> str:
        """Return the labels of the exported fields, separated by commas."""
        return ", ".join(str(field.label) for field in self.fields)

    @property
    def _is_copied(self) -> bool:
        return self.is_in_sql and self.file_query.dialect == "postgresql"

    def choose(self, query: Select, *, is_whole: bool, order: Order | None = None) -> Chosen:
        """Choose the rows of ``query``, which selects the model, in an order: by default by id.

        ``is_whole`` says that nothing but the actor's scope limits it: evaluating that again, when
        the rows are read, costs nothing. Only one row is read then, which begins the snapshot.
        """

        def count() -> int:
            number = func.count()
            counted = query.with_only_columns(number).order_by(None).select_from(self.model)
            return self.session.scalar(counted) or 0

        if is_whole and self._is_copied and order is None:
            first = query.with_only_columns(self.model.id).order_by(None).limit(1)
            self.session.execute(first).all()
            return Chosen(query, None, count)
        ids = self.select_ids(query) if order is None else order(self.session, query)
        return Chosen(query, ids, count)

    def select_ids(self, query: Select) -> array[int]:
        """Return the ids of the rows of ``query``, which selects the model, in order."""
        query = query.with_only_columns(self.model.id).order_by(None).order_by(self.model.id)
        return read_ids(self.session, query)

    def blocks(
        self, chosen: Chosen, delimiter: str = ",", max_seconds: float | None = None
    ) -> Iterator[str | bytes]:
        """Yield the header at once, then the chosen rows that there still are, in blocks.

        On PostgreSQL no statement that reads rows may take longer than ``max_seconds``.
        """
        if not self._is_copied:
            assert chosen.ids is not None
            yield from self.lines(chosen.ids, delimiter)
            return
        yield from csv_lines([self.header()], delimiter)
        if chosen.ids is None:
            query = self.file_query.select(chosen.query, with_many=True)
            yield from copied_blocks(self.session, query, delimiter, max_seconds)
            return
        for start in range(0, len(chosen.ids), COPY_SIZE):
            part = chosen.ids[start : start + COPY_SIZE]
            yield self._copied_text(part, delimiter, max_seconds)

    def cell_rows(self, ids: Sequence[int]) -> Iterator[list[str]]:
        """Yield the cells of the rows that there still are, in this order; none is escaped."""
        if not self.is_in_sql:
            yield from self.rows(ids)
            return
        for start in range(0, len(ids), CHUNK_SIZE):
            part = ids[start : start + CHUNK_SIZE]
            if self._is_copied:
                text = self._copied_text(part, ",").decode()
            else:
                text = self._chunk_text(self._query_by_ids(), part, ",")
            for cells in csv.reader(io.StringIO(text, newline="")):
                yield [unescape_formula(cell) for cell in cells]

    def _copied_text(
        self, ids: Sequence[int], delimiter: str, max_seconds: float | None = None
    ) -> bytes:
        """Return some rows as lines that PostgreSQL has written."""
        # A row may have left the scope of the actor since the ids were read.
        dialect = self.session.get_bind().dialect
        query = visible(self.model, self.actor).where(has_id(dialect, self.model.id, ids))
        id_range = (min(ids), max(ids))
        copied = self.file_query.select(query, with_many=True, with_id=True, id_range=id_range)
        return copied_in_order(self.session, copied, ids, delimiter, max_seconds)

    def _query_by_ids(self) -> Select:
        is_chosen = self.model.id.in_(bindparam("ids", expanding=True))
        return self.file_query.select(
            visible(self.model, self.actor).where(is_chosen), with_many=False
        )

    def lines(self, ids: Sequence[int], delimiter: str = ",") -> Iterator[str]:
        """Yield the header, then the rows that there still are, some lines at a time."""
        if not self.is_in_sql:
            yield from csv_lines(chain([self.header()], self._read_rows(ids)), delimiter)
            return
        yield from csv_lines([self.header()], delimiter)
        query = self._query_by_ids()
        for start in range(0, len(ids), CHUNK_SIZE):
            yield self._chunk_text(query, ids[start : start + CHUNK_SIZE], delimiter)
            # End the transaction: a slow client may take long to download the lines.
            self.session.commit()

    def _chunk_text(self, query: Select, ids: Sequence[int], delimiter: str) -> str:
        """Return some rows as lines; their linked rows are read by a statement of their own."""
        found = {row[0]: [*row] for row in self.session.execute(query, {"ids": list(ids)})}
        rows = [found[pk] for pk in ids if pk in found]
        for place, field in enumerate(self.fields, 1):
            if isinstance(field, ManyToManyField):
                many = self._linked_texts(field, [row[0] for row in rows])
                for row in rows:
                    row[place] = escape_formula(join_list(many.get(row[0], ())))
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=delimiter).writerows(row[1:] for row in rows)
        return text.getvalue()

    def header(self) -> list[str]:
        """Return the headers of the columns."""
        return [header(field) for field in self.fields]

    def rows(self, ids: Sequence[int]) -> Iterator[list[str]]:
        """Yield the cells of each row, in this order."""
        columns = {"id": self.model.id}
        for field in self.fields:
            if not isinstance(field, ManyToManyField):
                columns.setdefault(field.key, field.attribute(self.model, self.actor))
        # A row may have left the scope of the actor since the ids were read.
        query = visible(self.model, self.actor).with_only_columns(*columns.values())
        for field in self.fields:
            if isinstance(field, ForeignKeyField) and field.is_joined:
                query = self._join(query, field)
        for start in range(0, len(ids), CHUNK_SIZE):
            part = ids[start : start + CHUNK_SIZE]
            found = {
                row["id"]: dict(row)
                for row in self.session.execute(query.where(self.model.id.in_(part))).mappings()
            }
            chunk = [found[pk] for pk in part if pk in found]
            many = {
                field.name: self._linked_texts(field, [row["id"] for row in chunk])
                for field in self.fields
                if isinstance(field, ManyToManyField)
            }
            for row in chunk:
                yield [self._text(field, row, many) for field in self.fields]

    def _read_rows(self, ids: Sequence[int]) -> Iterator[list[str]]:
        """Yield the cells of each row; end the transaction after each chunk."""
        for start in range(0, len(ids), CHUNK_SIZE):
            yield from self.rows(ids[start : start + CHUNK_SIZE])
            # A slow client may take long to download the lines.
            self.session.commit()

    def _join(self, query: Select, field: ForeignKeyField) -> Select:
        """Join the name of a linked row, if the actor may see that row."""
        target: Any = aliased(field.model)
        condition = and_(
            getattr(self.model, field.key) == target.id, scope_condition(target, self.actor)
        )
        return query.outerjoin(target, condition).add_columns(
            target.name.label(f"{field.name}_text")
        )

    def _linked_texts(self, field: ManyToManyField, ids: list[int]) -> dict[int, list[str]]:
        texts = self.lookups[field.name].export_texts
        order = {linked_id: place for place, linked_id in enumerate(texts)}
        linked: dict[int, list[int]] = {}
        for row_id, linked_id in self.session.execute(
            select(field.local_column, field.remote_column).where(field.local_column.in_(ids))
        ):
            linked.setdefault(row_id, []).append(linked_id)
        return {
            row_id: [
                texts[pk]
                for pk in sorted(linked_ids, key=lambda pk: order.get(pk, 0))
                if pk in texts
            ]
            for row_id, linked_ids in linked.items()
        }

    def _country(self, field: ValueField, row: dict[str, Any]) -> str | None:
        """Return the code of the country that a province is read by again."""
        return row[field.country_name] if field.country_name in self.file_query.countries else None

    def _text(self, field: CsvField, row: dict[str, Any], many: dict[str, Any]) -> str:
        """Return the text of one cell."""
        if isinstance(field, ManyToManyField):
            return join_list(many[field.name].get(row["id"], ()))
        if isinstance(field, ForeignKeyField):
            if field.is_joined:
                return row[f"{field.name}_text"] or ""
            return self.lookups[field.name].export_texts.get(row[field.key], "")
        assert isinstance(field, ValueField)
        value = row[field.key]
        country = self._country(field, row)
        if not field.is_cached or value is None:
            return field.write(value, country)
        key = (field.name, value, country)
        if key not in self.cache:
            if len(self.cache) > _MAX_CACHED_TEXTS:
                self.cache.clear()
            self.cache[key] = field.write(value, country)
        return self.cache[key]
