"""The limited administrator manages settings and roles, and sees no personal data."""

from __future__ import annotations

import pytest
from flask_appbuilder.security.sqla.models import PermissionView, Role
from sqlalchemy import select

from app.contacts.models import Status, Tag
from app.crud.tabs import Tab
from app.entities.models import Entity
from app.extensions import db
from app.log.models import LogEntry
from app.security.actor import acting_as
from app.security.roles import LIMITED_ADMINISTRATOR
from tests.contracts.routes import build_path, methods, rules
from tests.factories import a_contact, a_value, an_account, an_entity, the_entity
from tests.people import EDITS_CONTACTS, Person, add_person

LIMA = Person("lima", "Federación", LIMITED_ADMINISTRATOR)
CANARY = "Zyxwcanario"


@pytest.fixture
def lima(client_as):
    add_person(LIMA)
    return client_as(LIMA)


def fill_with_canaries() -> set[int]:
    """Write personal data into every table that has some; return the ids of all rows."""
    person = add_person(Person(CANARY.lower(), "Norte", EDITS_CONTACTS))
    person.first_name = person.last_name = CANARY
    person.email = f"{CANARY}@example.org"
    db.session.commit()
    with acting_as(person.as_actor()):
        contact = a_contact(
            first_name=CANARY, last_name=CANARY, email=f"{CANARY}@example.org", notes=CANARY
        )
        account = an_account(name=CANARY)
        value = a_value(Tag)
        value.label_en = "Changed"
        entity = an_entity("Vigo", "Norte")
        entity.name = "Vigo"
        db.session.commit()
        entity.name = "Ourense"
        db.session.commit()
    contact.account = account
    role = Role(name="Some role")
    person.roles = [*person.roles, role]
    db.session.commit()
    found = {row.id for row in (person, contact, account, value, entity, role)}
    return found | set(range(1, 8))


@pytest.mark.long
def test_no_page_and_no_tab_shows_personal_data(app, lima):
    numbers = fill_with_canaries()
    written = db.session.scalars(
        select(LogEntry.subject_type).where(LogEntry.actor_name.contains(CANARY))
    ).all()
    assert {"tag", "entity", "contact"} <= set(written), "there is something to be seen"
    tabs = {tab.name for tab in Tab.all()}
    opened, seen = 0, []
    for rule in rules(app):
        if "GET" not in methods(rule):
            continue
        for number in numbers if "<" in rule.rule else (0,):
            page = build_path(rule, number)
            looks = ["", *(f"?tab={tab}" for tab in tabs)] if "/show/" in page else [""]
            if "lookup" in page or page == "/search":
                # Part of the name finds them, and is not the name when the page repeats it.
                looks = [f"?q={CANARY[:6]}"]
            for look in looks:
                reply = lima.get(f"{page}{look}")
                opened += reply.status_code == 200
                if CANARY.lower() in reply.text.lower():
                    seen.append((f"{page}{look}", reply.status_code))
    assert seen == []
    assert opened > 40, "most of settings and roles was looked at"


@pytest.mark.parametrize(
    "page", ["contacts", "accounts", "users", "contacts/trash", "users/trash"]
)
def test_lists_of_people_are_forbidden(lima, page):
    assert lima.get(f"/{page}/list/").status_code in (302, 403)


def test_they_can_edit_repositories_and_entities(lima):
    status = a_value(Status)
    form = {"version": 1, "label_en": "Paused", "label_es": "En pausa", "position": "3"}
    form |= {"colour": "grey", "is_active": "1"}
    assert lima.post(f"/statuses/edit/{status.id}", data=form).status_code == 302
    top = the_entity("Federación").id
    reply = lima.post("/entities/add", data={"name": "Vigo", "parent": top})
    assert reply.status_code == 302, reply.text
    assert db.session.scalar(select(Entity.id).where(Entity.name == "Vigo"))


def test_they_can_create_roles_with_their_own_permissions_only(lima):
    def number(permission: str, resource: str) -> int:
        return db.session.scalars(
            select(PermissionView.id).where(
                PermissionView.permission.has(name=permission),
                PermissionView.view_menu.has(name=resource),
            )
        ).one()

    mine = {"name": "Keeps tags", "permissions": ["", number("can_list", "EntityView")]}
    assert lima.post("/roles/add", data=mine).status_code == 302
    sly = {"name": "Sly", "permissions": ["", number("can_list", "ContactView")]}
    assert lima.post("/roles/add", data=sly).status_code == 422
    assert db.session.scalar(select(Role.id).where(Role.name == "Sly")) is None
