"""Ask for jobs and call them off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.i18n.said import Said
from app.jobs.leases import moment
from app.jobs.models import LIVE, STOPPED, Job
from app.security.actor import Actor


def enqueue(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    actor: Actor,
    *,
    title: Said | str = "",
    total: int | None = None,
    key: str | None = None,
    delay: float = 0,
) -> Job:
    """Ask for a job; it begins after the commit, or not at all if there is none.

    ``title`` is what it is called; its kind's label otherwise. The same ``key`` twice is one job. ``delay``, in seconds, leaves it to whoever asks to run it
    at once (``runner.run_now``): a worker takes it up later only if that did not happen.
    """
    if key is not None and (known := _keyed(session, key)):
        return known
    job = Job(
        kind=kind,
        payload=payload | {"title": title} if isinstance(title, Said) else payload,
        title=str(title)[:200],
        total=total,
        key=key,
        run_at=moment(session, timedelta(seconds=delay)),
        actor_id=actor.id,
        actor_name=actor.name[:160],
        channel=actor.channel,
    )
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError:
        # On PostgreSQL somebody else may have asked for it a moment ago.
        if key is None or (known := _keyed(session, key)) is None:
            raise
        return known
    if not delay:
        session.info.setdefault("kicks", []).append(job.id)
    return job


def _keyed(session: Session, key: str) -> Job | None:
    return session.scalar(select(Job).where(Job.key == key))


def resume(session: Session, job: Job, actor: Actor, *, delay: float = 0) -> None:
    """Let a job that failed or was called off go on where it stopped, in the name of ``actor``."""
    session.execute(
        update(Job)
        .where(Job.id == job.id, Job.state.in_(STOPPED))
        .values(
            state="queued",
            is_cancelled=False,
            attempts=0,
            error="",
            finished_at=None,
            run_at=moment(session, timedelta(seconds=delay)),
            actor_id=actor.id,
            actor_name=actor.name[:160],
            channel=actor.channel,
        )
        .execution_options(synchronize_session=False)
    )
    session.refresh(job)
    if not delay:
        session.info.setdefault("kicks", []).append(job.id)


def cancel(session: Session, job_id: int) -> bool:
    """Call a job off; it ends after the chunk it is at. Return whether it was still going on."""
    found = session.execute(
        update(Job).where(Job.id == job_id, Job.state.in_(LIVE)).values(is_cancelled=True)
    )
    if found.rowcount:  # type: ignore[attr-defined]
        session.info.setdefault("kicks", []).append(job_id)
    return bool(found.rowcount)  # type: ignore[attr-defined]
