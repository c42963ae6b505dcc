"""Write the search texts of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, inspect, select, update
from sqlalchemy.orm import Session

from app.bulk import insert_rows, is_one_of
from app.search.models import SEPARATOR, Searchable, searchables
from app.search.queries import own_text
from app.text import fold


def linked_text(session: Session, row: Any) -> str:
    """Return the folded name of the linked row of ``row``, or ""."""
    if row.search_linked is None:
        return ""
    relation = inspect(type(row)).relationships[row.search_linked]
    column = next(iter(relation.local_columns))
    # Read the foreign key, not the relationship: it may have been set alone.
    key = getattr(row, inspect(type(row)).get_property_by_column(column).key)
    linked = None if key is None else session.get(relation.mapper.class_, key)
    return fold(str(linked or ""))


def index_rows(session: Session, rows: Iterable[Searchable]) -> None:
    """Write the search texts of ``rows``, in one statement per model."""
    by_table: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        by_table.setdefault(row.search_table, []).append(
            {"row_id": row.id, "own": row.search_text(), "linked": linked_text(session, row)}
        )
    for table, texts in by_table.items():
        index_texts(session, table, texts)


def index_texts(session: Session, table: Any, texts: Sequence[dict[str, Any]]) -> None:
    """Write search texts, each a dictionary with ``row_id``, ``own`` and ``linked``.

    For bulk statements, which the session's listeners do not see.
    """
    if not texts:
        return
    rows = [
        {"row_id": text["row_id"], "text": f"{text['own']}{SEPARATOR}{text['linked']}"}
        for text in texts
    ]
    # A text that stays the same is not written into the index of trigrams again.
    insert_rows(session.connection(), table, rows, replacing=(table.c.row_id, table.c.text))


def update_linked_names(session: Session, linked_model: type, names: Mapping[int, str]) -> None:
    """Write the new names of rows, by id, into the search texts of the rows linked to them."""
    dialect = session.get_bind().dialect.name
    for model in searchables():
        if not names or not model.search_linked:
            continue
        relation = inspect(model).relationships[model.search_linked]
        if relation.mapper.class_ is not linked_model:
            continue
        column = next(iter(relation.local_columns))
        table = model.search_table
        own: Any = own_text(table, dialect)
        rows = inspect(model).local_table.c.id
        session.connection().execute(
            update(table)
            .where(table.c.row_id.in_(select(rows).where(column == bindparam("linked_id"))))
            .values(text=own.concat(bindparam("name"))),
            [
                {"linked_id": row_id, "name": SEPARATOR + fold(name)}
                for row_id, name in names.items()
            ],
        )


def write_linked_name(
    session: Session, model: Any, attribute: str, ids: Sequence[int], name: str
) -> None:
    """Write the name of the row that rows of a model are linked to now into their search texts.

    Nothing is done unless ``attribute`` is the link that their texts name.
    """
    if not issubclass(model, Searchable) or not model.search_linked:
        return
    (column,) = inspect(model).relationships[model.search_linked].local_columns
    if inspect(model).get_property_by_column(column).key != attribute:
        return
    table = model.search_table
    dialect = session.get_bind().dialect
    own: Any = own_text(table, dialect.name)
    statement = update(table).where(is_one_of(dialect, table.c.row_id, ids))
    session.connection().execute(statement.values(text=own.concat(SEPARATOR + fold(name))))


def rebuild(session: Session, model: type[Searchable], chunk: int = 2000) -> int:
    """Write the search text of every row of a model again; return how many there are."""
    last, count = 0, 0
    session.execute(delete(model.search_table))
    while True:
        rows = session.scalars(
            select(model)
            .where(model.id > last)
            .order_by(model.id)
            .limit(chunk)
            .execution_options(with_trash=True)
        ).all()
        if not rows:
            return count
        index_rows(session, rows)
        last, count = rows[-1].id, count + len(rows)
        session.commit()
        session.expunge_all()
