"""Find the rows that cells name by a number or another column, where a name is not enough."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from sqlalchemy import or_
from sqlalchemy.orm import Session

from app.bulk import is_one_of
from app.importexport.lookups import MAX_CACHED_KEYS, LinkedRow, Lookup
from app.security.actor import Actor
from app.security.scope import visible
from app.text import clean


class ByKeys(Lookup):
    """Find rows by the values of columns; only those that a chunk names are fetched."""

    # Columns that identify a row, each with an index.
    own_columns: ClassVar[tuple[str, ...]]

    def __init__(self, session: Session, model: Any, actor: Actor, may_create: bool) -> None:
        super().__init__(session, model, actor, False)
        self.loaded_keys: set[str] = set()

    def spellings(self, text: str) -> Iterable[str]:
        """Return the values that a column of the row which a text names may have."""
        return (text,)

    def row_label(self, row: Any) -> str:
        """Return the name of a row, of which ``label_columns`` are known."""
        raise NotImplementedError

    @property
    def label_columns(self) -> tuple[Any, ...]:
        """Return the columns that ``row_label`` reads."""
        raise NotImplementedError

    def forget_loaded(self) -> None:
        """Forget the rows that were fetched, and the texts that name none."""
        self.loaded_keys.clear()
        self.rows_by_key.clear()

    def key(self, text: str) -> str:
        """Return the text in lower case, without zeros before it."""
        bare = clean(text).lower()
        return bare.lstrip("0") or bare

    def load(self, texts: Iterable[str]) -> None:
        """Fetch the rows that these texts name."""
        wanted = {self.key(text): clean(text).lower() for text in texts}
        missing = [text for key, text in wanted.items() if key not in self.loaded_keys]
        if not missing:
            return
        if len(self.loaded_keys) > MAX_CACHED_KEYS:
            self.forget_loaded()
        self.loaded_keys |= wanted.keys()
        values = {value for text in missing for value in self.spellings(text)}
        dialect, model = self.session.get_bind().dialect, self.model
        columns = [getattr(model, name) for name in self.own_columns]
        chosen = or_(*(is_one_of(dialect, column, values) for column in columns))
        query = visible(model, self.actor).where(chosen).order_by(model.id)
        for row in self.session.execute(
            query.with_only_columns(model.id, *columns, *self.label_columns)
        ):
            linked = LinkedRow(row.id, self.row_label(row))
            self.labels[row.id] = linked.label
            for key in {
                self.key(row[place]) for place in range(1, len(columns) + 1) if row[place]
            }:
                self.rows_by_key.setdefault(key, []).append(linked)

    def load_labels(self, row_ids: Iterable[int]) -> None:
        """Fetch the names of rows, as far as the actor may see them."""
        missing = set(row_ids) - self.labels.keys()
        if not missing:
            return
        if len(self.labels) > MAX_CACHED_KEYS:
            self.labels.clear()
        model = self.model
        chosen = is_one_of(self.session.get_bind().dialect, model.id, missing)
        query = visible(model, self.actor).where(chosen)
        for row in self.session.execute(query.with_only_columns(model.id, *self.label_columns)):
            self.labels[row.id] = self.row_label(row)
