"""Nobody is counted out of reach: rows of others change nothing on a scoped user's pages.

Nora administers the Northern entity: she may open every page, and nothing but the scope hides
the rows of the South.
"""

from __future__ import annotations

import re

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.crud.modelview import ModelView
from app.extensions import db
from app.jobs.models import Job
from app.outbox.services import queue_message
from app.security.areas import Area, Level
from app.security.rights import ADMINISTRATOR
from app.security.roles import role_name
from app.staff.models import StaffUser
from app.trash.models import Trashable
from app.trash.services import move_to_trash
from app.types import now
from tests.contracts.routes import methods, rules, rules_app
from tests.factories import a_row, an_entity, an_operation
from tests.people import ALICIA, EDITS_CONTACTS, Person, add_person, api_key_header, force_login

NORA = Person("nora", "Norte", ADMINISTRATOR)
PAGES = [
    rule.rule
    for rule in rules(rules_app())
    if "GET" in methods(rule)
    and not rule.arguments
    and not rule.rule.startswith(("/login", "/logout", "/lang", "/healthz"))
    # These show names of columns and views, no rows.
    and not rule.rule.endswith(("/columns", "/filter", "/filters", "/views/", "/views/new"))
]
# What differs between two replies to the same request.
CHANGING = re.compile(
    r"error [A-Z0-9]{6}|csrf[^>]*>|nonce=\"[^\"]*\"|name=\"_key\"[^>]*>|value=\"[A-Za-z0-9_-]{20,}\"|\d\d:\d\d(:\d\d)?"
)


def foreign_rows(app) -> None:
    """Make rows of every kind in the South, as much alike Nora's own as can be."""
    for view in {view.datamodel.obj: view for view in ModelView.all()}.values():
        model = view.datamodel.obj
        if not hasattr(model, "scope") or model is StaffUser:
            continue
        row = a_row(model, "Sur")
        if issubclass(model, Trashable):
            other = a_row(model, "Sur")
            move_to_trash(other, ALICIA.as_actor())
        db.session.commit()
        assert row.id
    an_entity("Sevilla", "Sur")
    for number, role in enumerate(
        (ADMINISTRATOR, EDITS_CONTACTS, role_name(Area.SECURITY, Level.EDIT))
    ):
        user = add_person(Person(f"sur{number}", "Sur", role))
        force_login(app.test_client(), user.id)
        api_key_header(user.id)
        an_operation(user)
        for state in ("failed", "done"):
            job = Job(kind="operation", payload={}, state=state, actor_id=user.id, run_at=now())
            job.finished_at = now()
            db.session.add(job)
        mail = queue_message(db.session(), "plain", to=user, data={})
        mail.state = "failed"
    trashed = add_person(Person("sur9", "Sur", ADMINISTRATOR))
    db.session.commit()
    move_to_trash(trashed, ALICIA.as_actor())
    db.session.commit()


def content(browser, path: str) -> str:
    with browser.get(path) as reply:
        text = reply.get_data(as_text=True) if reply.mimetype.startswith("text") else ""
        return f"{reply.status_code} {CHANGING.sub('', text)}"


def test_the_rows_of_others_change_nothing_on_the_pages_of_a_scoped_user(app, client_as):
    add_person(NORA)
    browser = client_as(NORA)
    before = {path: content(browser, path) for path in PAGES}
    assert sum(text.startswith("200") for text in before.values()) > 15
    foreign_rows(app)
    for path, text in before.items():
        assert content(browser, path) == text, path


@pytest.mark.parametrize("person", [NORA, ALICIA], ids=lambda person: person.name)
def test_the_holders_of_a_role_are_counted_as_far_as_one_sees(client_as, person):
    add_person(NORA)
    add_person(Person("sur1", "Sur", ADMINISTRATOR))
    page = client_as(person).get("/roles/list/").text
    row = page[page.index(">Administrator<") :]
    count = int(re.search(r"<td[^>]*>(?:<[^>]*>)*(\d+)", row)[1])
    assert count == (1 if person is NORA else 3)


def test_who_has_a_role_out_of_reach_is_not_counted_when_it_is_deleted(client_as, session):
    officer = Person("olga", "Norte", role_name(Area.SECURITY, Level.EDIT))
    add_person(officer)
    role = Role(name="Secretaría")
    session.add(role)
    session.commit()
    far = add_person(Person("sur1", "Sur", None))
    far.roles = [role]
    session.commit()
    page = client_as(officer).post(f"/roles/delete/{role.id}", follow_redirects=True).text
    assert "that you don’t have access to" in page
    assert "1 user" not in page
    assert session.scalar(select(Role.id).where(Role.id == role.id))
