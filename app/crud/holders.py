"""Find out what keeps a row from being deleted: the rows of other models that are linked to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from flask_appbuilder import Model
from flask_babel import gettext as _
from sqlalchemy import Column, ColumnElement, Select, Table, func, select
from sqlalchemy.orm import Session

from app.crud.filterbase import SEPARATOR
from app.crud.screens import find_screen, screens
from app.i18n.counted import Counted
from app.repositories.models import Repository
from app.security.actor import Actor
from app.security.scope import sees_all, visible

# Linked rows are counted up to this number.
MAX_HELD = 1_000
# An actor who sees no more rows than this has them counted all.
MAX_SEEN = 20_000


class Link(NamedTuple):
    """A column that links rows of ``model`` to a row; for many-to-many relations ``via`` holds it."""

    model: type
    column: Column
    via: Table | None = None

    @property
    def own_key(self) -> Column:
        """Return the column of ``via`` that names rows of the model."""
        assert self.via is not None
        own: Any = self.model
        return next(k.parent for k in self.via.foreign_keys if k.column.table is own.__table__)

    def condition(self, row_id: int) -> ColumnElement[bool]:
        """Return the condition for the rows of the model that are linked to the row."""
        if self.via is None:
            return self.column == row_id
        own: Any = self.model
        return own.id.in_(select(self.own_key).where(self.column == row_id))

    def in_words(self, number: int) -> str:
        """Return a number of the model's rows in words, such as “57 contacts”.

        A number above ``MAX_HELD`` is “more than 1,000 contacts”.
        """
        text = _counted(self.model)(min(number, MAX_HELD))
        return _("more than %(rows)s", rows=text) if number > MAX_HELD else text

    def list_url(self) -> str:
        """Return the URL of the list of rows linked to a row, but for that row's id.

        Return an empty string if there is no such list or the user may not open it.
        """
        screen = find_screen(self.model)
        if screen is None or not screen.can("can_list"):
            return ""
        for name in filter(screen.datamodel.is_relation, screen.table.filters):
            relation = screen.datamodel.list_properties[name]
            if self.via is relation.secondary and (
                self.via is not None or self.column in relation.local_columns
            ):
                return f"{screen.route_base}/list/?{name}{SEPARATOR}is="
        return ""


def links_to(model: Any) -> Iterator[Link]:
    """Yield what may hold a row of a model: links that its deletion would break or lose.

    Of a repository and of roles that are also the many-to-many links of other models: no log
    would record that a contact lost its tag.
    """
    models = {screen.table.model for screen in screens()}
    mapped = {mapper.local_table: mapper.class_ for mapper in Model.registry.mappers}
    # Two classes may share a table: the one that has pages counts.
    mapped |= {one.__table__: one for one in models}
    for table in model.metadata.tables.values():
        for key in table.foreign_keys:
            if key.column.table is not model.__table__:
                continue
            if table in mapped:
                if key.ondelete is None or issubclass(model, Repository):
                    yield Link(mapped[table], key.parent)
                continue
            for mapper in Model.registry.mappers:
                if (
                    mapper.class_ in models
                    and mapper.class_ is not model
                    and any(one.secondary is table for one in mapper.relationships)
                ):
                    yield Link(mapper.class_, key.parent, table)


def lock_row(session: Session, row: Any) -> None:
    """Lock a row, so that nobody can link to it before it is deleted."""
    table = row.__table__
    session.execute(select(table.c.id).where(table.c.id == row.id).with_for_update())


def what_holds(session: Session, row: Any, actor: Actor) -> str:
    """Return what is linked to a row, such as “57 contacts, 3 users”; “” for nothing.

    Rows are counted within the actor's scope; others are only said to exist.
    """
    links = list(links_to(type(row)))
    if not links:
        return ""
    found = []
    counts = [_count(link, row.id, actor) for link in links]
    for link, number in zip(links, session.execute(select(*counts)).one(), strict=True):
        if number:
            found.append(link.in_words(number))
    if found:
        return ", ".join(found)
    if any(session.execute(query).first() for link in links for query in _any(link, row.id)):
        return _("items in the trash or that you don’t have access to")
    return ""


def count_links(
    session: Session, model: Any, ids: list[int], actor: Actor
) -> Iterator[tuple[Link, dict[int, int]]]:
    """Yield each link to a model, and how many rows it has by the id of the row it leads to.

    Rows are counted within the actor's scope, in one statement for each link, and up to
    ``MAX_HELD + 1`` unless the actor sees few rows.
    """
    for link in links_to(model):
        is_capped = _sees_many(session, link, actor)
        query = _capped_counts(model, link, ids, actor) if is_capped else _counts(link, ids, actor)
        yield link, {row[0]: row[1] for row in session.execute(query) if row[1]}


def _sees_many(session: Session, link: Link, actor: Actor) -> bool:
    """Return True unless an actor who works in some entities sees few rows of a link's model.

    Those few are soon counted all at once. To find the first thousand of a value among the rows
    of others may take as long as to read all of these.
    """
    if sees_all(link.model, actor):
        return True
    seen = _linked(link, actor).with_only_columns(cast("Any", link.model).id)
    count = select(func.count()).select_from(seen.limit(MAX_SEEN + 1).subquery())
    return (session.scalar(count) or 0) > MAX_SEEN


def _counts(link: Link, ids: list[int], actor: Actor) -> Select:
    """Select (id, number of rows linked to it)."""
    query = _linked(link, actor).where(link.column.in_(ids)).group_by(link.column)
    if link.via is not None:
        query = query.join(link.via, link.own_key == cast("Any", link.model).id)
    return query.with_only_columns(link.column, func.count(), maintain_column_froms=True)


def _capped_counts(model: Any, link: Link, ids: list[int], actor: Actor) -> Select:
    """Select (id, number of rows linked to it); of each id no more than ``MAX_HELD + 1`` are read."""
    target = model.__table__.alias()
    query = _linked(link, actor).where(link.column == target.c.id)
    if link.via is not None:
        query = query.join(link.via, link.own_key == cast("Any", link.model).id)
    rows = query.with_only_columns(link.column, maintain_column_froms=True).limit(MAX_HELD + 1)
    number = select(func.count()).select_from(rows.correlate(target).subquery()).scalar_subquery()
    return select(target.c.id, number).where(target.c.id.in_(ids))


def _linked(link: Link, actor: Actor) -> Select:
    """Select the rows that a link may lead from: in the actor's scope, and not in the trash."""
    model: Any = link.model
    query = visible(model, actor).order_by(None)
    return query.where(model.trashed_at.is_(None)) if hasattr(model, "trashed_at") else query


def _count(link: Link, row_id: int, actor: Actor) -> Any:
    query = _linked(link, actor).where(link.condition(row_id))
    rows = query.with_only_columns(cast("Any", link.model).id).limit(MAX_HELD + 1).subquery()
    return select(func.count()).select_from(rows).scalar_subquery()


def _any(link: Link, row_id: int) -> Iterator[Any]:
    """Yield queries of linked rows, whoever may see them and trashed ones included."""
    query = select(link.column).where(link.column == row_id).limit(1)
    trashed_at = link.column.table.c.get("trashed_at")
    if trashed_at is None:
        yield query
    else:
        # Apart, since an index covers either the rows of the list or those of the trash.
        yield query.where(trashed_at.is_(None))
        yield query.where(trashed_at.is_not(None))


def _counted(model: Any) -> Counted:
    """Return the function that puts a number of a model's rows into words."""
    screen = find_screen(model)
    return Counted("%(num)s item", "%(num)s items") if screen is None else screen.counted
