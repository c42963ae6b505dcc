"""The transactions of a preview and of a small job, which pages, API and commands share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from app.database import reading
from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_now


def background_limit() -> int:
    """Return the number of rows up to which a job runs within its own request."""
    return current_app.config["BACKGROUND_ABOVE"]


@contextmanager
def committed_and_reading() -> Iterator[None]:
    """Commit what was begun, and only read inside the block.

    Counting takes time, and on SQLite nobody else can write while a transaction may.
    """
    db.session.commit()
    with reading():
        yield
        db.session.rollback()


def commit_and_run(job: Job, at_once: int) -> Job:
    """Commit, run a job of at most ``at_once`` rows to its end, and return it as it then is."""
    number, is_small = job.id, job.total is not None and job.total <= at_once
    db.session.commit()
    if is_small:
        run_now(number)
    return db.session.get_one(Job, number, populate_existing=True)
