"""Password links sent by administrators and printed by the command."""

from __future__ import annotations

from datetime import date

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select
from werkzeug.security import check_password_hash, generate_password_hash

from app.extensions import db
from app.log.models import LogEntry
from app.outbox.delivery import deliver_due
from app.outbox.models import Message
from app.outbox.services import queue_message
from app.security.areas import Area, Level
from app.security.roles import role_name
from app.staff.models import StaffUser
from tests.factories import the_entity
from tests.people import ALICIA, BRUNO, CLARA, DIEGO, Person, add_person

OLD = "the password of before"
EVA = Person("eva", "Norte", role_name(Area.SECURITY, Level.EDIT))


@pytest.fixture
def bruno(session):
    user = BRUNO.user
    user.password = generate_password_hash(OLD, "pbkdf2:sha256:1")
    db.session.commit()
    return user.id


def send_link(browser, user_id):
    return browser.post(f"/users/link/{user_id}", follow_redirects=True)


def mails() -> list[Message]:
    return list(db.session.scalars(select(Message)))


def test_an_administrator_can_send_a_user_a_link(app, client_as, bruno):
    browser = client_as(BRUNO)
    reply = send_link(client_as(ALICIA), bruno)
    assert "bruno@example.org" in reply.text
    assert browser.get("/contacts/list/").status_code == 302, "their sessions end"
    assert not check_password_hash(BRUNO.user.password, OLD), "the old password works no more"
    assert BRUNO.user.active
    assert [role.name for role in BRUNO.user.roles] == [BRUNO.role]
    deliver_due(app)
    [mail] = mails()
    assert (mail.kind, mail.state, mail.recipient) == ("link", "kept", "bruno@example.org")
    [entry] = db.session.scalars(select(LogEntry).where(LogEntry.event == "password_link_sent"))
    assert (entry.actor_name, entry.subject_id) == ("Alicia García", bruno)


@pytest.mark.parametrize("person", [BRUNO, CLARA, DIEGO], ids=lambda person: person.name)
def test_a_link_cannot_be_sent_without_the_permission(client_as, bruno, person):
    before = BRUNO.user.password
    reply = client_as(person).post(f"/users/link/{ALICIA.user.id}")
    assert reply.status_code in (302, 403)
    assert mails() == []
    assert BRUNO.user.password == before


def test_a_link_cannot_be_sent_to_a_user_above(client_as):
    add_person(EVA)
    before = BRUNO.user.password
    reply = send_link(client_as(EVA), BRUNO.user.id)
    assert "rights that you don’t have" in reply.text
    assert BRUNO.user.password == before
    assert mails() == []


def test_a_user_out_of_scope_is_a_404(client_as):
    add_person(EVA)
    far = add_person(Person("lejos", "Sur", None))
    assert client_as(EVA).post(f"/users/link/{far.id}").status_code == 404
    assert client_as(EVA).post("/users/link/999999").status_code == 404
    assert client_as(EVA).post("/users/link/x").status_code == 404


def test_users_cannot_send_themselves_a_link(client_as):
    before = ALICIA.user.password
    assert "Change your own password" in send_link(client_as(ALICIA), ALICIA.user.id).text
    assert ALICIA.user.password == before


def test_a_link_cannot_be_sent_to_the_last_administrator(client_as):
    other = add_person(Person("fugaz", "Federación", ALICIA.role))
    other.employed_until = date(2999, 1, 1)
    db.session.commit()
    before = ALICIA.user.password
    reply = send_link(client_as(Person("fugaz", "Federación", ALICIA.role)), ALICIA.user.id)
    assert "the last administrator" in reply.text
    assert ALICIA.user.password == before
    assert mails() == []


def test_a_link_cannot_be_sent_to_a_user_who_may_not_log_in(client_as, bruno):
    BRUNO.user.active = False
    assert "can’t sign in" in send_link(client_as(ALICIA), bruno).text
    assert mails() == []


def test_the_button_is_shown_only_where_a_link_can_be_sent(client_as, bruno):
    alicia = client_as(ALICIA)
    assert f"/users/link/{bruno}" in alicia.get(f"/users/show/{bruno}").text
    assert "/users/link/" not in alicia.get(f"/users/show/{ALICIA.user.id}").text


def test_a_new_user_is_welcomed_in_their_language(app, session):
    user = add_person(Person("nueva", "Norte", None))
    user.language = "es"
    queue_message(db.session(), "welcome", to=user)
    db.session.commit()
    deliver_due(app)
    [mail] = mails()
    assert (mail.state, mail.recipient) == ("kept", "nueva@example.org")
    assert "nueva" in mail.content
    assert "/login/choose/" in mail.content


def test_a_change_of_email_is_notified_to_the_old_address(app, session):
    data = {"what": "email_changed", "to": "antes@example.org"}
    queue_message(db.session(), "notice", to=BRUNO.user, data=data)
    db.session.commit()
    deliver_due(app)
    assert mails()[0].recipient == "antes@example.org"


def test_the_command_prints_a_link(app, session, client_as):
    runner = app.test_cli_runner()
    done = runner.invoke(args=["users", "link", "BRUNO"])
    assert done.exit_code == 0, done.output
    public = app.config["PUBLIC_URL"]
    assert done.output.startswith(f"{public}/login/choose/")
    page = client_as(None).get(done.output.strip().removeprefix(public))
    assert page.status_code == 200
    [entry] = db.session.scalars(select(LogEntry).where(LogEntry.event == "password_link_sent"))
    assert entry.subject_id == BRUNO.user.id


@pytest.mark.parametrize("name", ["nobody", "", "inactiva"])
def test_the_command_refuses_users_who_may_not_log_in(app, session, name):
    user = StaffUser(
        username="inactiva", first_name="I", last_name="N", email="i@example.org", active=False,
        password="!", entity=the_entity("Norte"), roles=db.session.scalars(select(Role)).all()[:0],
    )  # fmt: skip
    db.session.add(user)
    db.session.commit()
    done = app.test_cli_runner().invoke(args=["users", "link", name])
    assert done.exit_code == 1
    assert "No active user" in done.output
