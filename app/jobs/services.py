"""Ask for jobs and call them off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n.localized import Said
from app.jobs.kinds import kind_called
from app.jobs.leases import moment
from app.jobs.models import LIVE, STOPPED, Job
from app.security.actor import Actor
from app.types import now


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

    ``title`` is what it is called; its kind's label otherwise. The same ``key`` twice is one job.
    ``delay``, in seconds, leaves it to whoever asks to run it at once (``runner.run_now``): a
    worker takes it up later only if that did not happen.
    """
    if key is not None and (known := _keyed(session, key)):
        return known
    job = Job(
        kind=kind,
        payload=payload | _kept(title, actor),
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


def _kept(title: Said | str, actor: Actor) -> dict[str, Any]:
    """Return what any job's payload holds besides."""
    kept: dict[str, Any] = {"title": title} if isinstance(title, Said) else {}
    return kept if actor.key_id is None else kept | {"key_id": actor.key_id}


def _keyed(session: Session, key: str) -> Job | None:
    return session.scalar(select(Job).where(Job.key == key))


def resume(session: Session, job: Job, actor: Actor | None, *, delay: float = 0) -> None:
    """Let a job that failed or was called off go on where it stopped; nothing if it goes on already.

    From now on in the name of ``actor``; None leaves it with whoever asked for it.
    """
    values: dict[str, Any] = {
        "state": "queued",
        "is_cancelled": False,
        "attempts": 0,
        "error": "",
        "finished_at": None,
        "run_at": moment(session, timedelta(seconds=delay)),
    }
    if job.started_at is not None and job.finished_at is not None:
        # How long it takes is told without the time it stood still.
        values["started_at"] = job.started_at + (now() - job.finished_at)
    if actor is not None:
        payload = {name: value for name, value in job.payload.items() if name != "key_id"}
        values |= {
            "actor_id": actor.id,
            "actor_name": actor.name[:160],
            "channel": actor.channel,
            "payload": payload | _kept("", actor),
        }
    session.execute(
        update(Job)
        .where(Job.id == job.id, Job.state.in_(STOPPED))
        .values(values)
        .execution_options(synchronize_session=False)
    )
    session.refresh(job)
    if not delay:
        session.info.setdefault("kicks", []).append(job.id)


def try_again(session: Session, job: Job, actor: Actor) -> None:
    """Let a job that failed go on where it stopped: asked for twice, it goes on once.

    Somebody else's goes on in their name, with what they may do. DomainError says why it cannot.
    """
    session.refresh(job)
    if job.is_live:
        return
    if why := why_not_tried_again(session, job, is_asked=True):
        raise DomainError(why)
    is_theirs = actor.id is not None and actor.id == job.actor_id
    resume(session, job, actor if is_theirs else None)


def why_not_tried_again(session: Session, job: Job, *, is_asked: bool = False) -> str:
    """Return why a job does not go on, or nothing when it can."""
    if job.state != "failed":
        return _("Only what failed can be tried again.")
    kind = kind_called(job.kind)
    if kind is None:
        return _("The program no longer knows what this job was to do.")
    return kind.why_not_tried_again(session, job, is_asked=is_asked)


def cancel(session: Session, job_id: int) -> bool:
    """Call a job off; it ends after the chunk it is at. Return whether it was still going on."""
    found = session.execute(
        update(Job).where(Job.id == job_id, Job.state.in_(LIVE)).values(is_cancelled=True)
    )
    if found.rowcount:  # type: ignore[attr-defined]
        session.info.setdefault("kicks", []).append(job_id)
    return bool(found.rowcount)  # type: ignore[attr-defined]
