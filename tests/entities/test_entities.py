"""The entity tree and the scope it gives to users."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.entities.models import Entity
from app.entities.queries import get_root, subtree_ids
from app.entities.services import ensure_root
from app.errors import DomainError
from app.extensions import db
from tests.factories import a_contact, an_entity, the_entity
from tests.people import ALICIA, BRUNO, DIEGO

pytestmark = pytest.mark.both_databases


def subtree_names(entity: Entity) -> set[str]:
    ids = subtree_ids(db.session(), entity.path)
    return set(db.session.scalars(select(Entity.name).where(Entity.id.in_(ids))))


def test_a_path_holds_the_ids_from_the_root_to_the_entity(session):
    top, north, bilbao = (the_entity(name) for name in ("Federación", "Norte", "Bilbao"))
    assert bilbao.path == f"/{top.id}/{north.id}/{bilbao.id}/"


def test_moving_an_entity_updates_the_paths_of_its_descendants(session):
    deusto = an_entity("Deusto", "Bilbao")
    south, bilbao = the_entity("Sur"), the_entity("Bilbao")
    bilbao.parent_id = south.id
    db.session.commit()

    assert subtree_names(south) == {"Sur", "Bilbao", "Deusto"}
    assert subtree_names(the_entity("Norte")) == {"Norte"}
    assert deusto.path.startswith(bilbao.path)


def test_an_id_with_the_same_prefix_is_not_a_descendant(session):
    """The path /1/2/ must not be taken for an ancestor of /1/20/."""
    north = the_entity("Norte")
    neighbours = [an_entity(f"Vecina {n}") for n in range(12)]
    assert not subtree_names(north) & {entity.name for entity in neighbours}


def test_an_entity_cannot_be_its_own_descendant(session):
    north = the_entity("Norte")
    north.parent_id = the_entity("Bilbao").id
    with pytest.raises(DomainError, match="its own parent"):
        db.session.flush()


@pytest.mark.parametrize("parent", ["Bilbao", "Norte"])
def test_the_form_refuses_a_descendant_as_parent(client_as, parent):
    north = the_entity("Norte")
    before = north.path
    form = {"version": north.version, "name": "Norte", "parent": the_entity(parent).id}
    reply = client_as(ALICIA).post(f"/entities/edit/{north.id}", data=form)
    assert reply.status_code == 422
    assert north.path == before


def test_there_is_only_one_root(client_as):
    reply = client_as(ALICIA).post("/entities/add", data={"name": "Otra", "parent": ""})
    assert reply.status_code == 422
    assert "Federación" in reply.text


def test_the_root_is_created_once(session):
    assert ensure_root(db.session(), "Otra") == get_root(db.session()) == the_entity("Federación")


def test_an_entity_in_use_cannot_be_deleted(client_as):
    a_contact(entity="Bilbao")
    bilbao = the_entity("Bilbao")
    reply = client_as(ALICIA).post(f"/entities/delete/{bilbao.id}", follow_redirects=True)
    assert reply.status_code == 200
    assert the_entity("Bilbao").id == bilbao.id


def test_the_scope_of_a_user_is_their_entity_and_its_descendants(session):
    north, bilbao = the_entity("Norte"), the_entity("Bilbao")
    assert ALICIA.as_actor().entity_ids is None
    assert BRUNO.as_actor().entity_ids == {north.id, bilbao.id}


def test_a_user_without_an_entity_sees_nothing(session):
    user = DIEGO.user
    user.entity = None
    db.session.commit()
    assert DIEGO.as_actor().entity_ids == frozenset()


def test_a_move_takes_effect_at_the_next_request(client_as):
    contact = a_contact(entity="Bilbao")
    browser = client_as(BRUNO)
    assert browser.get(f"/contacts/show/{contact.id}").status_code == 200
    the_entity("Bilbao").parent_id = the_entity("Sur").id
    db.session.commit()
    assert browser.get(f"/contacts/show/{contact.id}").status_code == 404


def test_a_new_contact_gets_the_entity_of_its_creator(client_as):
    page = client_as(BRUNO).get("/contacts/add").text
    assert f'value="{the_entity("Norte").id}" selected' in page
