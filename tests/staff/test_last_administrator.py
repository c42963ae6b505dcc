"""Somebody can always administer, whoever demotes whom, and at whatever moment."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from app.entities.models import Entity
from app.entities.services import ensure_root
from app.errors import DomainError
from app.extensions import db
from app.log.models import LogEntry
from app.security.actor import acting_as
from app.security.rights import ADMINISTRATOR
from app.security.roles import sync_roles
from app.staff.models import StaffUser
from tests.databases import migrated_app, somebody_waits
from tests.factories import the_entity
from tests.people import ALICIA, Person, add_person

BOTH_OF_THEM = (
    Person("ana", "Federación", ADMINISTRATOR),
    Person("berta", "Federación", ADMINISTRATOR),
)


def demote(who: Person, whom: Person) -> StaffUser:
    """Take every role from somebody in the name of somebody else, and write it, uncommitted."""
    user = whom.user
    with acting_as(who.as_actor()):
        user.roles = []
        db.session.flush()
    return user


@pytest.fixture
def served(tmp_path):
    """Give a program of its own on PostgreSQL, where writers do not wait for each other."""
    with migrated_app("postgres", tmp_path) as app:
        with app.app_context():
            sync_roles(app.appbuilder.grants())
            ensure_root(db.session(), "Federación")
            for person in BOTH_OF_THEM:
                add_person(person)
            db.session.commit()
        yield app


def test_two_who_demote_each_other_at_the_same_moment_do_not_both_succeed(served):
    ana, berta = BOTH_OF_THEM
    refused: list[str] = []

    def the_other() -> None:
        with served.app_context():
            try:
                demote(berta, ana)
                db.session.commit()
            except DomainError as error:
                db.session.rollback()
                refused.append(str(error))
            finally:
                db.session.remove()

    with served.app_context():
        demote(ana, berta)
        other = threading.Thread(target=the_other)
        other.start()
        while other.is_alive() and not somebody_waits():
            pass
        assert other.is_alive(), "the second waits for the first"
        db.session.commit()
        other.join(60)
        left = db.session.scalars(
            select(StaffUser.username).where(StaffUser.roles.any(name=ADMINISTRATOR))
        ).all()
        db.session.remove()
    assert left == ["ana"]
    assert refused == ["This is the last administrator: make somebody else one first."]


def test_the_last_one_is_not_demoted_from_the_log(client_as):
    """Put back what was so before they administered: the log is a door as any other."""
    second = add_person(Person("second", "Federación", None))
    db.session.commit()
    second.roles = list(ALICIA.user.roles)
    db.session.commit()
    entry = db.session.scalars(
        select(LogEntry.id).where(LogEntry.subject_type == "ab_user", LogEntry.event == "changed")
    ).all()[-1]
    browser = client_as(Person("second", "Federación", ADMINISTRATOR))
    browser.post(f"/users/putback/{second.id}/{entry}/roles")
    db.session.refresh(second)
    assert second.roles != [], "nobody demotes themselves"
    ALICIA.user.roles = []
    db.session.commit()
    with pytest.raises(DomainError, match="last administrator"):
        _by_the_house(second)
    db.session.rollback()


def _by_the_house(user: StaffUser) -> None:
    user.roles = []
    db.session.flush()


def test_the_top_of_the_tree_is_not_moved_from_under_them(session):
    top = the_entity("Federación")
    top.parent = the_entity("Norte")
    with pytest.raises(DomainError):
        session.flush()
    session.rollback()
    tops = select(func.count(Entity.id)).where(Entity.parent_id.is_(None))
    assert session.scalar(tops) == 1


def test_an_entity_is_not_made_a_second_top_from_its_log(client_as):
    """It was made under nothing, says its first entry; back there its staff would see all."""
    norte = the_entity("Norte")
    entries = db.session.scalars(
        select(LogEntry.id).where(
            LogEntry.subject_type == "entity", LogEntry.subject_id == norte.id
        )
    ).all()
    nora = Person("nora", "Norte", ADMINISTRATOR)
    add_person(nora)
    db.session.commit()
    for browser in (client_as(nora), client_as(ALICIA)):
        for entry in entries:
            for field in ("parent_id", "parent", "path"):
                browser.post(f"/entities/putback/{norte.id}/{entry}/{field}")
    db.session.refresh(norte)
    assert norte.parent_id is not None
