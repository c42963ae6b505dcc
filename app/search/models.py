"""The text a row is found by, in a table of its own beside the row.

It stands apart so that a change of a row does not rewrite a trigram index.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask_appbuilder import Model
from sqlalchemy import Column, ForeignKey, Index, Integer, Table

from app.types import FoldedText

# Stands between a row's own words and those of the row it hangs on (a contact's account).
# Folded words never hold it. One column of text, since its size decides the speed of a search.
SEPARATOR = "\x1f"


class Searchable:
    """A row that the search finds: by words of its own, and by the name of a row it hangs on."""

    search_table: ClassVar[Table]
    # The relationship whose target lends its name, if any.
    search_linked: ClassVar[str | None] = None

    def search_text(self) -> str:
        """Return the folded words this row is found by."""
        raise NotImplementedError


def search_table(target: str) -> Table:
    """Make the table that holds the searchable text of the rows of table ``target``."""
    name = f"{target}_search"
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
    )
    Index(
        f"ix_{name}_text",
        table.c.text,
        postgresql_using="gin",
        postgresql_ops={"text": "gin_trgm_ops"},
        info={"only": "postgresql"},
    ).ddl_if(dialect="postgresql")
    return table


def searchables() -> list[Any]:
    """Return every searchable model, in the order of their tables' names."""
    models = [m.class_ for m in Model.registry.mappers if issubclass(m.class_, Searchable)]
    return sorted(models, key=lambda model: model.__tablename__)
