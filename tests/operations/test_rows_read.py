"""A chunk of an operation reads its own items, however many the operation has.

PostgreSQL has no statistics of the items while the operation is young: it must not read those of
the whole operation for every chunk.
"""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Status, Tag
from app.extensions import db
from app.jobs.kinds import JobKind
from tests.contact_actions import AddTag
from tests.databases import BOTH
from tests.factories import a_contact, a_value
from tests.operations.run_actions import do, undo
from tests.people import BRUNO

ROWS, CHUNK = 120, 10
# Rows of operation_item that this transaction has read, by an index or without one.
READ = """
SELECT coalesce(sum(idx_tup_fetch), 0) + coalesce(sum(seq_tup_read), 0)
FROM pg_stat_xact_user_tables WHERE relname = 'operation_item'
"""


@pytest.mark.parametrize("database", BOTH[1:], indirect=True, scope="session")
@pytest.mark.parametrize(
    ("action", "field", "model"), [(AddTag, "tag", Tag), (ChangeStatus, "status", Status)]
)
def test_undoing_reads_each_item_a_few_times(action, field, model, session, monkeypatch):
    monkeypatch.setattr(JobKind, "max_chunk_size", CHUNK)
    contacts = [a_contact() for _number in range(ROWS)]
    operation = do(action, BRUNO.as_actor(), contacts, **{field: a_value(model).id})
    assert operation.changed == ROWS
    # As in a database in use: of the contacts there are statistics, of the items none.
    session.execute(text("ANALYZE contact"))
    before = session.scalar(text(READ))
    assert undo(operation, BRUNO.as_actor()).undone == ROWS
    assert db.session.scalar(text(READ)) - before <= 8 * ROWS
