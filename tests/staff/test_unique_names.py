"""Names of users and roles: unique for the eye, whoever writes them at the same moment."""

from __future__ import annotations

import threading

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import func, select

from app.errors import DomainError
from app.extensions import db
from app.staff.models import StaffUser, UniqueName
from app.trash.services import move_to_trash
from tests.databases import migrated_app, somebody_waits
from tests.factories import the_entity
from tests.people import ALICIA, BRUNO, Person, add_person


def a_user(username: str, email: str) -> StaffUser:
    return StaffUser(
        username=username, email=email, first_name="Ana", last_name="Vega", active=True,
        password="none", entity=the_entity("Norte"),
    )  # fmt: skip


ROWS = {
    "case": (lambda: a_user("bob", "b1@example.org"), lambda: a_user("BOB", "b2@example.org")),
    "mail": (lambda: a_user("bob", "b1@example.org"), lambda: a_user("bo", "B1@example.org")),
    "both": (lambda: a_user("v@x.org", "v1@x.org"), lambda: a_user("vera", "v@x.org")),
    "role": (lambda: Role(name="Treasury"), lambda: Role(name="treasury")),
    "look": (lambda: Role(name="Treasury"), lambda: Role(name="Tr\u0435asury")),
}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def served(request, tmp_path_factory):
    """Return an application of its own, where writers run concurrently."""
    with migrated_app(request.param, tmp_path_factory.mktemp("data"), with_people=True) as app:
        yield app


@pytest.mark.parametrize("case", ROWS)
def test_of_two_at_the_same_moment_one_is_refused(served, case):
    """The second is written before the first is committed; on SQLite it waits for its turn."""
    first, second = ROWS[case]
    errors: list[str | None] = []
    begun = threading.Event()

    def write_second() -> None:
        with served.app_context():
            begun.set()
            try:
                db.session.add(second())
                db.session.commit()
            except DomainError as error:
                errors.append(error.field)
            finally:
                db.session.remove()

    with served.app_context():
        row = first()
        db.session.add(row)
        db.session.flush()
        thread = threading.Thread(target=write_second)
        thread.start()
        assert begun.wait(30)
        if db.engine.dialect.name == "postgresql":
            while thread.is_alive() and not somebody_waits():
                pass
        db.session.commit()
        thread.join(60)
        assert len(errors) == 1
        assert errors[0] in ("username", "email", "name")
        db.session.delete(row)
        db.session.commit()
        left = select(func.count()).select_from(UniqueName).where(UniqueName.key == "bob")
        assert db.session.scalar(left) == 0


@pytest.mark.parametrize("username", ["brun\u043e", "bruno\u200b", "\uff42runo", "BRUNO\u3164"])
def test_a_user_name_that_looks_like_anothers_is_refused(client_as, username):
    form = {"first_name": "Ana", "last_name": "Vega", "active": "y", "email": "n@example.org"}
    form |= {"username": username, "entity": the_entity("Norte").id}
    reply = client_as(ALICIA).post("/users/add", data=form)
    assert reply.status_code == 422
    assert "is already in use" in reply.text


@pytest.mark.parametrize(
    "name",
    ["Administrator", "administrador", "Admin\u200b", "\u0410dmin", "Visitantes", "Visitors"],
)
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_role_may_not_be_shown_as_a_built_in_one(client_as, name, language):
    browser = client_as(ALICIA)
    browser.get(f"/lang/{language}")
    reply = browser.post("/roles/add", data={"name": name, "permissions": [""]})
    assert reply.status_code == 422
    assert db.session.scalar(select(Role).where(Role.name == name)) is None


def test_a_role_keeps_its_name_and_gets_another(client_as, session):
    session.add(Role(name="Secretaría"))
    session.commit()
    role = session.scalar(select(Role).where(Role.name == "Secretaría"))
    for name in ("SECRETARÍA", "Tesorería"):
        form = {"name": name, "permissions": [""], "version": role.version}
        assert client_as(ALICIA).post(f"/roles/edit/{role.id}", data=form).status_code == 302
        session.refresh(role)
    session.add(Role(name="secretaría"))
    session.commit()


def test_two_users_may_swap_their_names(session):
    one, other = BRUNO.user, ALICIA.user
    one.username, other.username = "x", "y"
    session.commit()
    one.username, other.username = "y2", "x"
    session.commit()
    assert session.scalar(select(UniqueName.user_id).where(UniqueName.key == "x")) == other.id


def test_a_name_in_the_trash_stays_taken_and_is_free_after_the_purge(session):
    user = add_person(Person("vera", "Norte", None))
    move_to_trash(user, ALICIA.as_actor())
    session.commit()
    session.add(a_user("VERA", "v@example.org"))
    with pytest.raises(DomainError, match="in the trash"):
        session.flush()
    session.rollback()
    session.delete(user)
    session.commit()
    session.add(a_user("VERA", "v@example.org"))
    session.commit()


def test_a_member_number_is_stored_without_look_alikes(client_as):
    form = {"last_name": "Gil", "entity": the_entity("Norte").id}
    browser = client_as(BRUNO)
    assert browser.post("/contacts/add", data=form | {"number": "A-01"}).status_code == 302
    for number in ("\u0410-01", "A-01\u200b", "\uff21-01"):
        reply = browser.post("/contacts/add", data=form | {"number": number})
        assert reply.status_code == 422
        assert "is already in use" in reply.text
