"""Populations: those who log in with accounts of one model, with pages and a cookie of their own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

from flask import Flask, Request, Response, g, request
from flask.sessions import SessionMixin
from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from app.database import KEEPS_PLAN
from app.extensions import db
from app.registry import Plug
from app.security import browser
from app.security.actor import NOBODY, Actor
from app.security.headers import CompactSessions
from app.security.models import LinkRow, RecoveryCodeRow, SessionRow
from app.security.scope import not_trashed
from app.security.sessions import live_conditions, session_values
from app.security.user_facts import UserFact, keep_facts


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
    def facts(cls) -> Sequence[type[UserFact]]:
        """Return what is read with the user."""
        return ()

    @classmethod
    def load_user(cls, session: Session, user_id: int | None = None) -> Any:
        """Return the user of this browser's live session, in one statement, or None.

        With ``user_id`` it must be that user.
        """
        token = browser.session_token()
        if token is None:
            return None
        found = session.execute(_user_query(cls), session_values(token))  # type: ignore[arg-type]
        row = found.unique().one_or_none()
        if row is None:
            return None
        user, *texts = row
        if user_id not in (None, user.id) or not cls.may_stay(user):
            return None
        keep_facts(user.id, dict(zip(cls.facts(), texts, strict=True)))
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


@cache
def _user_query(population: type[Population]) -> Select:
    """Return the statement that loads a user; it is built once, which costs more than to run it.

    It hides the trash itself: the loader criterion would make it a new statement each time.
    """
    users, sessions = population.users, population.sessions
    facts = [fact.expression(users).label(fact.column) for fact in population.facts()]
    conditions = live_conditions(sessions, moment=bindparam("moment"))
    query = (
        select(users, *facts)
        .join(sessions, sessions.user_id == users.id)
        .where(sessions.token_hash == bindparam("token_hash"), *conditions, not_trashed(users))
        .execution_options(with_trash=True, **KEEPS_PLAN)
    )
    return population.with_related(query)


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
