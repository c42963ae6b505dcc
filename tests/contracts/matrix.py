"""Who may open what: route by route, asked of the program itself.

``make permissions`` writes ``permissions.txt`` again; the change is then reviewed. A line names
those who get past the door. Of an address that takes a number it also says what somebody of the
Northern entity who gets in is told about a row of their own, one of the Southern entity
(foreign), one in the trash and one that is not there (missing).

Nothing that is asked stays: each request is undone, and after those that were refused the whole
database is compared with what it was before.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection
from werkzeug.routing import Rule

from app.crud.modelview import ModelView
from app.extensions import db
from app.security.areas import Area, Level
from app.security.guard import is_public
from app.security.rights import ADMINISTRATOR
from app.security.roles import LIMITED_ADMINISTRATOR, role_name
from app.security.sessions import create_session
from app.staff.models import StaffUser
from app.types import now
from tests.databases import migrated_app, undone
from tests.contracts.fingerprint import differing, fingerprint
from tests.contracts.url_values import RowPool, url_cases
from tests.contracts.pagereader import find_post_form
from tests.contracts.routes import build_path, is_api_rule, methods, rules, get_view
from tests.people import Person, add_person, move_in, sign_in, with_key

FILE = Path(__file__).with_name("permissions.txt")
VISITOR, HALF_OPEN, NO_ROLE = "Visitor", "Half-open door", "No role"
OF_AREAS = tuple(
    role_name(area, level)
    for area in (Area.CONTACTS, Area.SETTINGS, Area.SECURITY)
    for level in (Level.READ, Level.EDIT)
)
ROLES = (*OF_AREAS, LIMITED_ADMINISTRATOR, ADMINISTRATOR)
EVERYBODY = (VISITOR, HALF_OPEN, NO_ROLE, *ROLES)


@dataclass(frozen=True)
class Asked:
    """A route and a method of it; perhaps an action on ticked rows."""

    method: str
    rule: Rule
    view: Any
    form: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Return how the line begins."""
        action = f" action={self.form['action']}" if "action" in self.form else ""
        return f"{self.method:<5} {self.rule.rule + action:<60}"

    @property
    def names_a_row(self) -> bool:
        """Say whether it is about one row."""
        return bool(self.rule.arguments) or "action" in self.form


@dataclass
class Matrix:
    """Asks every route; ``lines`` is the file, ``changed`` what a refusal changed."""

    app: Flask
    connection: Connection
    lines: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.users: dict[str, StaffUser | None] = {VISITOR: None}
        self.cookies = {VISITOR: ""}
        self.keys: dict[str, dict[str, str]] = {VISITOR: {}, HALF_OPEN: {}}
        for role in EVERYBODY[1:]:
            self.users[role], self.cookies[role] = self._somebody(role)
        db.session.commit()
        self.things = RowPool()

    def _somebody(self, role: str) -> tuple[StaffUser, str]:
        name = role.lower().replace(": ", "-").replace(" ", "-")
        held = None if role in (HALF_OPEN, NO_ROLE) else role
        user, browser = add_person(Person(name, "Norte", held)), self.app.test_client()
        if role == HALF_OPEN:
            token = create_session(db.session(), user.id, is_full=False)
            with browser.session_transaction() as cookies:
                cookies["pending_token"], cookies["pending_since"] = token, int(now().timestamp())
        else:
            sign_in(browser, user.id)
        cookie = browser.get_cookie(self.app.config["SESSION_COOKIE_NAME"])
        assert cookie is not None
        if role != HALF_OPEN:
            self.keys[role] = with_key(user.id)
        return user, cookie.value

    def _browser(self, role: str) -> FlaskClient:
        """Return a browser in which somebody has just signed in, whatever they did in another."""
        browser = self.app.test_client()
        if self.cookies[role]:
            browser.set_cookie(self.app.config["SESSION_COOKIE_NAME"], self.cookies[role])
        return browser

    def ask_everything(self, only: str = "") -> Matrix:
        """Fill in ``lines`` and ``changed``; ``only`` those whose address begins so."""
        for asked in everything(self.app):
            if asked.rule.rule.startswith(only):
                may = self._who_gets_in(asked)
                told = self._what_they_are_told(asked, may) if asked.names_a_row else ""
                self.lines.append(f"{asked.label}{_said(may):<62}{told}".rstrip())
        return self

    def _who_gets_in(self, asked: Asked) -> list[str]:
        url = build_path(asked.rule)
        requests = [(role, role, url, asked.form) for role in EVERYBODY]
        replies = dict(self._send(asked, requests, keep_in=True))
        return [role for role in EVERYBODY if replies[role] is not None]

    def _what_they_are_told(self, asked: Asked, may: list[str]) -> str:
        """Return the codes for rows of each kind, once if everybody is told the same."""
        told: dict[str, list[str]] = {}
        for role in may:
            if (user := self.users[role]) is None:
                continue
            requests = []
            for which, url, form in self._rows(asked, user):
                form = form if which != "own" else self._filled_in(asked, role, url, form)
                requests.append((which, role, url, form))
            codes = ", ".join(f"{which} {code}" for which, code in self._send(asked, requests))
            told.setdefault(codes, []).append(role)
        if len(told) <= 1:
            return "".join(told)
        return "; ".join(f"{codes} ({_said(roles)})" for codes, roles in told.items())

    def _rows(self, asked: Asked, user: StaffUser) -> Iterator[tuple[str, str, dict]]:
        if "action" in asked.form:
            rule = next(r for r in rules(self.app) if r.endpoint == f"{asked.view.endpoint}.show")
            for which, arguments in url_cases(self.things, asked.view, rule, user):
                yield which, asked.rule.rule, asked.form | {"rowid": str(arguments["pk"])}
            return
        for which, arguments in url_cases(self.things, asked.view, asked.rule, user):
            with self.app.test_request_context():
                url = self.app.url_for(asked.rule.endpoint, **arguments)
            yield which, url, asked.form

    def _filled_in(self, asked: Asked, role: str, url: str, form: dict) -> dict:
        """Return what the page's own form would send, where there is a page to send it from."""
        if asked.method != "POST" or "GET" not in (asked.rule.methods or ()):
            return form
        page = self._browser(role).get(url)
        return find_post_form(page.text).submitted() if page.status_code == 200 else form

    def _send(self, asked: Asked, requests: list, keep_in: bool = False) -> Iterator[tuple]:
        """Yield what each request is told; undo them, and compare after those refused.

        With ``keep_in`` None is yielded for those who do not get in.
        """
        before = fingerprint(self.connection)
        refused = []
        with undo(self.connection):
            for name, role, url, form in requests:
                db.session.commit()
                one = self.connection.begin_nested()
                reply = self._reply(asked, role, url, form)
                code = reply.status_code
                at_the_door = (
                    role in (VISITOR, HALF_OPEN)
                    and not is_public(self.app, asked.rule.endpoint)
                    and code == 302
                    and (reply.location or "").startswith("/login/")
                )
                if code >= 400 or at_the_door:
                    refused.append(f"{name} {code}")
                    one.commit()
                else:
                    one.rollback()
                gets_in = not (at_the_door or code in (401, 403))
                yield name, (code if gets_in else None) if keep_in else code
            changed = differing(before, fingerprint(self.connection))
        if changed:
            self.changed.append(f"{asked.label.strip()} ({'; '.join(refused)}): {changed}")

    def _reply(self, asked: Asked, role: str, url: str, form: dict) -> Any:
        """Send a request: from a browser, or to the API from a program with a key."""
        browser = self._browser(role)
        if not is_api_rule(asked.rule):
            return browser.open(url, method=asked.method, data=form, buffered=True)
        shown = {"headers": self.keys[role], "buffered": True}
        if asked.method == "PATCH":
            read = browser.get(url, **shown).get_json()
            return browser.patch(url, json={"version": read.get("version", 0)}, **shown)
        body = {"json": {}} if asked.method == "POST" else {}
        return browser.open(url, method=asked.method, **shown, **body)


class undo:  # noqa: N801 - reads as a verb
    """Undo what happens in the block."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        # What the session began before would end after, and take this with it.
        db.session.commit()
        self.work = self.connection.begin_nested()

    def __exit__(self, *_raised: Any) -> None:
        db.session.rollback()
        self.work.rollback()


def everything(app: Flask) -> Iterator[Asked]:
    """Yield every route with every method, then every action."""
    for rule in rules(app):
        for method in methods(rule):
            yield Asked(method, rule, get_view(app, rule))
    by_endpoint = {rule.endpoint: rule for rule in rules(app)}
    for view in sorted(app.appbuilder.baseviews, key=lambda view: view.route_base or ""):
        if isinstance(view, ModelView):
            for name in sorted(view.actions):
                rule = by_endpoint[f"{view.endpoint}.action_post"]
                yield Asked("POST", rule, view, {"action": name})


def _said(may: list[str]) -> str:
    if may == list(EVERYBODY):
        return "everybody"
    if may == list(EVERYBODY[2:]):
        return "whoever is signed in"
    if may == list(ROLES):
        return "whoever holds a role"
    return ", ".join(may) or "nobody"


def main(only: str) -> None:
    """Write the file; or print the lines of the addresses that begin so."""
    logging.disable(logging.WARNING)
    with (
        tempfile.TemporaryDirectory() as folder,
        migrated_app("sqlite", Path(folder)) as app,
        app.app_context(),
    ):
        move_in(app.appbuilder.grants())
        with undone() as connection:
            matrix = Matrix(app, connection).ask_everything(only)
    if only:
        print("\n".join(matrix.lines))
    else:
        FILE.write_text("\n".join(matrix.lines) + "\n", encoding="utf-8")
    print("\n".join(f"A refusal changed something: {line}" for line in matrix.changed))


if __name__ == "__main__":
    main("".join(sys.argv[1:]))
