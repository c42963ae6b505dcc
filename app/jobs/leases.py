"""Who is at a job: claim it, get further, give it back; all of it fenced by owner and cursor.

Nothing here commits. A worker that lost its lease to another finds no row to change any more.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import (
    ColumnElement,
    Interval,
    and_,
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
from app.types import Moment, now

# Who does not get further for so long is taken for dead.
LEASE = timedelta(seconds=30)
# How long to wait after the first, second… attempt that failed; after the last, the job has.
BACK_OFF = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600))
MOST_ATTEMPTS = len(BACK_OFF) + 1


class Lost(Exception):
    """The job is somebody else's by now, or has ended: whoever notices changes nothing."""


def new_owner() -> str:
    """Return a name for one taking up of a job by this thread, which no other ever has."""
    thread = threading.get_ident() % 100_000
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{thread}:{secrets.token_hex(6)}"


def moment(session: Session, later: timedelta = timedelta(0)) -> ColumnElement[datetime]:
    """Return the present moment by the clock of the database, or a later one.

    Hosts disagree about the time, and leases are about seconds. A database in a file has the
    clock of its one host.
    """
    if session.get_bind().dialect.name == "sqlite":
        return literal(now() + later, Moment())
    return type_coerce(
        func.timezone("UTC", func.clock_timestamp() + literal(later, Interval())), Moment()
    )


def is_abandoned(session: Session) -> ColumnElement[bool]:
    """Match jobs that run, by somebody who has given no sign of life."""
    return and_(
        Job.state == "running",
        or_(
            Job.lease_until < moment(session),
            # Given before the clock was set back.
            Job.lease_until > moment(session, 2 * LEASE),
        ),
    )


def is_due(session: Session, *, at_once: bool = False) -> ColumnElement[bool]:
    """Match jobs that somebody may take up now; ``at_once``, those that should wait as well."""
    waits = Job.state == "queued"
    if not at_once:
        waits = and_(waits, or_(Job.run_at <= moment(session), Job.is_cancelled))
    return or_(waits, is_abandoned(session))


def claim(session: Session, job_id: int, owner: str, *, at_once: bool = False) -> Job | None:
    """Take a job up, unless somebody else is at it; return it if it is ours now.

    One that was begun too often and never got further ends here: whoever was at it was killed,
    perhaps by the job itself.
    """
    job = session.scalar(
        select(Job)
        .where(Job.id == job_id, is_due(session, at_once=at_once))
        # Who is at a chunk holds the row, and is not waited for.
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    if job is None:
        return None
    values = {"owner": owner, "lease_until": moment(session, LEASE), "state": "running"}
    if job.attempts >= MOST_ATTEMPTS and not job.is_cancelled:
        end(session, job, "failed", _("It was begun several times and never got any further."))
        return None
    _set(session, job, attempts=Job.attempts + 1, **values)
    if job.started_at is None:
        _set(session, job, started_at=moment(session))
    return job


def hold(session: Session, job_id: int, owner: str, cursor: int) -> Job:
    """Lock a job that is ours for the rest of the transaction, and return it as it is now."""
    job = session.scalar(
        select(Job)
        .where(Job.id == job_id, Job.owner == owner, Job.cursor == cursor, Job.state == "running")
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if job is None:
        raise Lost
    return job


def renew(session: Session, job: Job) -> None:
    """Give a sign of life."""
    _set(session, job, lease_until=moment(session, LEASE))


def advance(session: Session, job: Job, owner: str, cursor: int, step: Step) -> None:
    """Note the place a chunk reached; whoever is no longer the owner, or was called off, fails."""
    session.flush()
    moved = session.execute(
        update(Job)
        .where(
            Job.id == job.id,
            Job.owner == owner,
            Job.cursor == cursor,
            Job.state == "running",
            Job.is_cancelled.is_(False),
        )
        .values(
            cursor=step.cursor,
            done=Job.done + step.count,
            lease_until=moment(session, LEASE),
            attempts=0,
            error="",
        )
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise Lost
    session.refresh(job)


def end(session: Session, job: Job, state: str, error: str = "") -> None:
    """Mark a job as done, failed or cancelled."""
    _set(
        session,
        job,
        state=state,
        error=error[:400],
        owner=None,
        lease_until=None,
        finished_at=moment(session),
    )


def give_back(session: Session, job: Job) -> None:
    """Let another take the job up at once; that we stopped is no failed attempt."""
    attempts = max(0, job.attempts - 1)
    _let_go(session, job, attempts=attempts, run_at=moment(session))
    session.info.setdefault("kicks", []).append(job.id)


def put_off(session: Session, job: Job, error: str) -> None:
    """Let the job be tried again later, or fail after too many attempts."""
    # One that has got further begins to count anew, with this one.
    attempts = max(1, job.attempts)
    if attempts >= MOST_ATTEMPTS:
        end(session, job, "failed", error)
        return
    later = moment(session, BACK_OFF[attempts - 1])
    _let_go(session, job, attempts=attempts, run_at=later, error=error[:400])


def _let_go(session: Session, job: Job, **values) -> None:
    _set(session, job, state="queued", owner=None, lease_until=None, **values)


def _set(session: Session, job: Job, **values) -> None:
    """Write columns of a job this transaction has locked."""
    session.execute(
        update(Job)
        .where(Job.id == job.id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    session.refresh(job)
