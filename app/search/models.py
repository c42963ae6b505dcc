"""The search tables: the search text of each row, in a table of its own.

It is not a column of the row, so that other changes of the row do not rewrite a trigram index.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask_appbuilder import Model
from sqlalchemy import Column, ForeignKey, Index, Integer, Table

from app.types import FoldedText

# Separates a row's own text from that of the linked row (a contact's account). Folded text never
# contains it. Both share a column, since the number of rows read decides the speed of a search.
SEPARATOR = "\x1f"


class Searchable:
    """Mixin: the search finds the row by its own text and by the name of one linked row."""

    search_table: ClassVar[Table]
    # Name of the relationship whose target's name is searched too, if any.
    search_linked: ClassVar[str | None] = None
    # The columns that ``search_text``, the link and the name of a row are made of: a change of
    # others writes no search text. None if any column may be among them.
    search_columns: ClassVar[tuple[str, ...] | None] = None
    # Names of the indexed dates that a date typed in the search is compared with.
    search_dates: ClassVar[tuple[str, ...]] = ()
    # Name of the indexed number that “No. 47” finds.
    search_number: ClassVar[str | None] = None

    def search_text(self) -> str:
        """Return the folded text this row is found by."""
        raise NotImplementedError


def search_table(target: str, *, is_scoped: bool = False) -> Table:
    """Return the table of the search texts of the rows of table ``target``.

    If these rows have an entity, which the scope depends on, it may stand beside the text: then
    PostgreSQL reads the texts that are in the scope alone. See ``schema.entity_statements``.
    """
    name = f"{target}_search"
    columns = [Column("entity_id", Integer)] if is_scoped else []
    table = Table(
        name,
        Model.metadata,
        Column(
            "row_id",
            Integer,
            ForeignKey(f"{target}.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        Column("text", FoldedText(), nullable=False),
        *columns,
    )
    Index(
        f"ix_{name}_text",
        table.c.text,
        postgresql_using="gin",
        postgresql_ops={"text": "gin_trgm_ops"},
        info={"only": "postgresql"},
    ).ddl_if(dialect="postgresql")
    for column in columns:
        only = {"only": "postgresql"}
        Index(f"ix_{name}_entity_id", column, info=only).ddl_if(dialect="postgresql")
    return table


def searchables() -> list[Any]:
    """Return every searchable model, in the order of their tables' names."""
    models = [m.class_ for m in Model.registry.mappers if issubclass(m.class_, Searchable)]
    return sorted(models, key=lambda model: model.__tablename__)
