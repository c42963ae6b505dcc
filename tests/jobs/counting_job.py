"""A job kind for tests: it writes each number of a range, once, to a table with a unique key."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import text, update

from app.database import reading
from app.extensions import db
from app.jobs.kinds import JobKind, Step
from app.jobs.models import Job
from app.jobs.services import enqueue
from app.security.actor import SYSTEM, Actor, current_actor


def do_nothing(session: Any, job: Job) -> None:
    """Do nothing."""


class Tally(JobKind):
    """Write 1, 2, 3… up to ``payload["upto"]``; sleep ``payload["nap"]`` seconds after each chunk."""

    name = "tally"
    label = "Tally"
    initial_chunk_sizes = (10, 10)
    max_chunk_size = 10
    # Called after each chunk; tests replace it.
    after: Callable[[Any, Job], None] = staticmethod(do_nothing)
    # The actor of each chunk, and the cursor at the end of each job.
    actors: list[Actor] = []
    ended: list[int] = []

    def step(self, session, job, size):
        upto = job.payload["upto"]
        first, last = job.cursor + 1, min(job.cursor + size, upto)
        session.execute(
            text("INSERT INTO tally (job_id, number) VALUES (:job, :number)"),
            [{"job": job.id, "number": number} for number in range(first, last + 1)],
        )
        time.sleep(job.payload.get("nap", 0))
        self.actors.append(current_actor())
        type(self).after(session, job)
        return Step(last, last + 1 - first, is_last=last == upto)

    def end(self, session, job):
        self.ended.append(job.cursor)


def make_table() -> None:
    """Make the table the numbers are written to."""
    db.session.execute(
        text("CREATE TABLE tally (job_id INTEGER, number INTEGER, UNIQUE (job_id, number))")
    )
    db.session.commit()


def enqueue_tally(upto: int = 25, actor: Actor = SYSTEM, **more: Any) -> int:
    """Enqueue a job that counts; return its id."""
    job_id = enqueue(db.session(), "tally", {"upto": upto}, actor, total=upto, **more).id
    db.session.commit()
    return job_id


def written_numbers(job_id: int) -> list[int]:
    """Return the numbers a job has written, in order."""
    with reading():
        result = db.session.scalars(
            text("SELECT number FROM tally WHERE job_id = :job ORDER BY number"), {"job": job_id}
        ).all()
        db.session.rollback()
    return list(result)


def load_job(job_id: int) -> Job:
    """Load a job anew; leave no transaction open."""
    db.session.rollback()
    with reading():
        job = db.session.get_one(Job, job_id, populate_existing=True)
        db.session.expunge(job)
        db.session.rollback()
    return job


def update_job(job_id: int, **values: Any) -> None:
    """Set columns of a job directly."""
    db.session.execute(update(Job).where(Job.id == job_id).values(values))
    db.session.commit()
