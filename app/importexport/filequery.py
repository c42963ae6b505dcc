"""Select the rows of a file with their cells as text, as SQL writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session, aliased

from app.fieldtypes import Country, SqlHints, labelled
from app.importexport.fields import CsvField, ForeignKeyField, ManyToManyField, ValueField
from app.importexport.formula_escape import escape_formula, escape_formula_sql
from app.importexport.lookups import Lookup, quote_label
from app.security.actor import Actor
from app.security.scope import scope_condition

# SQLite takes some 32,000 parameters; each label takes two.
_MAX_LABELS = 5_000


class FileQuery:
    """The cells of the rows of a model as SQL expressions, escaped as files need them."""

    def __init__(
        self,
        session: Session,
        model: Any,
        fields: Sequence[CsvField],
        lookups: dict[str, Lookup],
        actor: Actor,
    ) -> None:
        self.session = session
        self.model = model
        self.fields = fields
        self.lookups = lookups
        self.actor = actor
        self.dialect = session.get_bind().dialect.name
        # The keys of exported countries: provinces are read by them again.
        self.countries = {
            field.key
            for field in fields
            if isinstance(field, ValueField) and isinstance(field.field_type, Country)
        }

    def is_possible(self) -> bool:
        """Return True if each field of the file has a form in SQL."""
        return len(self.fields) > 1 and all(self._has_form(field) for field in self.fields)

    def _has_form(self, field: CsvField) -> bool:
        if not isinstance(field, ValueField):
            lookup = self.lookups[field.name]
            return self.dialect == "postgresql" or len(lookup.export_texts) <= _MAX_LABELS
        kind = field.field_type
        hints = SqlHints(self.dialect, None, self._escape, lambda _pattern: [])
        return kind.is_written_in_sql and kind.file_text(field.column, hints) is not None

    def select(
        self,
        query: Select,
        *,
        with_many: bool,
        with_id: bool = False,
        id_range: tuple[int, int] | None = None,
    ) -> Select:
        """Return a SELECT of the cells of the rows that ``query`` selects, ordered by id.

        ``with_many``, which PostgreSQL alone can do, many-to-many fields are among them, and
        ``id_range`` says between which ids all rows are, if that is known. Otherwise these fields
        have null, and the id comes first.
        """
        columns = [self.model.id.label("id")]
        joins = []
        for place, field in enumerate(self.fields):
            column, join = self._raw(field, with_many, id_range)
            columns.append(column.label(f"c{place}"))
            joins += [join] if join is not None else []
        inner = query.with_only_columns(*columns).order_by(None)
        for target, condition in joins:
            inner = inner.outerjoin(target, condition)
        inner = inner.order_by(self.model.id)
        # An expression below mentions its value several times; each must be computed once.
        rows: Any
        if self.dialect == "postgresql":
            rows = inner.offset(0).subquery("cells")
        else:
            rows = inner.cte("cells").prefix_with("MATERIALIZED")
        cells = [self._cell(field, rows, place) for place, field in enumerate(self.fields)]
        keys = [rows.c.id] if with_id or not with_many else []
        return select(*keys, *cells).order_by(rows.c.id)

    def _raw(
        self, field: CsvField, with_many: bool, id_range: tuple[int, int] | None
    ) -> tuple[ColumnElement[Any], Any]:
        """Return the value of a field as the inner query selects it, and a join that it needs."""
        if isinstance(field, ManyToManyField):
            if not with_many:
                return literal(None, Text), None
            texts = self._linked_texts(field, id_range)
            return texts.c.text, (texts, texts.c.row_id == self.model.id)
        if isinstance(field, ForeignKeyField) and field.is_joined:
            target: Any = aliased(field.model)
            condition = and_(
                target.id == getattr(self.model, field.key), scope_condition(target, self.actor)
            )
            return target.name, (target, condition)
        return field.attribute(self.model, self.actor), None

    def _linked_texts(self, field: ManyToManyField, id_range: tuple[int, int] | None) -> Any:
        """Select the joined labels of each row, grouped once instead of row by row."""
        texts = self.lookups[field.name].export_texts
        labels = {key: quote_label(text) for key, text in texts.items()}
        places = {key: str(place) for place, key in enumerate(texts)}
        label = labelled(field.remote_column, labels, self.dialect)
        place = cast(labelled(field.remote_column, places, self.dialect), Integer)
        joined = func.string_agg(cast(label, Text), aggregate_order_by(literal("; "), place))
        query = select(field.local_column.label("row_id"), joined.label("text"))
        if id_range is not None:
            query = query.where(field.local_column.between(*id_range))
        return query.group_by(field.local_column).subquery(f"{field.name}_texts")

    def _cell(self, field: CsvField, rows: Any, place: int) -> ColumnElement[Any]:
        value = rows.c[f"c{place}"]
        if isinstance(field, ForeignKeyField) and not field.is_joined:
            texts = self.lookups[field.name].export_texts
            labels = {key: escape_formula(text) for key, text in texts.items()}
            return func.nullif(labelled(value, labels, self.dialect), "")
        if not isinstance(field, ValueField):
            return func.nullif(self._escape(value), "")
        text = field.field_type.file_text(value, self._hints(field, rows))
        assert text is not None
        if field.field_type.is_escaped:
            return func.nullif(text, "")
        return func.nullif(self._escape(text), "")

    def _escape(self, text: Any) -> Any:
        if isinstance(text, str):
            return escape_formula(text)
        return escape_formula_sql(text, self.dialect)

    def _hints(self, field: ValueField, rows: Any) -> SqlHints:
        places = {other.key: place for place, other in enumerate(self.fields)}
        country = None
        if field.country_name in self.countries:
            country = rows.c[f"c{places[field.country_name]}"]

        def matching(pattern: str) -> list[str]:
            value = field.attribute(self.model, self.actor)
            query = select(value).distinct().select_from(self.model)
            return list(self.session.scalars(query.where(value.like(pattern))))

        return SqlHints(self.dialect, country, self._escape, matching)
