"""Concurrent moves in the entity tree."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from app.entities.models import Entity
from app.entities.services import ensure_root
from app.errors import DomainError
from app.extensions import db
from tests.databases import migrated_app, somebody_waits
from tests.factories import an_entity, the_entity


@pytest.fixture
def served(tmp_path):
    """Return an application of its own on PostgreSQL, where writers run concurrently."""
    with migrated_app("postgres", tmp_path) as app:
        with app.app_context():
            ensure_root(db.session(), "Federación")
            db.session.commit()
            for name, parent in (
                ("Norte", "Federación"),
                ("Sur", "Federación"),
                ("Bilbao", "Norte"),
            ):
                an_entity(name, parent)
            db.session.remove()
        yield app


def move(name: str, parent: str) -> None:
    the_entity(name).parent_id = the_entity(parent).id
    db.session.flush()


def move_concurrently(app, one: tuple[str, str], other: tuple[str, str]) -> list[str]:
    """Move one entity, and another before that is committed; return the errors of the second."""
    errors: list[str] = []

    def move_other() -> None:
        with app.app_context():
            try:
                # Load the entities before the first move is committed.
                known = [the_entity(name) for name in other]
                move(*other)
                db.session.commit()
                known.clear()
            except DomainError as error:
                errors.append(str(error))
            finally:
                db.session.remove()

    move(*one)
    thread = threading.Thread(target=move_other)
    thread.start()
    while thread.is_alive() and not somebody_waits():
        pass
    db.session.commit()
    thread.join(60)
    db.session.expire_all()
    return errors


def paths() -> dict[str, str]:
    """Return the path of each entity with names in place of ids."""
    rows = db.session.execute(select(Entity.id, Entity.name, Entity.path)).all()
    names = {str(pk): name for pk, name, _path in rows}
    return {
        name: "/".join(names[step] for step in path.split("/") if step) for _pk, name, path in rows
    }


def test_concurrent_moves_cannot_create_a_cycle(served):
    with served.app_context():
        errors = move_concurrently(served, ("Norte", "Sur"), ("Sur", "Norte"))
        assert errors == ["An entity can’t be its own parent."]
        assert paths()["Norte"] == "Federación/Sur/Norte"


def test_an_entity_moved_while_its_parent_is_moved_gets_the_right_path(served):
    with served.app_context():
        assert move_concurrently(served, ("Norte", "Sur"), ("Bilbao", "Sur")) == []
        assert paths()["Bilbao"] == "Federación/Sur/Bilbao"
        assert paths()["Norte"] == "Federación/Sur/Norte"
