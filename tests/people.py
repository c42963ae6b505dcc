"""The users of the tests, each with an entity and a role.

Alicia administers everything. Bruno edits the contacts of the Northern entity, Clara may only
read them. Diego can log in and has no role.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.accounts.commands.seeding import TYPES
from app.accounts.models import AccountType
from app.contacts.commands.seeding import fill_repositories
from app.entities.models import Entity
from app.entities.services import ensure_root
from app.extensions import db
from app.repositories.services import fill_list
from app.security.actor import Actor
from app.security.api_keys import Scopes, make_key
from app.security.areas import Area, Level
from app.security.models import SignInSession
from app.security.rights import ADMINISTRATOR
from app.security.roles import role_name, sync_roles
from app.security.sessions import create_session
from app.staff.models import StaffUser
from app.types import now

EDITS_CONTACTS = role_name(Area.CONTACTS, Level.EDIT)
READS_CONTACTS = role_name(Area.CONTACTS, Level.READ)


@dataclass(frozen=True)
class Person:
    """A user of the tests."""

    name: str
    entity: str
    role: str | None

    @property
    def user(self) -> StaffUser:
        """Return the user's row."""
        return db.session.scalars(select(StaffUser).where(StaffUser.username == self.name)).one()

    def as_actor(self) -> Actor:
        """Return the user as an actor."""
        return self.user.as_actor()


ALICIA = Person("alicia", "Federación", ADMINISTRATOR)
BRUNO = Person("bruno", "Norte", EDITS_CONTACTS)
CLARA = Person("clara", "Norte", READS_CONTACTS)
DIEGO = Person("diego", "Norte", None)
PEOPLE = (ALICIA, BRUNO, CLARA, DIEGO)


def seed_people(grants) -> None:
    """Write roles, a tree of entities, the repositories and the users."""
    sync_roles(grants)
    top = ensure_root(db.session(), "Federación")
    north = Entity(name="Norte", parent_id=top.id)
    south = Entity(name="Sur", parent_id=top.id)
    db.session.add_all([north, south])
    db.session.flush()
    db.session.add(Entity(name="Bilbao", parent_id=north.id))
    db.session.flush()
    for person in PEOPLE:
        add_person(person)
    fill_list(db.session(), AccountType, TYPES)
    fill_repositories(False)
    db.session.commit()


def force_login(browser: FlaskClient, user_id: int) -> str:
    """Log a user in without the login form; return the session's token."""
    token = create_session(db.session(), SignInSession, user_id)
    db.session.commit()
    with browser.session_transaction() as cookie:
        cookie["_user_id"] = str(user_id)
        cookie["_fresh"] = True
        cookie["token"] = token
        cookie["seen"] = int(now().timestamp())
    return token


def api_key_header(user_id: int, scopes: Scopes | None = None) -> dict[str, str]:
    """Create an API key for a user, with all scopes by default; return its request header."""
    everything = dict.fromkeys(Area, Level.EDIT)
    until = now() + timedelta(days=1)
    _key, secret = make_key(
        db.session(), user_id, "Tests", everything if scopes is None else scopes, until
    )
    db.session.commit()
    return {"Authorization": f"Bearer {secret}"}


def add_person(person: Person) -> StaffUser:
    """Write a user."""
    user = StaffUser(
        username=person.name,
        first_name=person.name.capitalize(),
        last_name="García",
        email=f"{person.name}@example.org",
        active=True,
        password="cannot sign in by password",
        entity=db.session.scalars(select(Entity).where(Entity.name == person.entity)).one(),
    )
    if person.role:
        user.roles = [db.session.scalars(select(Role).where(Role.name == person.role)).one()]
    db.session.add(user)
    db.session.flush()
    return user
