"""Remove a tag: the others stay, and it comes back."""

from __future__ import annotations

import pytest

from app.contacts.models import Tag
from app.extensions import db
from app.log.queries import get_entries
from app.log.services import restore_value
from app.security.actor import acting_as
from tests.contact_actions import RemoveTag
from tests.factories import a_contact, a_value
from tests.operations.run_actions import do, items_of, undo
from tests.people import BRUNO

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def test_other_tags_stay():
    gone, stays = a_value(Tag), a_value(Tag)
    rows = [a_contact(tags=[gone, stays]), a_contact(tags=[stays]), a_contact(tags=[gone])]
    operation = do(RemoveTag, BRUNO.as_actor(), rows, tag=gone.id)
    assert (operation.changed, operation.already) == (2, 1)
    assert [row.tags for row in rows] == [[stays], [stays], []]


def test_the_tags_can_be_put_back_from_the_log():
    gone, stays = a_value(Tag), a_value(Tag)
    row = a_contact(tags=[gone, stays])
    do(RemoveTag, BRUNO.as_actor(), [row], tag=gone.id)
    with acting_as(BRUNO.as_actor()):
        entry = get_entries(db.session(), row, limit=1)[0]
        restore_value(db.session(), row, entry, "tags", BRUNO.as_actor())
        db.session.commit()
    assert row.tags == [gone, stays]


def test_undo_keeps_a_row_whose_tag_was_added_again_since():
    tag = a_value(Tag)
    again, back = a_contact(tags=[tag]), a_contact(tags=[tag])
    operation = do(RemoveTag, BRUNO.as_actor(), [again, back], tag=tag.id)
    again.tags = [tag]
    db.session.commit()

    operation = undo(operation, BRUNO.as_actor())

    assert (operation.undone, operation.kept) == (1, 1)
    assert items_of(operation)[again.id].undone_reason == "since"
    assert (again.tags, back.tags) == ([tag], [tag])
