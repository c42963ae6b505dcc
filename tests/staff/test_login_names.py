"""What people are called at the door: one name, one person; a locked door has no key left outside."""

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
from tests.staff.logging_in import PASSWORD, give_password


def call(browser, username: str, email: str = "nuevo@example.org"):
    """Send the form of a new user."""
    entity = db.session.scalar(select(Entity.id).where(Entity.name == "Norte"))
    form = {"first_name": "Ana", "last_name": "Vega", "active": "y", "entity": entity}
    return browser.post("/users/add", data=form | {"username": username, "email": email})


@pytest.mark.parametrize(
    ("first", "second"),
    [("Ñandú", "ñandú"), ("Ñandú", "ÑANDÚ"), ("ñandú", "ÑANDÚ"), ("Ñandú", "Ñandú")],
)
def test_capitals_make_no_second_name_of_one(client_as, first, second):
    browser = client_as(ALICIA)
    assert call(browser, first, "uno@example.org").status_code == 302
    assert call(browser, second, "dos@example.org").status_code == 422
    found = db.session.scalars(select(StaffUser.username))
    assert [name for name in found if name.lower() == "ñandú"] == [first]


def test_nobody_is_called_by_the_e_mail_of_somebody_else(client_as):
    reply = call(client_as(ALICIA), "Bruno@example.org")
    assert reply.status_code == 422
    assert "is already in use" in reply.text


def test_nobody_takes_an_e_mail_that_somebody_is_called_by(client_as, session):
    assert call(client_as(ALICIA), "casa@example.org").status_code == 302
    give_password(DIEGO.user)
    form = {"first_name": "Diego", "last_name": "García", "language": "en", "present": PASSWORD}
    reply = client_as(DIEGO).post("/account/", data=form | {"email": "casa@example.org"})
    assert reply.status_code == 422
    assert DIEGO.user.email == "diego@example.org"


@pytest.mark.parametrize("way", ["active", "trash"])
def test_a_link_dies_with_the_account_and_does_not_come_back_with_it(client_as, session, way):
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
