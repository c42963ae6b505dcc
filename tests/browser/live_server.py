"""The application served on a free port, with direct access to its database and its messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from flask import Flask
from flask_appbuilder.security.sqla.models import Role
from flask_babel import force_locale, get_translations, gettext
from sqlalchemy import select
from waitress.server import create_server

from app.entities.models import Entity
from app.extensions import db
from app.security.passwords import hash_password
from app.security.rights import ADMINISTRATOR
from app.staff.models import StaffUser
from tests.databases import empty_database, make_app
from tests.people import force_login, seed_people
from tests.servers import running

PASSWORD = "lluvia tractor violín nogal"
# Administrators whose settings no test changes; each uses one language.
ENGLISH, SPANISH = "english", "spanish"
LANGUAGES = {ENGLISH: "en", SPANISH: "es"}
_number = count(1)


class LiveServer:
    """A running server: its application, URL, users and translated messages."""

    def __init__(self, app: Flask, url: str) -> None:
        self.app, self.url = app, url
        self._cookies: dict[str, dict[str, str]] = {}

    def add_user(self, role: str = ADMINISTRATOR, *, name: str = "", language: str = "en") -> str:
        """Add an active user with a role; return the user name."""
        name = name or f"user{next(_number)}"
        with self.app.app_context():
            root = select(Entity).where(Entity.parent_id.is_(None))
            user = StaffUser(
                username=name,
                first_name=name.capitalize(),
                last_name="Núñez",
                email=f"{name}@example.org",
                active=True,
                password=hash_password(PASSWORD),
                language=language,
                entity=db.session.scalars(root).one(),
            )
            user.roles = [db.session.scalars(select(Role).where(Role.name == role)).one()]
            db.session.add(user)
            db.session.commit()
        return name

    def user_id(self, name: str) -> int:
        """Return the id of a user."""
        with self.app.app_context():
            query = select(StaffUser.id).where(StaffUser.username == name)
            return db.session.scalars(query).one()

    def set_language(self, name: str, language: str) -> None:
        """Change the language of a user."""
        with self.app.app_context():
            db.session.get_one(StaffUser, self.user_id(name)).language = language
            db.session.commit()

    def session_cookie(self, name: str) -> dict[str, str]:
        """Return the session cookie of a logged-in user; each user has one session."""
        if name not in self._cookies:
            user_id = self.user_id(name)
            with self.app.app_context():
                client = self.app.test_client()
                force_login(client, user_id)
                cookie = client.get_cookie(self.app.config["SESSION_COOKIE_NAME"])
            self._cookies[name] = {"name": cookie.key, "value": cookie.value, "url": self.url}
        return self._cookies[name]

    def text(self, message: str, language: str = "en", **values: Any) -> str:
        """Return a message of the catalogue in a language; fail if it is not in the catalogue."""
        with self.app.test_request_context(), force_locale("es"):
            assert message in get_translations()._catalog, f"“{message}” is not in the catalogue"
        with self.app.test_request_context(), force_locale(language):
            return gettext(message, **values)


def _record_errors(app: Flask, errors: list[str]) -> Callable:
    """Return a WSGI application that records responses of 404 and 5xx."""

    def respond(environ, start_response):
        def start(status: str, *more):
            if status[0] == "5" or status.startswith("404"):
                errors.append(f"{status}: {environ['PATH_INFO']}?{environ['QUERY_STRING']}")
            return start_response(status, *more)

        return app(environ, start)

    return respond


@contextmanager
def start_server(folder: Path, errors: list[str]) -> Iterator[LiveServer]:
    """Serve the application over a SQLite database with the demo data and the usual people."""
    with empty_database("sqlite", folder) as database:
        app = make_app(database, folder, WTF_CSRF_ENABLED=True, TESTING=False)
        setup = app.test_cli_runner().invoke(args=["setup"])
        assert setup.exit_code == 0, setup.output
        with app.app_context():
            seed_people(app.appbuilder.grants())
        server = create_server(_record_errors(app, errors), host="127.0.0.1", port=0, threads=4)
        live = LiveServer(app, f"http://127.0.0.1:{server.effective_port}")
        for name, language in LANGUAGES.items():
            live.add_user(name=name, language=language)
        with running(server):
            yield live
        with app.app_context():
            db.engine.dispose()
