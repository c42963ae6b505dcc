"""A kind of job for the tests: it writes each number of a range once, into a table that minds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import text, update

from app.extensions import db, reading
from app.jobs.kinds import JobKind, Step
from app.jobs.models import Job
from app.jobs.services import enqueue
from app.security.actor import SYSTEM, Actor, current_actor


def nothing(session: Any, job: Job) -> None:
    """Let nothing happen."""


class Tally(JobKind):
    """Writes 1, 2, 3… up to ``payload["upto"]``, with naps of ``payload["nap"]`` seconds."""

    name = "tally"
    label = "Tally"
    first_chunks = (10, 10)
    largest_chunk = 10
    # What else happens once a chunk is written, as the test says.
    after: Callable[[Any, Job], None] = staticmethod(nothing)
    # Who it was done for, chunk by chunk, and how it ended.
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


def a_tally(upto: int = 25, actor: Actor = SYSTEM, **more: Any) -> int:
    """Ask for a job that counts; return its number."""
    job_id = enqueue(db.session(), "tally", {"upto": upto}, actor, total=upto, **more).id
    db.session.commit()
    return job_id


def numbers(job_id: int) -> list[int]:
    """Return what is written, in order."""
    with reading():
        found = db.session.scalars(
            text("SELECT number FROM tally WHERE job_id = :job ORDER BY number"), {"job": job_id}
        ).all()
        db.session.rollback()
    return list(found)


def the_job(job_id: int) -> Job:
    """Return a job as it is in the database, and hold no lock there."""
    db.session.rollback()
    with reading():
        job = db.session.get_one(Job, job_id, populate_existing=True)
        db.session.expunge(job)
        db.session.rollback()
    return job


def change(job_id: int, **values: Any) -> None:
    """Write columns of a job past everybody."""
    db.session.execute(update(Job).where(Job.id == job_id).values(values))
    db.session.commit()
