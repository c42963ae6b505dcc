"""Add a tag: the others stay."""

from __future__ import annotations

import pytest

from app.contacts.models import Tag
from app.extensions import db
from app.log.queries import get_entries
from app.log.services import restore_value
from app.security.actor import acting_as
from tests.contact_actions import AddTag, RemoveTag
from tests.factories import a_contact, a_value
from tests.operations.run_actions import do, undo
from tests.people import BRUNO

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def test_other_tags_stay_including_those_added_since():
    old, new, since = a_value(Tag), a_value(Tag), a_value(Tag)
    row = a_contact(tags=[old])
    operation = do(AddTag, BRUNO.as_actor(), [row], tag=new.id)
    assert row.tags == [old, new]
    row.tags = [*row.tags, since]
    db.session.commit()

    operation = undo(operation, BRUNO.as_actor())

    assert (operation.undone, operation.kept) == (1, 0)
    assert row.tags == [old, since]


def test_the_tags_can_be_put_back_from_the_log():
    old, new = a_value(Tag), a_value(Tag)
    row = a_contact(tags=[old])
    do(AddTag, BRUNO.as_actor(), [row], tag=new.id)
    with acting_as(BRUNO.as_actor()):
        entry = get_entries(db.session(), row, limit=1)[0]
        restore_value(db.session(), row, entry, "tags", BRUNO.as_actor())
        db.session.commit()
    assert row.tags == [old]
    assert get_entries(db.session(), row, limit=1)[0].changes["tags"] == [
        [[old.id, str(old)], [new.id, str(new)]],
        [[old.id, str(old)]],
    ]


def test_adding_and_removing_a_tag_undo_independently():
    tag = a_value(Tag)
    has, lacks = a_contact(tags=[tag]), a_contact()
    added = do(AddTag, BRUNO.as_actor(), [has, lacks], tag=tag.id)
    removed = do(RemoveTag, BRUNO.as_actor(), [has, lacks], tag=tag.id)
    assert (added.changed, removed.changed) == (1, 2)
    undo(removed, BRUNO.as_actor())
    undo(added, BRUNO.as_actor())
    assert (has.tags, lacks.tags) == ([tag], [])


def test_undo_keeps_a_row_whose_tag_was_removed_since():
    tag = a_value(Tag)
    row = a_contact()
    operation = do(AddTag, BRUNO.as_actor(), [row], tag=tag.id)
    row.tags = []
    db.session.commit()
    version = row.version
    assert undo(operation, BRUNO.as_actor()).kept == 1
    assert row.version == version


def test_none_is_not_an_answer():
    assert not AddTag.build_form({"tag": ["none"]}).validate()
