"""There is always a permanent administrator, parallel changes included."""

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
    """Remove all roles of ``whom`` as ``who``; flush without committing."""
    user = whom.user
    with acting_as(who.as_actor()):
        user.roles = []
        db.session.flush()
    return user


@pytest.fixture
def postgres_app(tmp_path):
    """Return a program on PostgreSQL, where writers run in parallel."""
    with migrated_app("postgres", tmp_path) as app:
        with app.app_context():
            sync_roles(app.appbuilder.grants())
            ensure_root(db.session(), "Federación")
            for person in BOTH_OF_THEM:
                add_person(person)
            db.session.commit()
        yield app


def test_two_administrators_cannot_demote_each_other_in_parallel(postgres_app):
    ana, berta = BOTH_OF_THEM
    refused: list[str] = []

    def the_other() -> None:
        with postgres_app.app_context():
            try:
                demote(berta, ana)
                db.session.commit()
            except DomainError as error:
                db.session.rollback()
                refused.append(str(error))
            finally:
                db.session.remove()

    with postgres_app.app_context():
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
    assert refused == ["This is the last administrator. Make someone else an administrator first."]


def test_the_last_administrator_is_not_demoted_by_putting_back_from_the_log(client_as):
    """Put back the roles from before, with the button of the log."""
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
        _demote_as_system(second)
    db.session.rollback()


def _demote_as_system(user: StaffUser) -> None:
    user.roles = []
    db.session.flush()


def test_the_root_entity_cannot_be_moved(session):
    top = the_entity("Federación")
    top.parent = the_entity("Norte")
    with pytest.raises(DomainError):
        session.flush()
    session.rollback()
    tops = select(func.count(Entity.id)).where(Entity.parent_id.is_(None))
    assert session.scalar(tops) == 1


def test_putting_back_from_the_log_creates_no_second_root_entity(client_as):
    """Its first log entry has no parent; as a root, its staff would see everything."""
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
