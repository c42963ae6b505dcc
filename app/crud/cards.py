"""Cards of the start page about whatever has screens: saved views, recent changes, the trash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from app.crud.models import SavedView
from app.crud.screens import Screen, menu_order, registered, screen_named, screens
from app.crud.startpage import ContentCard, Todo, TodoEntry, list_url, select_listed
from app.crud.trashview import TrashView
from app.i18n.clock import today
from app.log.models import EVENTS, LogEntry
from app.security.actor import ActorKind, current_actor
from app.security.scope import not_trashed, scope_condition, visible

# How long before rows are deleted permanently the start page says so.
WARNING_DAYS = 7
# How far back in the log one's own changes are looked for: it is not indexed by its actors.
MAX_ENTRIES_READ = 10_000
MAX_CHANGES = 6
MAX_SAVED_VIEWS = 12


class TrashTodo(Todo):
    """What will be deleted permanently within a week, if the trash empties itself."""

    icon = "trash3"
    order = 80

    @classmethod
    def is_allowed(cls) -> bool:
        return bool(current_app.config["TRASH_DAYS"] and _trashes())

    @classmethod
    def entries(cls) -> Sequence[TodoEntry]:
        latest = today() - timedelta(days=max(current_app.config["TRASH_DAYS"] - WARNING_DAYS, 0))
        query = {"trashed_at__to": latest.isoformat()}
        return [
            TodoEntry(
                select_listed(screen, query),
                partial(_deleted_soon, screen),
                list_url(screen, query),
            )
            for screen in _trashes()
        ]


def _deleted_soon(screen: TrashView, number: int) -> str:
    rows = screen.counted(number)
    return _("%(rows)s in the trash will be deleted permanently within a week", rows=rows)


def _trashes() -> list[TrashView]:
    views = registered(TrashView)
    return sorted(
        (view for view in views if view.can("can_list") and view.can_be_purged), key=menu_order
    )


class SavedViewsCard(ContentCard):
    """The saved views that the user sees as tabs above lists."""

    name = "saved-views"
    label = _l("Saved views")
    icon = "bookmark"
    template = "crud/cards/saved_views.html"
    order = 20

    @classmethod
    def content(cls, session: Session) -> dict[str, Any] | None:
        query = visible(SavedView, current_actor()).order_by(SavedView.id)
        found = session.scalars(query.limit(10 * MAX_SAVED_VIEWS))
        rows = [(view, screen_named(view.list_name)) for view in found]
        allowed = [(view, screen) for view, screen in rows if screen and screen.can("can_list")]
        shown = sorted(allowed, key=lambda row: (menu_order(row[1]), row[0].name))
        return {"views": shown[:MAX_SAVED_VIEWS]} if shown else None


class RecentChangesCard(ContentCard):
    """The rows that the user has changed last, and may still open."""

    name = "recent-changes"
    label = _l("Your latest changes")
    icon = "clock-history"
    template = "crud/cards/recent_changes.html"
    order = 30

    @classmethod
    def content(cls, session: Session) -> dict[str, Any] | None:
        by_type = {
            screen.table.model.__tablename__: screen
            for screen in screens()
            if not screen.is_trash and screen.can("can_show")
        }
        entries = _own_entries(session, by_type)
        seen = _visible_pairs(session, entries, by_type)
        shown = [
            (entry, by_type[entry.subject_type])
            for entry in entries
            if (entry.subject_type, entry.subject_id) in seen
        ]
        return {"changes": shown[:MAX_CHANGES], "events": EVENTS} if shown else None


def _own_entries(session: Session, types: Iterable[str]) -> Sequence[Any]:
    """Return the last log entry by the user on each of the rows they changed last, newest first."""
    newest = select(func.max(LogEntry.id)).scalar_subquery()
    last = (
        select(func.max(LogEntry.id).label("id"))
        .where(
            LogEntry.id > newest - MAX_ENTRIES_READ,
            LogEntry.actor_id == current_actor().id,
            LogEntry.actor_type == ActorKind.STAFF,
            LogEntry.subject_type.in_(sorted(types)),
            LogEntry.event.in_(("created", "changed", "restored")),
        )
        .group_by(LogEntry.subject_type, LogEntry.subject_id)
        .order_by(func.max(LogEntry.id).desc())
        # Some of them may be out of the user's scope, or gone.
        .limit(3 * MAX_CHANGES)
        .subquery()
    )
    query = select(
        LogEntry.subject_type,
        LogEntry.subject_id,
        LogEntry.subject_name,
        LogEntry.event,
        LogEntry.at,
    )
    return session.execute(
        query.join(last, last.c.id == LogEntry.id).order_by(LogEntry.id.desc())
    ).all()


def _visible_pairs(
    session: Session, entries: Sequence[Any], by_type: dict[str, Screen]
) -> set[tuple[str, int]]:
    """Return the (type, id) of the rows of entries that the user may see, in one statement."""
    queries = []
    for name in {entry.subject_type for entry in entries}:
        model = by_type[name].table.model
        ids = {entry.subject_id for entry in entries if entry.subject_type == name}
        # The criterion that hides the trash does not reach into a union.
        queries.append(
            select(literal(name), model.id).where(
                model.id.in_(ids), scope_condition(model, current_actor()), not_trashed(model)
            )
        )
    if not queries:
        return set()
    return {(row[0], row[1]) for row in session.execute(union_all(*queries))}
