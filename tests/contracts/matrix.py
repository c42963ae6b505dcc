"""The permission matrix: which role may open which route, found by requesting all of them.

``make permissions`` writes ``permissions.txt`` again; review the change. A line names the roles
that are not refused. For a URL with a row id it also gives the status codes that users of the
Northern entity get for a row of theirs (own), one of the Southern entity (foreign), one in the
trash (trashed) and one that does not exist (missing).

Each request is rolled back; after refused ones the whole database is compared with its state
before.
"""

from __future__ import annotations

import logging
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import Connection, select
from werkzeug.routing import Rule

from app.crud.modelview import ModelView
from app.extensions import db
from app.security.areas import Area, Level
from app.security.guard import is_public
from app.security.models import SignInSession
from app.security.rights import ADMINISTRATOR
from app.security.roles import LIMITED_ADMINISTRATOR, role_name
from app.security.sessions import create_session
from app.staff.models import StaffUser
from app.types import now
from tests.contracts.fingerprint import changed_tables, fingerprint, writes
from tests.contracts.pagereader import find_post_form
from tests.contracts.routes import build_path, get_view, is_api_rule, methods, rules
from tests.contracts.url_values import RowPool, url_cases
from tests.databases import migrated_app, undone
from tests.people import Person, add_person, api_key_header, force_login
from tests.portal import Portal, add_portal_user, portal_cookie, the_portal

FILE = Path(__file__).with_name("permissions.txt")
VISITOR, CONTACT, PENDING, NO_ROLE = "Visitor", "Contact", "Pending session", "No role"
AREA_ROLES = tuple(
    role_name(area, level)
    for area in (Area.CONTACTS, Area.SETTINGS, Area.SECURITY)
    for level in (Level.READ, Level.EDIT)
)
ROLES = (*AREA_ROLES, LIMITED_ADMINISTRATOR, ADMINISTRATOR)
# Those whom the back-office treats as not signed in.
SIGNED_OUT = (VISITOR, CONTACT, PENDING)
ALL_ROLES = (*SIGNED_OUT, NO_ROLE, *ROLES)
_ROLE = f"({'|'.join(map(re.escape, ALL_ROLES))})"


@dataclass(frozen=True)
class MatrixRequest:
    """A method of a route; with ``form``, an action on selected rows."""

    method: str
    rule: Rule
    view: Any
    form: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Return the beginning of the line."""
        action = f" action={self.form['action']}" if "action" in self.form else ""
        return f"{self.method:<5} {self.rule.rule + action:<60}"

    @property
    def names_a_row(self) -> bool:
        """Return True if the request is about one row."""
        return bool(self.rule.arguments) or "action" in self.form


@dataclass
class Matrix:
    """Requests every route; ``lines`` is the file, ``changed`` lists refusals that changed data."""

    app: Flask
    connection: Connection
    # The line expected of a request; without it each role is asked alone.
    expected: Callable[[MatrixRequest], str] | None = None
    lines: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.users: dict[str, StaffUser | None] = {VISITOR: None, CONTACT: None}
        with the_portal(self.connection):
            cookie = portal_cookie(self.app, add_portal_user(1).id)
        self.cookies = {VISITOR: "", CONTACT: cookie}
        self.keys: dict[str, dict[str, str]] = {role: {} for role in SIGNED_OUT}
        for role in (PENDING, NO_ROLE, *ROLES):
            self.users[role], self.cookies[role] = self._add_user(role)
        db.session.commit()
        self.things = RowPool()

    def _add_user(self, role: str, *others: str) -> tuple[StaffUser, str]:
        name = role.lower().replace(": ", "-").replace(" ", "-")
        name += f"-and-others-{len(self.users)}" if others else ""
        held = None if role in (PENDING, NO_ROLE) else role
        user, browser = add_person(Person(name, "Norte", held)), self.app.test_client()
        for other in others:
            query = select(Role).where(Role.name == other)
            user.roles.append(db.session.scalars(query).one())
        db.session.flush()
        if role == PENDING:
            token = create_session(db.session(), SignInSession, user.id, is_full=False)
            with browser.session_transaction() as cookies:
                cookies["pending_token"], cookies["pending_since"] = token, int(now().timestamp())
        else:
            force_login(browser, user.id)
        cookie = browser.get_cookie(self.app.config["SESSION_COOKIE_NAME"])
        assert cookie is not None
        if role != PENDING:
            self.keys[" + ".join((role, *others))] = api_key_header(user.id)
        return user, cookie.value

    def _browser(self, role: str) -> FlaskClient:
        """Return a new browser with the original session cookie of a role's user."""
        browser = self.app.test_client()
        name = self.app.config["SESSION_COOKIE_NAME"]
        if self.cookies[role]:
            browser.set_cookie(name, self.cookies[role])
        if role == CONTACT:
            browser.set_cookie(Portal.cookie_name(self.app), self.cookies[role])
        return browser

    def request_all(self, requests: Iterable[MatrixRequest]) -> Matrix:
        """Fill in ``lines`` and ``changed``."""
        for request in requests:
            may = self._allowed_roles(request)
            codes = self._status_codes(request, may) if request.names_a_row else ""
            self.lines.append(f"{request.label}{_describe_roles(may):<62}{codes}".rstrip())
        return self

    def _allowed_roles(self, request: MatrixRequest) -> list[str]:
        refused = self._refused_together(request)
        asked = [role for role in ALL_ROLES if role not in refused]
        url = build_path(request.rule)
        requests = [(role, role, url, request.form) for role in asked]
        replies = dict(self._send(request, requests, refused_as_none=True))
        return [role for role in asked if replies[role] is not None]

    def _refused_together(self, request: MatrixRequest) -> list[str]:
        """Return roles that are refused even to a user who holds all of them, if that is expected.

        No role takes away what another gives: so each of them alone is refused too.
        """
        if self.expected is None:
            return []
        expected = roles_in(self.expected(request))
        roles = [role for role in ROLES if role not in expected]
        if len(roles) < 2:
            return []
        together = " + ".join(roles)
        if together not in self.users:
            self.users[together], self.cookies[together] = self._add_user(*roles)
        asked = [(together, together, build_path(request.rule), request.form)]
        is_refused = dict(self._send(request, asked, refused_as_none=True))[together] is None
        return roles if is_refused else []

    def _status_codes(self, request: MatrixRequest, may: list[str]) -> str:
        """Return the status codes for rows of each kind, by role where they differ."""
        by_codes: dict[str, list[str]] = {}
        for role in may:
            if (user := self.users[role]) is None:
                continue
            requests = []
            for which, url, form in self._rows(request, user):
                form = form if which != "own" else self._filled_in(request, role, url, form)
                requests.append((which, role, url, form))
            codes = ", ".join(f"{which} {code}" for which, code in self._send(request, requests))
            by_codes.setdefault(codes, []).append(role)
        if len(by_codes) <= 1:
            return "".join(by_codes)
        return "; ".join(
            f"{codes} ({_describe_roles(roles)})" for codes, roles in by_codes.items()
        )

    def _rows(self, request: MatrixRequest, user: StaffUser) -> Iterator[tuple[str, str, dict]]:
        if "action" in request.form:
            rule = next(
                r for r in rules(self.app) if r.endpoint == f"{request.view.endpoint}.show"
            )
            for which, arguments in url_cases(self.things, request.view, rule, user):
                yield which, request.rule.rule, request.form | {"rowid": str(arguments["pk"])}
            return
        for which, arguments in url_cases(self.things, request.view, request.rule, user):
            with self.app.test_request_context():
                url = self.app.url_for(request.rule.endpoint, **arguments)
            yield which, url, request.form

    def _filled_in(self, request: MatrixRequest, role: str, url: str, form: dict) -> dict:
        """Return the values that the page's own form submits, if there is a page."""
        if request.method != "POST" or "GET" not in (request.rule.methods or ()):
            return form
        page = self._browser(role).get(url)
        return find_post_form(page.text).submitted() if page.status_code == 200 else form

    def _send(
        self, request: MatrixRequest, requests: list, refused_as_none: bool = False
    ) -> Iterator[tuple]:
        """Yield (name, status code) of each request; roll back, and compare after refusals.

        With ``refused_as_none`` the code is None if access was refused.
        """
        refused, after = [], None
        # Pending changes of the session are not the requests' doing.
        db.session.commit()
        with writes() as written, undo(self.connection):
            for name, role, url, form in requests:
                db.session.commit()
                one, written_before = self.connection.begin_nested(), len(written)
                reply = self._reply(request, role, url, form)
                code = reply.status_code
                is_sent_to_login = (
                    role in SIGNED_OUT
                    and not is_public(self.app, request.rule.endpoint)
                    and code == 302
                    and (reply.location or "").startswith("/login/")
                )
                if code >= 400 or is_sent_to_login:
                    refused.append(f"{name} {code}")
                    one.commit()
                else:
                    one.rollback()
                    del written[written_before:]
                is_refused = is_sent_to_login or code in (401, 403)
                yield name, None if refused_as_none and is_refused else code
            if written:
                after = fingerprint(self.connection)
        if after is not None and (changed := changed_tables(fingerprint(self.connection), after)):
            self.changed.append(f"{request.label.strip()} ({'; '.join(refused)}): {changed}")

    def _reply(self, request: MatrixRequest, role: str, url: str, form: dict) -> Any:
        """Send a request: with a session, or to the API with a key."""
        browser = self._browser(role)
        if not is_api_rule(request.rule):
            # An error is then one sentence of JSON, not a page with the whole menu.
            accept = {"Accept": "application/json"}
            return browser.open(
                url, method=request.method, data=form, headers=accept, buffered=True
            )
        options = {"headers": self.keys[role], "buffered": True}
        if request.method == "PATCH":
            read = browser.get(url, **options).get_json()
            return browser.patch(url, json={"version": read.get("version", 0)}, **options)
        body = {"json": {}} if request.method == "POST" else {}
        return browser.open(url, method=request.method, **options, **body)


class undo:  # noqa: N801 - reads as a verb
    """Roll back the changes made in the block."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        # A transaction begun before would end inside the block, with the savepoint.
        db.session.commit()
        self.work = self.connection.begin_nested()

    def __exit__(self, *_raised: Any) -> None:
        db.session.rollback()
        self.work.rollback()


def all_requests(app: Flask) -> Iterator[MatrixRequest]:
    """Yield every method of every route, then every action."""
    for rule in rules(app):
        for method in methods(rule):
            yield MatrixRequest(method, rule, get_view(app, rule))
    by_endpoint = {rule.endpoint: rule for rule in rules(app)}
    for view in sorted(app.appbuilder.baseviews, key=lambda view: view.route_base or ""):
        if isinstance(view, ModelView):
            for name in sorted(view.actions):
                rule = by_endpoint[f"{view.endpoint}.action_post"]
                yield MatrixRequest("POST", rule, view, {"action": name})


def _describe_roles(may: list[str]) -> str:
    if may == list(ALL_ROLES):
        return "everybody"
    if may == [NO_ROLE, *ROLES]:
        return "whoever is signed in"
    if may == list(ROLES):
        return "whoever holds a role"
    return ", ".join(may) or "nobody"


def roles_in(line: str) -> list[str]:
    """Return the roles that a line of the file names; all, if it is no line."""
    for roles in (list(ALL_ROLES), [NO_ROLE, *ROLES], list(ROLES), []):
        if re.search(rf"  {_describe_roles(roles)}(  |$)", line):
            return roles
    found = re.search(rf"  ({_ROLE}(, {_ROLE})*)(  |$)", line)
    return found[1].split(", ") if found else list(ALL_ROLES)


def main(only: str) -> None:
    """Write the file; with ``only``, print the lines of the routes that begin with it."""
    logging.disable(logging.WARNING)
    with (
        tempfile.TemporaryDirectory() as folder,
        migrated_app("sqlite", Path(folder), with_people=True) as app,
        app.app_context(),
        undone() as connection,
    ):
        requests = [r for r in all_requests(app) if r.rule.rule.startswith(only)]
        matrix = Matrix(app, connection).request_all(requests)
    if only:
        print("\n".join(matrix.lines))
    else:
        FILE.write_text("\n".join(matrix.lines) + "\n", encoding="utf-8")
    print("\n".join(f"A refusal changed something: {line}" for line in matrix.changed))


if __name__ == "__main__":
    main("".join(sys.argv[1:]))
