"""Purging the trash while somebody restores a row of it, for every model that has a trash."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import OperationalError

from app.extensions import db
from app.log.models import LogEntry
from app.security.actor import SYSTEM
from app.trash.models import purgeable_models
from app.trash.services import purge_all
from app.types import now
from tests.databases import migrated_app
from tests.factories import a_row


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return an application of its own on PostgreSQL, where writers run concurrently."""
    with migrated_app("postgres", tmp_path_factory.mktemp("data"), with_people=True) as app:
        yield app


def restores(engine: Engine, table: str, row_id: int) -> bool:
    """Restore a row on another connection; return False if it is locked or gone."""
    statement = f"UPDATE {table} SET trashed_at = NULL WHERE id = :id AND trashed_at IS NOT NULL"
    try:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '1ms'"))
            return connection.execute(text(statement), {"id": row_id}).rowcount == 1
    except OperationalError:
        return False


@contextmanager
def before_statement(number: int, act):
    """Call ``act`` before the statement of this number, counted from 0; yield what it returned."""
    count, results = 0, []

    def listen(_connection, _cursor, statement, _parameters, _context, _many):
        nonlocal count
        if "lock_timeout" in statement or "trashed_at = NULL" in statement:
            return
        count += 1
        if count == number + 1:
            results.append(act())

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield results
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


def is_stored(model, row_id: int) -> bool:
    table = model.__table__
    return db.session.scalar(select(table.c.id).where(table.c.id == row_id)) is not None


@pytest.mark.parametrize("model", purgeable_models(), ids=lambda model: model.__tablename__)
def test_a_row_restored_while_the_trash_is_emptied_survives(served, model):
    """Restore before each statement of the purge in turn; it succeeds or the row is purged."""
    outcomes = []
    with served.app_context():
        engine, table = db.engine, model.__tablename__
        for number in range(20):
            row = a_row(model)
            row.trashed_at = now()
            db.session.commit()
            row_id = row.id
            db.session.remove()
            with before_statement(number, lambda pk=row_id: restores(engine, table, pk)) as done:
                count = purge_all(db.session(), model, SYSTEM)
            if not done:
                break
            [restored] = done
            query = select(LogEntry.event).where(
                LogEntry.subject_type == table, LogEntry.subject_id == row_id
            )
            purged = "purged" in db.session.scalars(query).all()
            outcomes.append(restored)
            assert is_stored(model, row_id) is restored
            assert (purged, count) == (not restored, 0 if restored else 1)
    # The row could be restored before it was locked, and not afterwards.
    assert len(outcomes) >= 4
    assert outcomes == sorted(outcomes, reverse=True)
    assert len(set(outcomes)) == 2
