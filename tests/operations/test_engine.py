"""The engine: running, logging and undoing each verb."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Contact, Status, Tag
from app.extensions import db
from app.log.models import LogEntry
from tests.contact_actions import AddTag, ChangeEntity, Delete, RemoveTag
from tests.factories import a_contact, a_value, the_entity, the_value
from tests.operations.run_actions import do, items_of, job_of, preview, undo
from tests.people import ALICIA, BRUNO

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def entries(contact: Contact) -> list[LogEntry]:
    query = select(LogEntry).where(
        LogEntry.subject_type == "contact", LogEntry.subject_id == contact.id
    )
    return list(db.session.scalars(query.order_by(LogEntry.id)))


def test_a_status_is_changed_logged_and_undone():
    active, other = the_value(Status, "Active"), a_value(Status)
    has, lacks = a_contact(status=other), a_contact(status=active)
    none = a_contact()
    version = lacks.version

    told = preview(ChangeStatus, BRUNO.as_actor(), [has, lacks, none], status=other.id)
    assert (told.matched, told.will_change, told.already) == (3, 2, 1)
    assert [sample.changes[0][1:] for sample in told.sample] == [
        (str(active), str(other)),
        ("", str(other)),
    ]

    operation = do(ChangeStatus, BRUNO.as_actor(), [has, lacks, none], status=other.id)

    assert job_of(operation).state == "done"
    assert (operation.matched, operation.changed, operation.already) == (3, 2, 1)
    assert {c.status for c in (has, lacks, none)} == {other}
    assert lacks.version == version + 1
    last = entries(lacks)[-1]
    assert last.changes == {"status_id": [[active.id, "Active"], [other.id, str(other)]]}
    assert (last.operation_id, last.version, last.actor_name) == (
        operation.id,
        lacks.version,
        BRUNO.user.get_full_name(),
    )
    assert len(entries(has)) == 1

    operation = undo(operation, BRUNO.as_actor())

    assert (operation.undone, operation.kept) == (2, 0)
    assert (has.status, lacks.status, none.status) == (other, active, None)
    assert entries(none)[-1].changes == {"status_id": [[other.id, str(other)], None]}


def test_undo_keeps_rows_that_were_changed_since():
    one, two, three = a_value(Status), a_value(Status), a_value(Status)
    kept, back = a_contact(status=one), a_contact(status=one)
    operation = do(ChangeStatus, BRUNO.as_actor(), [kept, back], status=two.id)
    kept.status = three
    db.session.commit()

    operation = undo(operation, BRUNO.as_actor())

    assert (operation.undone, operation.kept) == (1, 1)
    assert (kept.status, back.status) == (three, one)
    assert items_of(operation)[kept.id].undone_reason == "since"


def test_a_tag_is_added_once_and_removed_by_undo():
    old, new = a_value(Tag), a_value(Tag)
    has, lacks = a_contact(tags=[old, new]), a_contact(tags=[old])
    operation = do(AddTag, BRUNO.as_actor(), [has, lacks], tag=new.id)

    assert (operation.changed, operation.already) == (1, 1)
    assert lacks.tags == [old, new]
    before, after = entries(lacks)[-1].changes["tags"]
    assert (before, after) == (
        [[old.id, str(old)]],
        [[old.id, str(old)], [new.id, str(new)]],
    )

    undo(operation, BRUNO.as_actor())
    assert (has.tags, lacks.tags) == ([old, new], [old])


def test_a_tag_is_removed_and_restored_by_undo():
    old, gone = a_value(Tag), a_value(Tag)
    has, lacks = a_contact(tags=[old, gone]), a_contact(tags=[old])
    operation = do(RemoveTag, BRUNO.as_actor(), [has, lacks], tag=gone.id)

    assert (operation.changed, operation.already) == (1, 1)
    assert has.tags == [old]
    before, after = entries(has)[-1].changes["tags"]
    assert (before, after) == (
        [[old.id, str(old)], [gone.id, str(gone)]],
        [[old.id, str(old)]],
    )

    undo(operation, BRUNO.as_actor())
    assert has.tags == [old, gone]


def test_files_are_moved_to_the_trash_and_restored_by_undo():
    one, two = a_contact(), a_contact()
    ids = [one.id, two.id]
    operation = do(Delete, BRUNO.as_actor(), [one, two])

    assert operation.changed == 2
    assert db.session.scalars(select(Contact).where(Contact.id.in_(ids))).all() == []
    assert entries(one)[-1].event == "trashed"

    operation = undo(operation, BRUNO.as_actor())

    assert operation.undone == 2
    assert not one.is_trashed
    assert one.trashed_by_id is None
    assert entries(one)[-1].event == "restored"


def test_rows_that_left_the_scope_are_refused_and_listed():
    south = the_entity("Sur")
    stays, leaves = a_contact(), a_contact()
    status = a_value(Status)
    operation = do(ChangeEntity, ALICIA.as_actor(), [leaves], entity=south.id, reason="Mudanza")
    assert leaves.entity is south

    operation = undo(operation, ALICIA.as_actor())
    assert leaves.entity.name == "Norte"
    assert str(operation.answers_text).endswith("Mudanza")
    assert preview(ChangeStatus, BRUNO.as_actor(), [stays, leaves], status=status.id).matched == 2


@pytest.mark.parametrize("database", ["postgres"], indirect=True, scope="session")
def test_undoing_a_tag_finds_links_and_rows_by_the_ids_of_the_chunk_alone(counting):
    """PostgreSQL knows nothing yet of what the operation has just written."""
    operation = do(AddTag, BRUNO.as_actor(), [a_contact(), a_contact()], tag=a_value(Tag).id)
    with counting() as statements:
        undo(operation, BRUNO.as_actor())
    kinds = ("UPDATE contact ", "INSERT INTO log_entry", "DELETE FROM contact_tag")
    written = [text for text in statements if text.startswith(kinds)]
    assert len(written) == len(kinds)
    assert not any("operation_item" in text for text in written)
    (links,) = (text for text in written if text.startswith(kinds[2]))
    assert "tag_id + " in links
