"""Two who move parts of the organisation at the same moment leave a tree."""

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
    """Give a program of its own on PostgreSQL, where writers do not wait for each other."""
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


def at_the_same_moment(app, one: tuple[str, str], other: tuple[str, str]) -> list[str]:
    """Move one entity, another before that is committed; return what the second was told."""
    refused: list[str] = []

    def the_other() -> None:
        with app.app_context():
            try:
                # What is below is read before the first has moved it.
                known = [the_entity(name) for name in other]
                move(*other)
                db.session.commit()
                known.clear()
            except DomainError as error:
                refused.append(str(error))
            finally:
                db.session.remove()

    move(*one)
    thread = threading.Thread(target=the_other)
    thread.start()
    while thread.is_alive() and not somebody_waits():
        pass
    db.session.commit()
    thread.join(60)
    db.session.expire_all()
    return refused


def paths() -> dict[str, str]:
    """Return the names on the way to each entity, as its path has them."""
    rows = db.session.execute(select(Entity.id, Entity.name, Entity.path)).all()
    names = {str(pk): name for pk, name, _path in rows}
    return {
        name: "/".join(names[step] for step in path.split("/") if step) for _pk, name, path in rows
    }


def test_two_entities_do_not_both_become_part_of_each_other(served):
    with served.app_context():
        refused = at_the_same_moment(served, ("Norte", "Sur"), ("Sur", "Norte"))
        assert refused == ["An entity cannot be part of itself."]
        assert paths()["Norte"] == "Federación/Sur/Norte"


def test_what_is_moved_from_below_a_moved_entity_goes_where_it_was_sent(served):
    with served.app_context():
        assert at_the_same_moment(served, ("Norte", "Sur"), ("Bilbao", "Sur")) == []
        assert paths()["Bilbao"] == "Federación/Sur/Bilbao"
        assert paths()["Norte"] == "Federación/Sur/Norte"
