"""Delete: contacts go to the trash, except those who can log in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.contacts.models import Contact
from app.extensions import db
from app.i18n.clock import today
from app.trash.services import restore
from app.types import now
from tests.contact_actions import Delete
from tests.factories import a_contact
from tests.operations.run_actions import do, items_of, preview, undo
from tests.people import BRUNO, Person, add_person

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def a_user(name: str, **fields) -> Contact:
    """Write a contact who is a user."""
    row = a_contact(user=add_person(Person(name, "Norte", None)))
    for field, value in fields.items():
        setattr(row.user, field, value)
    db.session.commit()
    return row


def test_contacts_who_can_log_in_are_skipped_and_others_are_trashed():
    stays = [
        a_user("signs-in"),
        a_user("until-today", employed_until=today()),
    ]
    goes = [
        a_contact(),
        a_user("locked", active=False),
        a_user("left", employed_until=today() - timedelta(days=1)),
        a_user("trashed", trashed_at=now()),
    ]
    told = preview(Delete, BRUNO.as_actor(), [*stays, *goes])
    assert (told.will_change, told.left_out) == (4, 2)
    assert "Remove their access first" in told.skipped[0][0]

    operation = do(Delete, BRUNO.as_actor(), [*stays, *goes])

    assert (operation.changed, operation.skipped) == (4, 2)
    items = items_of(operation)
    assert [(items[row.id].outcome, items[row.id].reason) for row in stays] == [
        ("skipped", "rule:TrashedContactsCannotSignIn")
    ] * 2
    assert [row.is_trashed for row in (*stays, *goes)] == [False, False, True, True, True, True]
    assert {row.trashed_by_id for row in goes} == {BRUNO.user.id}
    assert len({row.trashed_at for row in goes}) == 1


def test_links_to_a_deleted_file_stay():
    boss = a_contact()
    row = a_contact(manager=boss)
    do(Delete, BRUNO.as_actor(), [boss])
    db.session.expire_all()
    assert row.manager_id == boss.id
    assert not row.is_trashed


def test_undo_keeps_a_file_that_was_deleted_again_since():
    again, back = a_contact(), a_contact()
    operation = do(Delete, BRUNO.as_actor(), [again, back])
    restore(again)
    db.session.commit()
    do(Delete, BRUNO.as_actor(), [again])

    operation = undo(operation, BRUNO.as_actor())

    assert (operation.undone, operation.kept) == (1, 1)
    assert items_of(operation)[again.id].undone_reason == "since"
    assert (again.is_trashed, back.is_trashed) == (True, False)


def test_undo_reports_a_purged_file_as_gone():
    row = a_contact()
    number = row.id
    operation = do(Delete, BRUNO.as_actor(), [row])
    db.session.delete(row)
    db.session.commit()
    operation = undo(operation, BRUNO.as_actor())
    assert (operation.undone, operation.kept) == (0, 1)
    assert items_of(operation)[number].undone_reason == "gone"
