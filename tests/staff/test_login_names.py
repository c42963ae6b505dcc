"""User names and e-mails identify one user each; links end with the account."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.entities.models import Entity
from app.extensions import db
from app.security.actor import SYSTEM, acting_as
from app.staff.models import StaffUser
from app.staff.password_links import create_link_path
from app.trash.services import move_to_trash, restore
from tests.people import ALICIA, BRUNO, DIEGO
from tests.staff.logging_in import PASSWORD, set_password

pytestmark = pytest.mark.both_databases


def create_user(browser, username: str, email: str = "nuevo@example.org"):
    """Submit the form of a new user."""
    entity = db.session.scalar(select(Entity.id).where(Entity.name == "Norte"))
    form = {"first_name": "Ana", "last_name": "Vega", "active": "y", "entity": entity}
    return browser.post("/users/add", data=form | {"username": username, "email": email})


@pytest.mark.parametrize(
    ("first", "second"),
    [("Ñandú", "ñandú"), ("Ñandú", "ÑANDÚ"), ("ñandú", "ÑANDÚ"), ("Ñandú", "Ñandú")],
)
def test_user_names_are_unique_ignoring_case(client_as, first, second):
    browser = client_as(ALICIA)
    assert create_user(browser, first, "uno@example.org").status_code == 302
    assert create_user(browser, second, "dos@example.org").status_code == 422
    found = db.session.scalars(select(StaffUser.username))
    assert [name for name in found if name.lower() == "ñandú"] == [first]


def test_a_user_name_must_not_be_another_users_email(client_as):
    reply = create_user(client_as(ALICIA), "Bruno@example.org")
    assert reply.status_code == 422
    assert "is already in use" in reply.text


def test_an_email_must_not_be_another_users_name(client_as, session):
    assert create_user(client_as(ALICIA), "casa@example.org").status_code == 302
    set_password(DIEGO.user)
    form = {"first_name": "Diego", "last_name": "García", "language": "en", "present": PASSWORD}
    reply = client_as(DIEGO).post("/account/", data=form | {"email": "casa@example.org"})
    assert reply.status_code == 422
    assert DIEGO.user.email == "diego@example.org"


@pytest.mark.parametrize("way", ["active", "trash"])
def test_a_link_stays_invalid_after_the_account_is_restored(client_as, session, way):
    user = BRUNO.user
    address = create_link_path(db.session(), user, 30)
    with acting_as(SYSTEM):
        if way == "trash":
            move_to_trash(user, SYSTEM)
            db.session.commit()
            restore(user)
        else:
            user.active = False
            db.session.commit()
            user.active = True
        db.session.commit()
    assert client_as(None).get(address).status_code == 410
