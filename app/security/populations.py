"""Populations: those who log in with accounts of one model, with pages and a cookie of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from flask import Flask, Request, Response, g, request
from flask.sessions import SessionMixin
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from app.extensions import db
from app.registry import Plug
from app.security import browser
from app.security.actor import NOBODY, Actor
from app.security.headers import CompactSessions
from app.security.models import LinkRow, RecoveryCodeRow, SessionRow
from app.security.sessions import hash_token, live_conditions


class Population(Plug):
    """Those who log in with accounts of one model, such as the staff or the contacts.

    Sessions, links and recovery codes are tables of its own, and in the pages below
    ``url_prefix`` the cookie is one of its own, too. So the id, the token or the cookie of one
    population is never valid in another one.
    """

    # The last part of the cookie's name; "" for the staff.
    name: ClassVar[str]
    # Where its pages are; "" for all pages that are no other population's.
    url_prefix: ClassVar[str]
    # The endpoint of its login page.
    login_endpoint: ClassVar[str]
    # The model of the accounts: rows with ``id``, ``is_active`` and ``as_actor()``.
    users: ClassVar[Any]
    sessions: ClassVar[type[SessionRow]]
    links: ClassVar[type[LinkRow] | None] = None
    recovery_codes: ClassVar[type[RecoveryCodeRow] | None] = None

    @classmethod
    def load_user(cls, session: Session, *conditions: ColumnElement[bool]) -> Any:
        """Return the user of this browser's live session, in one statement, or None."""
        token = browser.session_token()
        if token is None:
            return None
        query = (
            select(cls.users)
            .join(cls.sessions, cls.sessions.user_id == cls.users.id)
            .where(cls.sessions.token_hash == hash_token(token), *live_conditions(cls.sessions))
        )
        found = session.scalars(cls.with_related(query.where(*conditions))).unique()
        user = found.one_or_none()
        if user is None or not cls.may_stay(user):
            return None
        browser.touch(cls.sessions)
        return user

    @classmethod
    def with_related(cls, query: Select) -> Select:
        """Load what every request needs of the user in the same statement."""
        return query

    @classmethod
    def may_stay(cls, user: Any) -> bool:
        """Return True if a user who has a session may go on."""
        return user.is_active

    @classmethod
    def current_user(cls) -> Any:
        """Return the user of the request, loaded once, or None."""
        if "population_user" not in g:
            g.population_user = cls.load_user(db.session())
        return g.population_user

    @classmethod
    def current_actor(cls) -> Actor:
        """Return the user of the request as an actor; a visitor without one."""
        user = cls.current_user()
        return NOBODY if user is None else user.as_actor()

    @classmethod
    def cookie_name(cls, app: Flask) -> str:
        """Return the name of the cookie."""
        name = app.config["SESSION_COOKIE_NAME"]
        return f"{name}-{cls.name}" if cls.name else name


def population_at(path: str) -> type[Population] | None:
    """Return the population whose pages are at a path; None if they are the staff's."""
    for population in Population.all():
        prefix = population.url_prefix
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            return population
    return None


def current_population() -> type[Population] | None:
    """Return the population whose page is requested; None if it is the staff's."""
    return population_at(request.path)


def session_models() -> Sequence[type[SessionRow]]:
    """Return the models of the sessions of every population."""
    return [population.sessions for population in Population.all()]


class PopulationSessions(CompactSessions):
    """Flask's session, in the cookie of the population whose page is requested.

    The cookies are signed with different salts: one under another's name is not read.
    """

    def open_session(self, app: Flask, request: Request) -> Any:
        """Open the session of the page's population."""
        population = population_at(request.path)
        own = self if population is None else _OwnCookie(population)
        opened = CompactSessions.open_session(own, app, request)
        if opened is not None:
            opened.interface = own  # type: ignore[attr-defined]
        return opened

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Save the session in the cookie it was opened from."""
        own = getattr(session, "interface", self)
        CompactSessions.save_session(own, app, session, response)


class _OwnCookie(CompactSessions):
    """The cookie of one population."""

    def __init__(self, population: type[Population]) -> None:
        self.population = population
        self.salt = f"{CompactSessions.salt}-{population.name}"

    def get_cookie_name(self, app: Flask) -> str:
        return self.population.cookie_name(app)


def init_app(app: Flask) -> None:
    """Give each population a cookie of its own, and set the actor of the request."""
    app.session_interface = PopulationSessions()

    @app.before_request
    def set_actor() -> None:
        population = current_population()
        if population is not None:
            g.actor = population.current_actor()
