"""Find jobs: a page of them, one by its number, those of somebody that are going on."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app.jobs.models import LIVE, Job
from app.security.actor import Actor
from app.security.scope import scope_of

# More running jobs of one person than this are not followed one by one.
MOST_FOLLOWED = 100


def seen_by(actor: Actor, sees_all: bool) -> ColumnElement[bool]:
    """Return the condition of the jobs an actor may see: their own, or those within reach too."""
    mine = scope_of(Job, actor)
    return or_(mine, Job.of_colleagues(actor)) if sees_all else mine


def jobs_page(
    session: Session,
    actor: Actor,
    states: Collection[str],
    before: int | None,
    size: int,
    *,
    sees_all: bool = False,
) -> tuple[list[Job], int | None]:
    """Return (jobs, the number to ask for the older ones with, or None), newest first."""
    query = select(Job).where(seen_by(actor, sees_all))
    if states:
        query = query.where(Job.state.in_(states))
    if before is not None:
        query = query.where(Job.id < before)
    found = list(session.scalars(query.order_by(Job.id.desc()).limit(size + 1)))
    older = found[size - 1].id if len(found) > size else None
    return found[:size], older


def how_many(session: Session, actor: Actor, *, sees_all: bool = False) -> dict[str, int]:
    """Return how many jobs are in each state."""
    query = select(Job.state, func.count()).where(seen_by(actor, sees_all)).group_by(Job.state)
    rows = session.execute(query).all()
    return {state: count for state, count in rows}  # noqa: C416 - rows are not pairs


def job_of(session: Session, actor: Actor, job_id: int, *, sees_all: bool = False) -> Job | None:
    """Return one job, if the actor may see it."""
    return session.scalar(select(Job).where(Job.id == job_id, seen_by(actor, sees_all)))


def live_ids(session: Session, actor: Actor) -> list[int]:
    """Return the numbers of an actor's own jobs that are going on: one look into an index."""
    query = select(Job.id).where(scope_of(Job, actor), Job.state.in_(LIVE))
    return list(session.scalars(query.limit(MOST_FOLLOWED)))


def followed(session: Session, actor: Actor, ids: Collection[int]) -> list[Job]:
    """Return an actor's own jobs that are going on, and of those with these numbers the others."""
    which = or_(Job.state.in_(LIVE), Job.id.in_(sorted(ids)))
    query = select(Job).where(scope_of(Job, actor), which)
    return list(session.scalars(query.order_by(Job.id).limit(2 * MOST_FOLLOWED)))
