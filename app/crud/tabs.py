"""Tabs of a file: a plug each. Every logged model has *Log*; rooms add their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.crud.actions import action_called
from app.crud.interface import as_id
from app.extensions import db
from app.fieldtypes import kind_of
from app.log.models import CHANNELS, EVENTS, LogEntry, Logged, is_logged
from app.log.queries import entries_of
from app.log.values import foreign_keys, many_to_many
from app.registry import Plug
from app.security.actor import current_actor
from app.security.rights import holds
from app.security.scope import visible


class Tab(Plug):
    """A tab on the file of every row of ``model``."""

    name: ClassVar[str]
    label: ClassVar[Any]
    model: ClassVar[type]
    template: ClassVar[str]
    order: ClassVar[int] = 50
    # The right it takes to open it, beyond that to open the file: (permission, resource).
    right: ClassVar[tuple[str, str] | None] = None

    @classmethod
    def suits(cls, model: type) -> bool:
        """Say whether the files of a model have this tab."""
        return issubclass(model, cls.model)

    @classmethod
    def count(cls, session: Session, row: Any) -> int | None:
        """Return the figure shown on the tab, if it has one."""
        return None

    @classmethod
    def content(cls, session: Session, row: Any, view: Any) -> dict[str, Any]:
        """Return what the template needs."""
        return {}


def tabs_of(model: type) -> list[type[Tab]]:
    """Return the tabs of a model's file, in order."""
    return sorted(
        (
            tab
            for tab in Tab.all()
            if tab.suits(model) and (tab.right is None or holds(*tab.right))
        ),
        key=lambda t: t.order,
    )


@dataclass(frozen=True)
class Origin:
    """What a log entry was part of: a sentence, and where to read on if the reader may."""

    text: str
    url: str = ""


class LogOrigins(Plug):
    """Tells of log entries what larger thing they were part of; higher rooms add theirs."""

    @classmethod
    def of(cls, session: Session, entries: Sequence[LogEntry]) -> dict[int, Origin]:
        """Return the origin of each entry that has one, by the entry's number."""
        raise NotImplementedError


@dataclass(frozen=True)
class Difference:
    """One field of a log entry, written for people."""

    field: str
    label: Any
    old: str
    new: str
    can_put_back: bool


class LogTab(Tab):
    """Everything that was done to the file."""

    name = "log"
    label = _l("Log")
    model = Logged
    template = "crud/tabs/log.html"
    order = 1000
    page_size = 50

    @classmethod
    def suits(cls, model: type) -> bool:
        return is_logged(model)

    @classmethod
    def content(cls, session: Session, row: Any, view: Any) -> dict[str, Any]:
        before = as_id(request.args.get("before", "")) if request.args.get("before") else None
        entries = entries_of(session, row, before=before, limit=cls.page_size + 1)
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
            # Whoever looks after settings alone is told what changed, not which colleague did it.
            "names_actors": view.is_personal or holds("can_list", "UserView"),
            "me": current_actor().id,
            "channels": CHANNELS,
        }


def differences(row: Any, entry: Any, view: Any) -> list[Difference]:
    """Return the fields an entry tells of, labelled and written for the reader."""
    model = type(row)
    keys, many = foreign_keys(model), many_to_many(model)
    found = []
    for field, (old, new) in (entry.changes or {}).items():
        if field in many and entry.event == "changed" and len([*(old or ()), *(new or ())]) > 12:
            # Of long lists only what went and what came.
            gone = {pk for pk, _name in old} - {pk for pk, _name in new}
            came = {pk for pk, _name in new} - {pk for pk, _name in old}
            old = [pair for pair in old if pair[0] in gone]
            new = [pair for pair in new if pair[0] in came]
        name = keys[field][0] if field in keys else field
        found.append(
            Difference(
                field,
                view.label_of(name) if name in view.label_columns else _label_of(name),
                _written(model, field, old, keys, many),
                _written(model, field, new, keys, many),
                entry.event == "changed" and hasattr(model, field) and view.is_editable(name),
            )
        )
    return found


def _label_of(name: str) -> Any:
    """Return what people call a field that no form has: what a collective action changed."""
    action = action_called(name)
    return name if action is None else action.label


def _written(model: type, field: str, value: Any, keys: dict, many: tuple) -> str:
    if value in (None, "", []):
        return ""
    if field in many:
        target = model.__mapper__.relationships[field].mapper.class_
        _learn_labels(target, [row_id for row_id, _name in value])
        return ", ".join(_label(target, *v) for v in value)
    if field in keys:
        return _label(keys[field][1], *value)
    if field not in model.__mapper__.column_attrs:
        return str(value)
    column = model.__mapper__.column_attrs[field].columns[0]
    kind = kind_of(column)
    if kind.name in ("day", "moment"):
        value = column.type.python_type.fromisoformat(value)
    return kind.show(value)


def _learn_labels(target: type, ids: list[int]) -> None:
    """Read the labels of many linked rows in two statements."""
    known = g.setdefault("log_labels", {}).setdefault(target, {})
    missing = [row_id for row_id in ids if row_id not in known]
    if not missing:
        return
    query = visible(target, current_actor()).where(target.id.in_(missing))
    for row in db.session.scalars(query.execution_options(with_trash=True)).unique():
        known[row.id] = str(row)


def _label(target: type, row_id: int, label: str) -> str:
    """Return a linked row's label as it reads now, else as the log kept it."""
    known = g.setdefault("log_labels", {}).setdefault(target, {})
    if row_id not in known:
        row = db.session.scalar(
            select(target).where(target.id == row_id).execution_options(with_trash=True)
        )
        if row is None and _was_for_all(target):
            known[row_id] = label or f"#{row_id}"
        elif row is not None and _is_seen(target, row_id):
            known[row_id] = str(row)
        else:
            known[row_id] = _("somebody or something you may not see")
    return known[row_id]


def _was_for_all(target: type) -> bool:
    """Say whether the reader could have seen any row of a model, also one that is gone."""
    return not hasattr(target, "scope") or current_actor().entity_ids is None


def _is_seen(target: type, row_id: int) -> bool:
    query = visible(target, current_actor()).where(target.id == row_id)
    return db.session.scalar(query.execution_options(with_trash=True)) is not None
