"""Tabs of the show page, one plug each. Every logged model has the tab *Log*."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from flask import g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.crud.actions import get_action
from app.crud.interface import parse_id
from app.crud.paging import MAX_COUNT
from app.extensions import db
from app.fieldtypes import get_field_type
from app.log.models import ACTOR_KINDS, CHANNELS, EVENTS, LogEntry, Logged, is_logged
from app.log.queries import count_entries, get_entries
from app.log.values import foreign_keys, many_to_many
from app.registry import Plug
from app.security.actor import ActorKind, current_actor
from app.security.rights import has_permission
from app.security.scope import sees_all, visible


class Tab(Plug):
    """A tab on the show page of every row of ``model``."""

    name: ClassVar[str]
    label: ClassVar[Any]
    model: ClassVar[type]
    template: ClassVar[str]
    order: ClassVar[int] = 50
    # The permission to open it, besides can_show of the view: (permission, view menu).
    right: ClassVar[tuple[str, str] | None] = None

    @classmethod
    def applies_to(cls, model: type) -> bool:
        """Return True if the show pages of a model have this tab."""
        return issubclass(model, cls.model)

    @classmethod
    def count(cls, session: Session, row: Any) -> int | None:
        """Return the number shown on the tab, or None."""
        return None

    @classmethod
    def content(cls, session: Session, row: Any, view: Any) -> dict[str, Any]:
        """Return the context of the template."""
        return {}


def get_tabs(model: type) -> list[type[Tab]]:
    """Return the tabs of a model that the user may open, in order."""
    return sorted(
        (
            tab
            for tab in Tab.all()
            if tab.applies_to(model) and (tab.right is None or has_permission(*tab.right))
        ),
        key=lambda t: t.order,
    )


@dataclass(frozen=True)
class Origin:
    """What a log entry was part of: a sentence, and a URL if the reader may open it."""

    text: str
    url: str = ""


class LogOrigins(Plug):
    """Finds what log entries were part of, such as an operation or an import."""

    @classmethod
    def of(cls, session: Session, entries: Sequence[LogEntry]) -> dict[int, Origin]:
        """Return the origin of each entry that has one, by entry id."""
        raise NotImplementedError


@dataclass(frozen=True)
class Difference:
    """One changed field of a log entry, formatted for display."""

    field: str
    label: Any
    old: str
    new: str
    can_put_back: bool


class LogTab(Tab):
    """The log entries of the row, newest first."""

    name = "log"
    label = _l("Log")
    model = Logged
    template = "crud/tabs/log.html"
    order = 1000
    page_size = 50

    @classmethod
    def applies_to(cls, model: type) -> bool:
        return is_logged(model)

    @classmethod
    def count(cls, session: Session, row: Any) -> int:
        return count_entries(session, row, MAX_COUNT)

    @classmethod
    def content(cls, session: Session, row: Any, view: Any) -> dict[str, Any]:
        before = parse_id(request.args.get("before", "")) if request.args.get("before") else None
        entries = get_entries(session, row, before=before, limit=cls.page_size + 1)
        shown = entries[: cls.page_size]
        return {
            "entries": [(entry, differences(row, entry, view)) for entry in shown],
            "origins": {
                number: origin
                for plug in LogOrigins.all()
                for number, origin in plug.of(session, shown).items()
            },
            "older": entries[cls.page_size - 1].id if len(entries) > cls.page_size else None,
            "events": EVENTS,
            # A user who may only edit settings sees what changed, but not who changed it.
            "who": partial(
                actor_label, names=view.is_personal or has_permission("can_list", "UserView")
            ),
            "kinds": ACTOR_KINDS,
            "channels": CHANNELS,
        }


def actor_label(entry: LogEntry, *, names: bool) -> str:
    """Return who made a change, named if ``names`` is true or it was the reader."""
    kind = entry.actor_kind
    if kind == ActorKind.STAFF:
        is_named = names or entry.actor_id == current_actor().id
        return entry.actor_name if is_named else _("A colleague")
    if kind == ActorKind.CONTACT:
        return entry.actor_name if names else _("A contact")
    return entry.actor_name or (_("System") if kind == ActorKind.SYSTEM else _("A visitor"))


def differences(row: Any, entry: Any, view: Any) -> list[Difference]:
    """Return the changed fields of an entry, labelled and formatted."""
    model = type(row)
    keys, many = foreign_keys(model), many_to_many(model)
    result = []
    for field, (old, new) in (entry.changes or {}).items():
        if field in many and entry.event == "changed" and len([*(old or ()), *(new or ())]) > 12:
            # Of a long list show only what was removed and what was added.
            removed = {pk for pk, _name in old} - {pk for pk, _name in new}
            added = {pk for pk, _name in new} - {pk for pk, _name in old}
            old = [pair for pair in old if pair[0] in removed]
            new = [pair for pair in new if pair[0] in added]
        name = keys[field][0] if field in keys else field
        result.append(
            Difference(
                field,
                view.get_label(name) if name in view.label_columns else _action_label(name),
                _format_value(model, field, old, keys, many),
                _format_value(model, field, new, keys, many),
                entry.event == "changed" and hasattr(model, field) and view.is_editable(name),
            )
        )
    return result


def _action_label(name: str) -> Any:
    """Return the label of a field that no form has: that of the collective action."""
    action = get_action(name)
    return name if action is None else action.label


def _format_value(model: type, field: str, value: Any, keys: dict, many: tuple) -> str:
    if value in (None, "", []):
        return ""
    if field in many:
        target = model.__mapper__.relationships[field].mapper.class_
        _load_labels(target, [row_id for row_id, _name in value])
        return ", ".join(_label(target, *v) for v in value)
    if field in keys:
        return _label(keys[field][1], *value)
    if field not in model.__mapper__.column_attrs:
        return str(value)
    column = model.__mapper__.column_attrs[field].columns[0]
    field_type = get_field_type(column)
    return field_type.show(field_type.from_json(value))


def _load_labels(target: type, ids: list[int]) -> None:
    """Load the labels of related rows into the cache of the request."""
    labels = g.setdefault("log_labels", {}).setdefault(target, {})
    missing = [row_id for row_id in ids if row_id not in labels]
    if not missing:
        return
    query = visible(target, current_actor()).where(target.id.in_(missing))
    for row in db.session.scalars(query.execution_options(with_trash=True)).unique():
        labels[row.id] = str(row)


def _label(target: type, row_id: int, label: str) -> str:
    """Return the current label of a related row, or the logged one if the row is gone."""
    labels = g.setdefault("log_labels", {}).setdefault(target, {})
    if row_id not in labels:
        row = db.session.scalar(
            select(target).where(target.id == row_id).execution_options(with_trash=True)
        )
        if row is None and _is_unscoped(target):
            labels[row_id] = label or f"#{row_id}"
        elif row is not None and _is_visible(target, row_id):
            labels[row_id] = str(row)
        else:
            labels[row_id] = _("Hidden (no access)")
    return labels[row_id]


def _is_unscoped(target: type) -> bool:
    """Return True if the reader's scope includes every row of a model."""
    return sees_all(target, current_actor())


def _is_visible(target: type, row_id: int) -> bool:
    query = visible(target, current_actor()).where(target.id == row_id)
    return db.session.scalar(query.execution_options(with_trash=True)) is not None
