"""Write rows as CSV: chunk by chunk in constant memory, never a formula, fit to be imported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session, aliased

from app.importexport.fields import Field, LinkField, ManyField, ValueField
from app.importexport.lookups import Resolver, join_list
from app.importexport.csv_response import csv_lines
from app.security.actor import Actor
from app.security.scope import scope_of

CHUNK = 1000
_MOST_CACHED = 5000


class Exporter:
    """Turns the rows of a query into lines of CSV."""

    def __init__(
        self, session: Session, model: Any, fields: Sequence[Field], actor: Actor
    ) -> None:
        self.session = session
        self.model = model
        self.fields = tuple(fields)
        self.actor = actor
        self.resolvers: dict[str, Resolver] = {
            found.name: found.resolver(session, found.model, actor, False)
            for found in self.fields
            if isinstance(found, LinkField | ManyField)
        }
        self.has_country = any(found.name == "country" for found in self.fields)
        self.cache: dict[tuple, str] = {}

    @property
    def labels(self) -> str:
        """Return what is exported of each row, in words."""
        return ", ".join(str(found.label) for found in self.fields)

    def count(self, query: Select) -> int:
        """Return how many rows there are now."""
        ids = query.with_only_columns(self.model.id).order_by(None).subquery()
        return self.session.scalar(select(func.count()).select_from(ids)) or 0

    def lines(self, query: Select, delimiter: str = ",") -> Iterator[str]:
        """Yield the header and then one line for each row of ``query``, which selects the model."""
        header = [str(found.label) for found in self.fields]
        yield from csv_lines(chain([header], self.rows(query)), delimiter)

    def rows(self, query: Select) -> Iterator[list[str]]:
        """Yield the cells of each row, in the order of their numbers."""
        keys = ["id", "country"] if self.has_country else ["id"]
        keys += [found.key for found in self.fields if not isinstance(found, ManyField)]
        columns = [getattr(self.model, key) for key in dict.fromkeys(keys)]
        query = query.with_only_columns(*columns).order_by(None)
        for found in self.fields:
            if isinstance(found, LinkField) and found.is_joined:
                query = self._join(query, found)
        last = 0
        while True:
            chunk = [
                dict(row)
                for row in self.session.execute(
                    query.where(self.model.id > last).order_by(self.model.id).limit(CHUNK)
                ).mappings()
            ]
            if not chunk:
                return
            last = chunk[-1]["id"]
            many = {
                found.name: self._many(found, [row["id"] for row in chunk])
                for found in self.fields
                if isinstance(found, ManyField)
            }
            for row in chunk:
                yield [self._text(found, row, many) for found in self.fields]
            # Nothing is kept open while a slow reader takes the lines.
            self.session.commit()

    def _join(self, query: Select, found: LinkField) -> Select:
        """Add the name of a linked row, if the actor may see that row."""
        target: Any = aliased(found.model)
        condition = and_(getattr(self.model, found.key) == target.id, scope_of(target, self.actor))
        return query.outerjoin(target, condition).add_columns(
            target.name.label(f"{found.name}_text")
        )

    def _many(self, found: ManyField, ids: list[int]) -> dict[int, list[str]]:
        texts = self.resolvers[found.name].texts
        order = {row_id: place for place, row_id in enumerate(texts)}
        linked: dict[int, list[int]] = {}
        for near, far in self.session.execute(
            select(found.near, found.far).where(found.near.in_(ids))
        ):
            linked.setdefault(near, []).append(far)
        return {
            near: [
                texts[far] for far in sorted(fars, key=lambda pk: order.get(pk, 0)) if far in texts
            ]
            for near, fars in linked.items()
        }

    def _text(self, found: Field, row: dict[str, Any], many: dict[str, Any]) -> str:
        """Return the text of one cell."""
        if isinstance(found, ManyField):
            return join_list(many[found.name].get(row["id"], ()))
        if isinstance(found, LinkField):
            if found.is_joined:
                return row[f"{found.name}_text"] or ""
            return self.resolvers[found.name].texts.get(row[found.key], "")
        assert isinstance(found, ValueField)
        value = row[found.key]
        country = row["country"] if self.has_country else None
        if not found.is_cached or value is None:
            return found.write(value, country)
        key = (found.name, value, country)
        if key not in self.cache:
            if len(self.cache) > _MOST_CACHED:
                self.cache.clear()
            self.cache[key] = found.write(value, country)
        return self.cache[key]
