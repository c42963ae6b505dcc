"""Enqueue, resume, retry and cancel jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n.localized import LocalizedText
from app.jobs.kinds import get_job_kind
from app.jobs.leases import database_now
from app.jobs.models import LIVE_STATES, STOPPED_STATES, Job
from app.security.actor import Actor
from app.types import now


def enqueue(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    actor: Actor,
    *,
    title: LocalizedText | str = "",
    total: int | None = None,
    key: str | None = None,
    delay: float = 0,
) -> Job:
    """Add a job; workers are notified after the commit.

    The label of its kind is used without ``title``. If a job with the same ``key`` exists, it is
    returned. With ``delay``, in seconds, the caller runs the job itself (``runner.run_now``):
    workers claim it only after that time.
    """
    if not actor.is_staff:
        # The job runs as the user with this id: it must be one of the back-office.
        raise TypeError(f"A {actor.kind} cannot enqueue a job; pass SYSTEM.")
    if key is not None and (existing := _find_by_key(session, key)):
        return existing
    job = Job(
        kind=kind,
        payload=payload | _payload_extras(title, actor),
        title=str(title)[:200],
        total=total,
        key=key,
        run_at=database_now(session, timedelta(seconds=delay)),
        actor_id=actor.id,
        actor_name=actor.name[:160],
        channel=actor.channel,
    )
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError:
        # On PostgreSQL another transaction may just have added the same key.
        if key is None or (existing := _find_by_key(session, key)) is None:
            raise
        return existing
    if not delay:
        session.info.setdefault("jobs_to_notify", []).append(job.id)
    return job


def _payload_extras(title: LocalizedText | str, actor: Actor) -> dict[str, Any]:
    """Return what every payload also holds: the title in each language, the id of the API key."""
    extras: dict[str, Any] = {"title": title} if isinstance(title, LocalizedText) else {}
    return extras if actor.key_id is None else extras | {"key_id": actor.key_id}


def _find_by_key(session: Session, key: str) -> Job | None:
    return session.scalar(select(Job).where(Job.key == key))


def resume(session: Session, job: Job, actor: Actor | None, *, delay: float = 0) -> None:
    """Requeue a failed or cancelled job at its cursor; do nothing if it is queued or running.

    It runs as ``actor`` from now on; None leaves the actor as it is.
    """
    values: dict[str, Any] = {
        "state": "queued",
        "is_cancelled": False,
        "attempts": 0,
        "error": "",
        "finished_at": None,
        "run_at": database_now(session, timedelta(seconds=delay)),
    }
    if job.started_at is not None and job.finished_at is not None:
        # Leave the time it was stopped out of its duration.
        values["started_at"] = job.started_at + (now() - job.finished_at)
    if actor is not None:
        payload = {name: value for name, value in job.payload.items() if name != "key_id"}
        values |= {
            "actor_id": actor.id,
            "actor_name": actor.name[:160],
            "channel": actor.channel,
            "payload": payload | _payload_extras("", actor),
        }
    session.execute(
        update(Job)
        .where(Job.id == job.id, Job.state.in_(STOPPED_STATES))
        .values(values)
        .execution_options(synchronize_session=False)
    )
    session.refresh(job)
    if not delay:
        session.info.setdefault("jobs_to_notify", []).append(job.id)


def retry(session: Session, job: Job, actor: Actor) -> None:
    """Resume a failed job; do nothing if it is queued or running already.

    A job of another user keeps running as them, with their rights. Raises DomainError if it
    cannot be resumed.
    """
    session.refresh(job)
    if job.is_live:
        return
    if reason := why_not_retryable(session, job, is_retrying=True):
        raise DomainError(reason)
    is_own = actor.id is not None and actor.id == job.actor_id
    resume(session, job, actor if is_own else None)


def why_not_retryable(session: Session, job: Job, *, is_retrying: bool = False) -> str:
    """Return why a job cannot be resumed, or "" if it can."""
    if job.state != "failed":
        return _("Only failed processes can be retried.")
    kind = get_job_kind(job.kind)
    if kind is None:
        return _("This type of process is no longer available.")
    return kind.why_not_retryable(session, job, is_retrying=is_retrying)


def cancel(session: Session, job_id: int) -> bool:
    """Cancel a job; it ends after its current chunk. Return True if it had not ended yet."""
    result = session.execute(
        update(Job).where(Job.id == job_id, Job.state.in_(LIVE_STATES)).values(is_cancelled=True)
    )
    if result.rowcount:  # type: ignore[attr-defined]
        session.info.setdefault("jobs_to_notify", []).append(job_id)
    return bool(result.rowcount)  # type: ignore[attr-defined]
