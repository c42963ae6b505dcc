"""The values of all settings, cached by the process and compared with the database when used.

A request, or a transaction outside of one, asks the database at most once whether anything has
changed: the sum of the versions grows with every change. A page reads it with its user.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, current_app, g, has_app_context, has_request_context
from sqlalchemy import Connection, String, cast, event, func, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.database import connection_to_read
from app.extensions import db
from app.security.user_facts import UserFact
from app.settings.kinds import Setting
from app.settings.models import StoredSetting


class SettingsCache:
    """The values of a process, and the stamp of the rows they were read from."""

    def __init__(self) -> None:
        # Replaced as a whole: threads need no lock.
        self._cached: tuple[str | None, dict[str, Any]] = (None, {})

    def get(self, key: str) -> Any:
        """Return the value of a setting."""
        if "settings" not in g:
            g.settings = self._current()
        return g.settings[key]

    def _current(self) -> Mapping[str, Any]:
        session = db.session()
        stamp = Stamp.take()
        if stamp is not None and stamp == self._cached[0]:
            return self._cached[1]
        try:
            with connection_to_read(session) as connection:
                if session.info.get("settings_changed"):
                    # Not committed yet: nobody else must see it.
                    return _load(connection)[1]
                if self._cached[0] is None and not inspect(connection).has_table("setting"):
                    return _with_defaults({})
                if (
                    self._cached[0] is None
                    or (stamp or connection.scalar(_STAMP)) != self._cached[0]
                ):
                    self._cached = _load(connection)
        except SQLAlchemyError:
            # The page that reports the error needs a language and a time zone too.
            return self._cached[1] or _with_defaults({})
        return self._cached[1]


def init_app(app: Flask) -> None:
    """Give the application its cache."""
    app.extensions["settings"] = SettingsCache()


def get_setting(key: str) -> Any:
    """Return the value of a setting; its default if it was never set."""
    return current_app.extensions["settings"].get(key)


class Stamp(UserFact):
    """What every change of a setting changes, in whatever process it is made."""

    @classmethod
    def expression(cls, user: Any) -> Any:
        """Return the sum of the versions and the time of the last change."""
        column = StoredSetting.__table__.alias("stamped").c
        versions, changed = func.sum(column.version), func.max(column.updated_at)
        return select(
            func.coalesce(cast(versions, String).concat(" ").concat(cast(changed, String)), "")
        ).scalar_subquery()


_STAMP = select(Stamp.expression(None))
_ROWS = select(
    StoredSetting.__table__.c.key, StoredSetting.__table__.c.value, Stamp.expression(None)
)


def _load(connection: Connection) -> tuple[str, dict[str, Any]]:
    """Read every setting and the stamp, in one statement."""
    rows = connection.execute(_ROWS).all()
    stored = {key: value for key, value, _stamp in rows if value is not None}
    return rows[0][2] if rows else "", _with_defaults(stored)


def _with_defaults(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {
        setting.key: setting.from_json(stored[setting.key])
        if setting.key in stored
        else setting.get_default()
        for setting in Setting.all()
    }


@event.listens_for(Session, "after_flush")
def _note_changes(session: Session, _context) -> None:
    if any(isinstance(row, StoredSetting) for row in (*session.new, *session.dirty)):
        session.info["settings_changed"] = True
        _forget()


@event.listens_for(Session, "after_transaction_end")
def _forget_after_transaction(session: Session, transaction) -> None:
    """Compare again after a change; outside of a request after every transaction."""
    if transaction.parent is None and (
        session.info.pop("settings_changed", False) or not has_request_context()
    ):
        _forget()


def _forget() -> None:
    if has_app_context():
        Stamp.take()
        g.pop("settings", None)
