"""Of several who move a row at the same moment, one does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from app.errors import NotPossible
from app.extensions import db
from app.log.models import LogEntry
from app.security.actor import SYSTEM
from app.states.moves import apply_transition
from tests.sample import sample_app
from tests.states.sample import a_ticket, declare

pytestmark = pytest.mark.both_databases
THREADS = 8


def test_one_of_many_moves_the_row_and_the_others_are_told_why_not(database, tmp_path):
    with sample_app(database, tmp_path, declare) as app:
        ticket, finish = app.sample.Ticket, app.sample.Finish
        with app.app_context():
            number = a_ticket(app, "open").id
        start = Barrier(THREADS)

        def move(_turn: int) -> str:
            with app.app_context():
                if database == "sqlite":
                    # A transaction locks the database when it begins.
                    start.wait()
                row = db.session.get(ticket, number)
                if database != "sqlite":
                    start.wait()
                try:
                    apply_transition(db.session(), row, finish(SYSTEM))
                    db.session.commit()
                except NotPossible as error:
                    db.session.rollback()
                    return str(error)
                return ""

        with ThreadPoolExecutor(THREADS) as pool:
            answers = sorted(pool.map(move, range(THREADS)))
        with app.app_context():
            row = db.session.get(ticket, number)
            moves = select(func.count()).where(LogEntry.event == "finish_sample_ticket")
            assert (row.state, row.notes, db.session.scalar(moves)) == ("closed", "Done", 1)
    assert answers == ["", *["Its state is already “Closed”."] * (THREADS - 1)]
