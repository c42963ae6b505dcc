"""Tabs of the show page, one plug each. Every logged model has the tab *Log*."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.added_fields import FORMER_FIELDS
from app.crud.actions import get_action
from app.crud.counting import count_capped
from app.crud.interface import parse_id
from app.crud.screens import may, may_list_users
from app.fieldtypes import get_field_type
from app.lines import line_column, line_relations
from app.log.events import event_labels
from app.log.models import (
    ACTOR_KINDS,
    CHANNELS,
    DETAIL_LABELS,
    LogEntry,
    Logged,
    is_logged,
)
from app.log.queries import get_entries, select_entry_ids
from app.log.values import foreign_keys, many_to_many
from app.registry import Plug
from app.security.actor import ActorKind, current_actor
from app.security.scope import sees_all, visible


class Tab(Plug):
    """A tab on the show page of every row of ``model``."""

    name: ClassVar[str]
    label: ClassVar[Any]
    model: ClassVar[type]
    template: ClassVar[str]
    order: ClassVar[int] = 50
    # What it takes to open it, besides can_show: a permission on the screen of a model.
    right: ClassVar[tuple[str, type] | None] = None

    @classmethod
    def applies_to(cls, model: type) -> bool:
        """Return True if the show pages of a model have this tab."""
        return issubclass(model, cls.model)

    @classmethod
    def is_allowed(cls) -> bool:
        """Return True if the user may open the tab."""
        return cls.right is None or may(*cls.right)

    @classmethod
    def select_counted(cls, row: Any) -> Select[Any] | None:
        """Select what is counted for the number on the tab; None for a tab without a number.

        All tabs are counted in one statement; see ``count_capped``.
        """
        return None

    @classmethod
    def content(cls, session: Session, row: Any, view: Any) -> dict[str, Any]:
        """Return the context of the template."""
        return {}


def get_tabs(model: type) -> list[type[Tab]]:
    """Return the tabs of a model that the user may open, in order."""
    return sorted(
        (tab for tab in Tab.all() if tab.applies_to(model) and tab.is_allowed()),
        key=lambda t: t.order,
    )


def count_tabs(
    session: Session, row: Any, tabs: Sequence[type[Tab]]
) -> list[tuple[type[Tab], int | None]]:
    """Return the tabs of a row with the number of each, all counted in one statement."""
    queries = {tab.name: query for tab in tabs if (query := tab.select_counted(row)) is not None}
    counts = count_capped(session, queries)
    return [(tab, counts.get(tab.name)) for tab in tabs]


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


class LinkLabels:
    """The current labels of the rows that log entries name, each read once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.labels: dict[tuple[type, int], str] = {}

    def load(self, target: Any, row_ids: list[int]) -> None:
        """Load the labels of some visible rows of a model in one statement."""
        missing = [row_id for row_id in row_ids if (target, row_id) not in self.labels]
        if not missing:
            return
        query = visible(target, current_actor()).where(target.id.in_(missing))
        for row in self.session.scalars(query.execution_options(with_trash=True)).unique():
            self.labels[target, row.id] = str(row)

    def get(self, target: Any, row_id: int, logged: str) -> str:
        """Return the current label of a row, or the logged one if the row is gone."""
        if (target, row_id) not in self.labels:
            self.labels[target, row_id] = self._read(target, row_id, logged)
        return self.labels[target, row_id]

    def _read(self, target: Any, row_id: int, logged: str) -> str:
        query = select(target).where(target.id == row_id)
        row = self.session.scalar(query.execution_options(with_trash=True))
        if row is None and _is_unscoped(target):
            return logged or f"#{row_id}"
        if row is not None and self._is_visible(target, row_id):
            return str(row)
        return _("Hidden (no access)")

    def _is_visible(self, target: Any, row_id: int) -> bool:
        query = visible(target, current_actor()).where(target.id == row_id)
        return self.session.scalar(query.execution_options(with_trash=True)) is not None


def _is_unscoped(target: type) -> bool:
    """Return True if the reader's scope includes every row of a model."""
    return sees_all(target, current_actor())


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
    def select_counted(cls, row: Any) -> Select[Any]:
        return select_entry_ids(row)

    @classmethod
    def content(cls, session: Session, row: Any, view: Any) -> dict[str, Any]:
        before = parse_id(request.args.get("before", "")) if request.args.get("before") else None
        entries = get_entries(session, row, before=before, limit=cls.page_size + 1)
        labels = LinkLabels(session)
        return timeline(
            session,
            entries,
            cls.page_size,
            lambda entry: differences(row, entry, view, labels),
            is_personal=view.is_personal,
        )


def timeline(
    session: Session,
    entries: Sequence[LogEntry],
    size: int,
    differences: Callable[[LogEntry], list[Difference]],
    *,
    is_personal: bool,
) -> dict[str, Any]:
    """Return what ``crud/tabs/log.html`` shows of entries: ``size`` of them, and if there are more."""
    shown = entries[:size]
    return {
        "entries": [(entry, differences(entry)) for entry in shown],
        "origins": {
            number: origin
            for plug in LogOrigins.all()
            for number, origin in plug.of(session, shown).items()
        },
        "older": shown[-1].id if len(entries) > size else None,
        "events": event_labels(),
        # A user who may only edit settings sees what changed, but not who changed it.
        "actor_label": partial(actor_label, names=is_personal or may_list_users()),
        "kinds": ACTOR_KINDS,
        "channels": CHANNELS,
    }


def actor_label(entry: LogEntry, *, names: bool) -> str:
    """Return who made a change, named if ``names`` is true or it was the reader."""
    kind = entry.actor_kind
    if kind == ActorKind.STAFF:
        is_named = names or entry.actor_id == current_actor().id
        # The name is empty if it was emptied by request.
        return (is_named and entry.actor_name) or _("A colleague")
    if kind == ActorKind.CONTACT:
        return (names and entry.actor_name) or _("A contact")
    return entry.actor_name or (_("System") if kind == ActorKind.SYSTEM else _("A visitor"))


def differences(row: Any, entry: Any, view: Any, labels: LinkLabels) -> list[Difference]:
    """Return the changed fields of an entry, labelled and formatted."""
    model = type(row)
    keys, many, lines = foreign_keys(model), many_to_many(model), line_relations(model)
    result = []
    for field, (old, new) in (entry.changes or {}).items():
        if field in many and entry.event == "changed" and len([*(old or ()), *(new or ())]) > 12:
            # Of a long list show only what was removed and what was added.
            removed = {pk for pk, _name in old} - {pk for pk, _name in new}
            added = {pk for pk, _name in new} - {pk for pk, _name in old}
            old = [pair for pair in old if pair[0] in removed]
            new = [pair for pair in new if pair[0] in added]
        if field in lines and entry.event == "changed":
            # The lines that stay as they are say nothing.
            old, new = (
                [line for line in some if line not in others]
                for some, others in ((old, new), (new, old))
            )
        name = keys[field][0] if field in keys else field
        result.append(
            Difference(
                field,
                view.get_label(name)
                if name in view.label_columns
                else _former_label(model, name) or _action_label(name),
                _format_value(model, field, old, labels),
                _format_value(model, field, new, labels),
                entry.event == "changed"
                # A column may have become a link since.
                and (field in keys or field in many or field in model.__mapper__.column_attrs)
                and view.is_editable(name),
            )
        )
    return result


def _former_label(model: Any, name: str) -> Any:
    """Return the label of a field that the model has no longer, or None."""
    return FORMER_FIELDS.get((model.__tablename__, name), (None,))[0]


def _action_label(name: str) -> Any:
    """Return the label of a field that no form has: a detail, or the collective action's."""
    action = get_action(name)
    return DETAIL_LABELS.get(name, name) if action is None else action.label


def _format_line(model: Any, line: dict[str, Any], labels: LinkLabels) -> str:
    """Return the logged values of a line as a line of text."""
    texts = []
    for name in model.fields:
        value = line.get(name)
        if name in model.__mapper__.relationships and value is not None:
            target = model.__mapper__.relationships[name].mapper.class_
            texts.append(labels.get(target, *value))
        elif value not in (None, ""):
            field_type = get_field_type(line_column(model, name))
            texts.append(field_type.show(field_type.from_json(value)))
    return " · ".join(texts)


def _format_value(model: type, field: str, value: Any, labels: LinkLabels) -> str:
    keys, many = foreign_keys(model), many_to_many(model)
    if value in (None, "", []):
        return ""
    if (line_model := line_relations(model).get(field)) is not None:
        return "\n".join(_format_line(line_model, line, labels) for line in value)
    if field in many:
        target = model.__mapper__.relationships[field].mapper.class_
        labels.load(target, [row_id for row_id, _name in value])
        return ", ".join(labels.get(target, *v) for v in value)
    if field in keys:
        return labels.get(keys[field][1], *value)
    if field not in model.__mapper__.column_attrs:
        former = FORMER_FIELDS.get((model.__tablename__, field))
        return former[1](value) if former else str(value)
    column = model.__mapper__.column_attrs[field].columns[0]
    field_type = get_field_type(column)
    try:
        return field_type.show(field_type.from_json(value))
    except (ValueError, TypeError, AttributeError):
        # A custom field may have been of another kind then.
        return str(value)
