"""Change entity: within the scope, with or without a reason; the file's scope changes with it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.contacts.models import Contact
from app.extensions import db
from app.security.actor import acting_as
from app.security.scope import visible
from tests.contact_actions import ChangeEntity
from tests.factories import a_contact, the_entity
from tests.operations.run_actions import do, items_of, undo
from tests.people import ALICIA, BRUNO

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def ids_visible_to_bruno() -> set[int]:
    query = visible(Contact, BRUNO.as_actor())
    return set(db.session.scalars(query.with_only_columns(Contact.id)))


def wrong_fields(person, **answers) -> set[str]:
    with acting_as(person.as_actor()):
        form = ChangeEntity.build_form({name: [str(value)] for name, value in answers.items()})
        form.validate()
        return set(form.errors)


@pytest.mark.parametrize("name", ["Sur", "Federación"])
def test_an_entity_out_of_scope_cannot_be_chosen(name):
    answers = {"entity": the_entity(name).id, "reason": "Mudanza"}
    assert wrong_fields(BRUNO, **answers) == {"entity"}
    assert wrong_fields(ALICIA, **answers) == set()


def test_a_reason_is_optional_and_the_form_says_where_it_appears():
    bilbao = the_entity("Bilbao").id
    assert wrong_fields(BRUNO, entity=bilbao) == set()
    assert wrong_fields(BRUNO, entity=bilbao, reason="   ") == set()
    assert wrong_fields(BRUNO, entity=bilbao, reason="x" * 201) == {"reason"}
    reason = ChangeEntity.build_form().reason
    assert not reason.flags.required
    assert "Optional" in str(reason.description)
    operation = do(ChangeEntity, BRUNO.as_actor(), [a_contact()], entity=bilbao)
    assert str(operation.answers_text) == "New entity: Bilbao"


def test_a_moved_file_leaves_the_scope_and_the_reason_is_stored():
    stays, leaves = a_contact(), a_contact()
    answers = {"entity": the_entity("Sur").id, "reason": "Mudanza <b>"}
    operation = do(ChangeEntity, ALICIA.as_actor(), [leaves], **answers)
    assert "Mudanza <b>" in str(operation.answers_text)
    assert stays.id in ids_visible_to_bruno()
    assert leaves.id not in ids_visible_to_bruno()
    undo(operation, ALICIA.as_actor())
    assert leaves.id in ids_visible_to_bruno()


def test_undo_keeps_a_file_whose_old_entity_left_the_scope():
    norte, bilbao = the_entity("Norte"), the_entity("Bilbao")
    row = a_contact("Bilbao")
    operation = do(ChangeEntity, BRUNO.as_actor(), [row], entity=norte.id, reason="Aquí")
    bilbao.parent = the_entity("Sur")
    db.session.commit()

    operation = undo(operation, BRUNO.as_actor())

    assert (operation.undone, operation.kept) == (0, 1)
    assert items_of(operation)[row.id].undone_reason == "vanished"
    assert row.entity is norte


def test_undo_keeps_a_file_that_left_the_scope():
    row = a_contact("Bilbao")
    operation = do(
        ChangeEntity, BRUNO.as_actor(), [row], entity=the_entity("Norte").id, reason="Aquí"
    )
    BRUNO.user.entity = the_entity("Bilbao")
    db.session.commit()
    operation = undo(operation, BRUNO.as_actor())
    assert items_of(operation)[row.id].undone_reason == "reach"
    assert db.session.scalar(select(Contact.entity_id)) == the_entity("Norte").id
