"""Make the custom fields of the database fields of their models, in each process.

The definitions are compared with the database once a request, and before each chunk of a job, by
a stamp that is read with the user. If they have changed, the fields are registered anew and
screens, forms, importers and API resources follow. A process does so while it serves no other
request.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, current_app, g, request
from flask_login import current_user
from sqlalchemy import String, cast, func, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, selectinload

from app import added_fields
from app.added_fields import FORMER_FIELDS
from app.crud.added import rebuild_screens
from app.customfields.models import CustomField
from app.customfields.slots import FOLLOWERS, SlotField, register, remember
from app.database import connection_to_read
from app.extensions import db
from app.security.guard import is_public
from app.security.user_facts import UserFact
from app.subjects import Customizable, marked

# The stamp of a database without custom fields.
NO_FIELDS = "0--"
# How long a process waits for its other requests to end before it changes its fields all the same.
PATIENCE_SECONDS = 2.0


def _stamp() -> Any:
    """Select a text that changes with every definition; those in the trash count as well."""
    table = CustomField.__table__.c
    parts = (
        cast(func.count(table.id), String),
        func.coalesce(cast(func.sum(table.version), String), ""),
        func.coalesce(cast(func.max(table.updated_at), String), ""),
    )
    return select(parts[0].concat("-").concat(parts[1]).concat("-").concat(parts[2]))


class FieldStamp(UserFact):
    """The stamp of the custom fields."""

    @classmethod
    def expression(cls, user: Any) -> Any:
        return _stamp().scalar_subquery()


class _Requests:
    """Counts the requests that a process serves, so that fields change between them."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0
        self._is_closed = False

    def begin(self) -> None:
        with self._condition:
            self._condition.wait_for(lambda: not self._is_closed, PATIENCE_SECONDS)
            self._count += 1

    def end(self) -> None:
        with self._condition:
            self._count -= 1
            self._condition.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no request is served; those that come wait."""
        with self._condition:
            self._is_closed = True
            self._condition.wait_for(lambda: self._count <= 0, PATIENCE_SECONDS)
        try:
            yield
        finally:
            with self._condition:
                self._is_closed = False
                self._condition.notify_all()


_requests = _Requests()
_lock = threading.RLock()
# The stamp of the fields that are registered in this process.
_registered = NO_FIELDS


def init_app(app: Flask) -> None:
    """Compare the definitions with the database in each request of a signed-in user."""
    app.extensions["custom_fields"] = _registered
    added_fields.REFRESHERS.append(refresh)

    @app.before_request
    def refresh_fields() -> None:
        if request.endpoint is None or is_public(app, request.endpoint):
            # A visitor's page, or a static file: nobody's user is loaded for it.
            return
        _requests.begin()
        g.is_counted_request = True
        if current_user and current_user.is_authenticated:
            refresh(FieldStamp.find(getattr(current_user, "id", None)))

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        if g.pop("is_counted_request", False):
            _requests.end()


def refresh(stamp: str | None = None) -> None:
    """Register the fields as the database defines them now, if they have changed.

    ``stamp`` is what was read of the database a moment ago, if it was.
    """
    stamp = stamp or _read_stamp(db.session())
    if stamp == _registered == current_app.extensions["custom_fields"]:
        return
    # A request that waits for another one to do the same does nothing meanwhile.
    is_counted = g.get("is_counted_request", False)
    if is_counted:
        _requests.end()
    try:
        with _lock, _requests.alone():
            _register(db.session(), stamp)
            if current_app.extensions["custom_fields"] != stamp:
                _follow()
                current_app.extensions["custom_fields"] = stamp
    finally:
        if is_counted:
            _requests.begin()


def load(app: Flask) -> None:
    """Register the fields when the program starts, if the database can be read yet."""
    with app.app_context():
        try:
            with db.engine.connect() as connection:
                is_there = inspect(connection).has_table(CustomField.__tablename__)
            if is_there:
                refresh()
        except SQLAlchemyError:
            # Whatever needs the database will say so.
            pass
        finally:
            db.session.remove()
            # Processes that are forked from this one must not share its connections.
            for engine in db.engines.values():
                engine.dispose()


def forget_all() -> None:
    """Withdraw every field, as if none had been defined."""
    global _registered
    with _lock:
        for field in SlotField.all():
            field.remove()
        FORMER_FIELDS.clear()
        _forget_statements()
        _registered = NO_FIELDS
        _follow()
        current_app.extensions["custom_fields"] = NO_FIELDS


def _follow() -> None:
    """Let screens, resources and the collective action have the fields that there are now."""
    rebuild_screens(marked(Customizable))
    for follow in FOLLOWERS:
        follow()


def _forget_statements() -> None:
    """Clear what was cached with the fields of before, SQLAlchemy's compiled statements included."""
    added_fields.forget_fields()
    for engine in db.engines.values():
        engine.clear_compiled_cache()


def _read_stamp(session: Session) -> str:
    with connection_to_read(session) as connection:
        return connection.scalar(_stamp()) or NO_FIELDS


def _register(session: Session, stamp: str) -> None:
    global _registered
    if stamp == _registered:
        return
    query = (
        select(CustomField)
        .options(selectinload(CustomField.options), selectinload(CustomField.contact_types))
        .order_by(CustomField.position, CustomField.id)
        .execution_options(with_trash=True)
    )
    with connection_to_read(session) as connection, Session(connection) as own:
        definitions = list(own.scalars(query))
        for field in SlotField.all():
            field.remove()
        for definition in definitions:
            if definition.trashed_at is None and definition.slot is not None:
                register(definition)
            else:
                remember(definition)
    _forget_statements()
    _registered = stamp
