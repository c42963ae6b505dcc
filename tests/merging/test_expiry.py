"""What undoing a merge needs is deleted in time, and a purged row leaves nothing that leads to it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import current_app
from sqlalchemy import select

from app.contacts.models import Contact
from app.errors import DomainError
from app.extensions import db
from app.log.erasing import entries_of, erase_entries, erase_in_chunks
from app.merging.models import Merge, MergeMove
from app.merging.periodic import DeleteExpiredMerges
from app.numbers.queries import find_by_former_number
from app.security.actor import SYSTEM
from app.trash.services import move_to_trash, purge_one, restore
from app.types import now
from tests.factories import a_contact
from tests.merging.test_merging import merge, undo
from tests.people import ALICIA

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def test_after_thirty_days_a_merge_is_not_undone_and_its_values_are_gone(client_as):
    old, new = (merge(a_contact(), a_contact(email="b@example.org")) for _number in range(2))
    stays, gone = (db.session.get(Contact, old.survivor_id), old.merged_id)
    gone = db.session.get(Contact, gone, execution_options={"with_trash": True})
    a_report = a_contact()
    db.session.add(MergeMove(merge_id=old.id, rule="MoveReports", row_id=a_report.id))
    old.undo_until = now() - timedelta(minutes=1)
    db.session.commit()

    DeleteExpiredMerges().run(current_app)

    db.session.expire_all()
    assert old.fields is None
    assert new.fields is not None
    assert db.session.scalars(select(MergeMove.id).where(MergeMove.merge_id == old.id)).all() == []
    with pytest.raises(DomainError, match="too late"):
        undo(old, stays, gone)
    assert "too late" in client_as(ALICIA).get(f"/contacts/merged/{old.id}").text


def test_a_contact_whose_survivor_was_purged_may_be_restored():
    stays, gone = a_contact(), a_contact(number="OLD-3")
    merge(stays, gone)
    move_to_trash(stays, ALICIA.as_actor())
    db.session.commit()
    assert purge_one(db.session(), Contact, SYSTEM, stays.id)
    db.session.commit()
    db.session.refresh(gone)
    assert gone.merged_into_id is None
    assert find_by_former_number(db.session(), Contact, ["OLD-3"]) == {}
    restore(gone)
    db.session.commit()
    assert not gone.is_trashed


@pytest.mark.parametrize("whose", ["stays", "gone"])
def test_erasing_a_person_from_the_log_empties_their_merges(session, whose, client_as):
    stays, gone = a_contact(first_name="Ana"), a_contact(email="canary@example.org")
    done, other = merge(stays, gone), merge(a_contact(), a_contact(email="b@example.org"))
    session.add(
        MergeMove(merge_id=done.id, rule="MoveReports", row_id=stays.id, before={"a": "canary"})
    )
    session.commit()
    person = {"stays": stays, "gone": gone}[whose]
    for _again in range(2):
        erase_entries(session, ALICIA.as_actor(), entries_of("contact", person.id), "Art. 17")
        session.commit()
        session.expire_all()
        for table in (Merge.__table__, MergeMove.__table__):
            assert "canary" not in str(session.execute(select(table)).all())
        # A second time, nothing of the log being left, what came later is emptied as well.
        done.fields = {"survivor": {"email": [None, "canary@example.org"]}, "merged": {}}
        session.commit()
    assert other.fields is not None
    page = client_as(ALICIA).get(f"/contacts/merged/{done.id}")
    assert page.status_code == 200


def test_the_command_erases_from_merges_what_the_log_no_longer_has(session):
    done = merge(a_contact(), a_contact(email="canary@example.org"))
    chosen = entries_of("contact", done.merged_id)
    assert sum(erase_in_chunks(session, ALICIA.as_actor(), chosen, "Art. 17")) > 0
    session.refresh(done)
    assert done.fields is None
    done.fields = {"survivor": {"email": [None, "canary@example.org"]}, "merged": {}}
    session.commit()
    assert sum(erase_in_chunks(session, ALICIA.as_actor(), chosen, "Art. 17")) == 0
    session.refresh(done)
    assert done.fields is None
