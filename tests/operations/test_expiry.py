"""Items are deleted when an operation can no longer be undone, and drafts after a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Status
from app.extensions import db
from app.operations.models import Operation, OperationItem
from app.operations.periodic import DeleteExpiredOperations
from app.operations.services import create_draft
from app.security.actor import acting_as
from app.types import now
from tests.factories import a_contact, a_value
from tests.operations.run_actions import do, selection_of
from tests.people import BRUNO

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def items() -> int:
    return db.session.scalar(select(func.count()).select_from(OperationItem)) or 0


def test_items_of_operations_that_can_no_longer_be_undone_are_deleted(app, monkeypatch):
    monkeypatch.setattr("app.operations.periodic.CHUNK_SIZE", 2)
    status = a_value(Status)
    old = do(ChangeStatus, BRUNO.as_actor(), [a_contact() for _n in range(5)], status=status.id)
    recent = do(ChangeStatus, BRUNO.as_actor(), [a_contact()], status=status.id)
    old.undo_until = now() - timedelta(minutes=1)
    db.session.commit()

    DeleteExpiredOperations().run(app)

    assert items() == recent.matched == 1
    assert db.session.get(Operation, old.id).changed == 5


def test_a_draft_is_deleted_after_a_day(app):
    actor = BRUNO.as_actor()
    with acting_as(actor):
        drafts = [
            create_draft(db.session(), "add_tag", selection_of([a_contact()]), actor)
            for _n in range(2)
        ]
    drafts[0].created_at = now() - timedelta(hours=25)
    db.session.commit()
    kept, gone = drafts[1].id, drafts[0].id

    DeleteExpiredOperations().run(app)

    assert set(db.session.scalars(select(Operation.id))) == {kept}
    assert gone != kept
