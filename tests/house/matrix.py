"""Who may open what: route by route, asked of the program itself.

``make permissions`` writes ``permissions.txt`` again; the change is then reviewed.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from flask import Flask

from app.crud.modelview import ModelView
from app.extensions import db
from app.security.areas import Area, Level
from app.security.rights import ADMINISTRATOR
from app.security.roles import role_name
from tests.databases import migrated_app
from tests.house.routes import address, methods, rules
from tests.people import Person, add_person, move_in

FILE = Path(__file__).with_name("permissions.txt")
ROLES = (
    *(
        role_name(area, level)
        for area in (Area.CONTACTS, Area.SETTINGS, Area.SECURITY)
        for level in (Level.READ, Level.EDIT)
    ),
    ADMINISTRATOR,
)
VISITOR, NO_ROLE = "Visitor", "No role"


def matrix(app: Flask) -> str:
    """Return one line for each route and action: who gets past the door."""
    cookies = {VISITOR: None} | {role: _cookie(role) for role in (NO_ROLE, *ROLES)}
    lines = []
    for method, url, label, form in _requests(app):
        may = [role for role in cookies if _gets_in(app, cookies[role], method, url, form)]
        lines.append(f"{method:<5}{label:<58}{_said(may)}".rstrip())
    return "\n".join(lines) + "\n"


def _requests(app: Flask):
    for rule in rules(app):
        for method in methods(rule):
            yield method, address(rule), rule.rule, {}
    for view in app.appbuilder.baseviews:
        if isinstance(view, ModelView):
            for name in sorted(view.actions):
                url = f"{view.route_base}/action_post"
                yield "POST", url, f"{url} action={name}", {"action": name}


def _cookie(role: str) -> int:
    person = Person(role.lower().replace(": ", "-").replace(" ", "-"), "Norte", role)
    user = add_person(person if role != NO_ROLE else Person("no-role", "Norte", None))
    db.session.commit()
    return user.id


def _gets_in(app: Flask, user_id: int | None, method: str, url: str, form: dict) -> bool:
    browser = app.test_client()
    if user_id is not None:
        with browser.session_transaction() as cookie:
            cookie["_user_id"] = str(user_id)
            cookie["_fresh"] = True
    reply = browser.open(url, method=method, data=form)
    at_the_door = user_id is None and reply.status_code == 302 and "/login/" in reply.location
    return not at_the_door and reply.status_code not in (401, 403)


def _said(may: list[str]) -> str:
    if len(may) == len(ROLES) + 2:
        return "everybody"
    if may == [NO_ROLE, *ROLES]:
        return "whoever is signed in"
    if may == list(ROLES):
        return "whoever holds a role"
    return ", ".join(may) or "nobody"


def main() -> None:
    """Write the file."""
    logging.disable(logging.WARNING)
    with (
        tempfile.TemporaryDirectory() as folder,
        migrated_app("sqlite", Path(folder)) as app,
        app.app_context(),
    ):
        move_in(app.appbuilder.grants())
        FILE.write_text(matrix(app), encoding="utf-8")


if __name__ == "__main__":
    main()
