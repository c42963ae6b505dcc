"""Leases on jobs: claim one, advance it, release it; every update is fenced by owner and cursor.

Nothing here commits. The updates of a worker that has lost its lease match no row.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Interval,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.orm import Session

from app.jobs.kinds import Step
from app.jobs.models import Job
from app.types import UTCDateTime, now

# A worker that commits nothing for this long is considered dead.
LEASE_DURATION = timedelta(seconds=30)
# The wait after the first, second… failed attempt; after the last attempt the job has failed.
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600))
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1


class LeaseLost(Exception):
    """The lease expired and was taken over, or the job has ended: roll back and stop."""


def new_owner() -> str:
    """Return a unique owner name for one claim of a job by this thread."""
    thread = threading.get_ident() % 100_000
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{thread}:{secrets.token_hex(6)}"


def database_now(session: Session, offset: timedelta = timedelta(0)) -> ColumnElement[datetime]:
    """Return the current time by the clock of the database, plus an offset.

    Clocks of hosts differ, and leases last seconds. SQLite uses the clock of its only host.
    """
    if session.get_bind().dialect.name == "sqlite":
        return literal(now() + offset, UTCDateTime())
    return type_coerce(
        func.timezone("UTC", func.clock_timestamp() + literal(offset, Interval())), UTCDateTime()
    )


def is_abandoned(session: Session) -> ColumnElement[bool]:
    """Return the condition of running jobs whose lease has expired."""
    return and_(
        Job.state == "running",
        or_(
            Job.lease_until < database_now(session),
            # Written before the clock was set back.
            Job.lease_until > database_now(session, 2 * LEASE_DURATION),
        ),
    )


def is_due(session: Session, *, ignore_run_at: bool = False) -> ColumnElement[bool]:
    """Return the condition of jobs that may be claimed now; ``ignore_run_at`` adds delayed ones."""
    is_queued = Job.state == "queued"
    if not ignore_run_at:
        is_queued = and_(is_queued, or_(Job.run_at <= database_now(session), Job.is_cancelled))
    return or_(is_queued, is_abandoned(session))


def claim(session: Session, job_id: int, owner: str, *, ignore_run_at: bool = False) -> Job | None:
    """Claim a job unless another worker has it; return it if it is now ours.

    A job that was claimed too often without advancing fails here: its workers were killed,
    perhaps by the job itself.
    """
    job = session.scalar(
        select(Job)
        .where(Job.id == job_id, is_due(session, ignore_run_at=ignore_run_at))
        # A worker in the middle of a chunk has locked the row: do not wait for it.
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    if job is None:
        return None
    values = {
        "owner": owner,
        "lease_until": database_now(session, LEASE_DURATION),
        "state": "running",
    }
    if job.attempts >= MAX_ATTEMPTS and not job.is_cancelled:
        finish(session, job, "failed", _("It was started several times but made no progress."))
        return None
    _update(session, job, attempts=Job.attempts + 1, **values)
    if job.started_at is None:
        _update(session, job, started_at=database_now(session))
    return job


def lock_leased(session: Session, job_id: int, owner: str, cursor: int | None = None) -> Job:
    """Lock a job we have the lease on until the transaction ends; return its current row.

    Raises LeaseLost if it is not ours any more, or is not at ``cursor``.
    """
    job = session.scalar(_LOCK, {"id": job_id, "owner": owner, "cursor": cursor})
    if job is None:
        raise LeaseLost
    return job


# Statements of every chunk are built once: building takes as long as executing.
_LOCK = (
    select(Job)
    .where(
        Job.id == bindparam("id"),
        Job.owner == bindparam("owner"),
        Job.state == "running",
        Job.cursor == func.coalesce(bindparam("cursor", type_=BigInteger), Job.cursor),
    )
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


def renew(session: Session, job: Job) -> None:
    """Extend the lease."""
    _update(session, job, lease_until=database_now(session, LEASE_DURATION))


def advance(session: Session, job: Job, owner: str, cursor: int, step: Step) -> None:
    """Write the cursor a chunk reached; LeaseLost if the job is not ours any more or is cancelled."""
    session.flush()
    values = {
        "job_id": job.id, "job_owner": owner, "at_cursor": cursor,
        "new_cursor": step.cursor, "count": step.count,
    }  # fmt: skip
    moved = session.execute(
        _ADVANCE.values(lease_until=database_now(session, LEASE_DURATION)), values
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise LeaseLost
    session.expire(job)


_ADVANCE = (
    update(Job)
    .where(
        Job.id == bindparam("job_id"),
        Job.owner == bindparam("job_owner"),
        Job.cursor == bindparam("at_cursor"),
        Job.state == "running",
        Job.is_cancelled.is_(False),
    )
    .values(
        cursor=bindparam("new_cursor"), done=Job.done + bindparam("count"), attempts=0, error=""
    )
    .execution_options(synchronize_session=False)
)


def finish(session: Session, job: Job, state: str, error: str = "") -> None:
    """Mark a job as done, failed or cancelled."""
    _update(
        session,
        job,
        state=state,
        error=error[:400],
        owner=None,
        lease_until=None,
        finished_at=database_now(session),
    )


def release(session: Session, job: Job) -> None:
    """Let another worker claim the job at once; this does not count as a failed attempt."""
    attempts = max(0, job.attempts - 1)
    _requeue(session, job, attempts=attempts, run_at=database_now(session))
    session.info.setdefault("jobs_to_notify", []).append(job.id)


def schedule_retry(session: Session, job: Job, error: str) -> None:
    """Schedule the next attempt, or fail the job after MAX_ATTEMPTS."""
    # A job that has advanced counts anew, from this attempt.
    attempts = max(1, job.attempts)
    if attempts >= MAX_ATTEMPTS:
        finish(session, job, "failed", error)
        return
    run_at = database_now(session, RETRY_DELAYS[attempts - 1])
    _requeue(session, job, attempts=attempts, run_at=run_at, error=error[:400])


def _requeue(session: Session, job: Job, **values) -> None:
    _update(session, job, state="queued", owner=None, lease_until=None, **values)


def _update(session: Session, job: Job, **values) -> None:
    """Write columns of a job that this transaction has locked."""
    session.execute(
        update(Job)
        .where(Job.id == job.id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    session.refresh(job)
