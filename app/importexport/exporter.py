"""Export rows as CSV, in a form that can be imported again.

The condition that chooses the rows is evaluated once, by ``select_ids``, so that a time limit
around it limits everything that depends on what somebody asked for. The rows are then read by
their ids, a chunk at a time; of each row no more than its id, 8 bytes, is kept in memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session, aliased

from app.fieldtypes import Country
from app.importexport.csv_response import csv_lines
from app.importexport.fields import CsvField, ForeignKeyField, ManyToManyField, ValueField
from app.importexport.lookups import Lookup, join_list
from app.security.actor import Actor
from app.security.scope import scope_condition, visible

CHUNK_SIZE = 1000
_MAX_CACHED_TEXTS = 5000


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
        # The keys of exported countries: provinces and telephones are read by them again.
        self.countries = {
            field.key
            for field in self.fields
            if isinstance(field, ValueField) and isinstance(field.field_type, Country)
        }
        self.cache: dict[tuple, str] = {}

    @property
    def labels(self) -> str:
        """Return the labels of the exported fields, separated by commas."""
        return ", ".join(str(field.label) for field in self.fields)

    def select_ids(self, query: Select) -> array[int]:
        """Return the ids of the rows of ``query``, which selects the model, in order."""
        query = query.with_only_columns(self.model.id).order_by(None).order_by(self.model.id)
        # Not with a cursor of the server: PostgreSQL has none in autocommit, in which exports read.
        return array("q", self.session.scalars(query))

    def lines(self, ids: Sequence[int], delimiter: str = ",") -> Iterator[str]:
        """Yield the header, then one line for each row that there still is."""
        header = [str(field.label) for field in self.fields]
        yield from csv_lines(chain([header], self.rows(ids)), delimiter)

    def rows(self, ids: Sequence[int]) -> Iterator[list[str]]:
        """Yield the cells of each row, ordered by id."""
        columns = {"id": self.model.id}
        for field in self.fields:
            if not isinstance(field, ManyToManyField):
                columns.setdefault(field.key, field.attribute(self.model, self.actor))
        # A row may have left the scope of the actor since the ids were read.
        query = visible(self.model, self.actor).with_only_columns(*columns.values())
        query = query.order_by(self.model.id)
        for field in self.fields:
            if isinstance(field, ForeignKeyField) and field.is_joined:
                query = self._join(query, field)
        for start in range(0, len(ids), CHUNK_SIZE):
            condition = self.model.id.in_(ids[start : start + CHUNK_SIZE])
            chunk = [dict(row) for row in self.session.execute(query.where(condition)).mappings()]
            many = {
                field.name: self._linked_texts(field, [row["id"] for row in chunk])
                for field in self.fields
                if isinstance(field, ManyToManyField)
            }
            for row in chunk:
                yield [self._text(field, row, many) for field in self.fields]
            # End the transaction: a slow client may take long to download the lines.
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
        country = row[field.country_name] if field.country_name in self.countries else None
        if not field.is_cached or value is None:
            return field.write(value, country)
        key = (field.name, value, country)
        if key not in self.cache:
            if len(self.cache) > _MAX_CACHED_TEXTS:
                self.cache.clear()
            self.cache[key] = field.write(value, country)
        return self.cache[key]
