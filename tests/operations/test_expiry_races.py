"""Deleting expired items while somebody retries or undoes their operation."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Status
from app.extensions import db
from app.operations.models import Operation
from app.operations.services import delete_expired_items
from app.types import now
from tests.databases import migrated_app
from tests.factories import a_contact, a_value
from tests.operations.run_actions import do
from tests.people import BRUNO


def test_items_are_kept_while_somebody_retries_the_operation(tmp_path):
    """Whoever retries or undoes an operation has locked it, and commits a moment later."""
    with migrated_app("postgres", tmp_path, with_people=True) as app, app.app_context():
        status = a_value(Status)
        operation = do(ChangeStatus, BRUNO.as_actor(), [a_contact()], status=status.id)
        operation.undo_until = now() - timedelta(minutes=1)
        db.session.commit()
        lock = select(Operation.id).where(Operation.id == operation.id).with_for_update()
        with db.engine.connect() as other:
            other.execute(lock)
            assert delete_expired_items(db.session(), 100) == 0
            db.session.rollback()
        assert delete_expired_items(db.session(), 100) == 1
        db.session.commit()
