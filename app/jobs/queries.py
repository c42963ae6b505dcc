"""Queries of jobs: a page of them, one by its id, those of an actor that are live."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, String, cast, func, or_, select
from sqlalchemy.orm import Session

from app.database import KEEPS_PLAN, is_read_only
from app.jobs.models import LIVE_STATES, Job
from app.security.actor import Actor
from app.security.scope import scope_condition
from app.security.user_facts import UserFact

# The most jobs that the badge in the top bar watches.
MAX_WATCHED = 100


def jobs_visible_to(actor: Actor, sees_all: bool) -> ColumnElement[bool]:
    """Return the condition of the jobs an actor may see: their own; with ``sees_all``, colleagues' too."""
    own = scope_condition(Job, actor)
    return or_(own, Job.colleagues_scope(actor)) if sees_all else own


def jobs_page(
    session: Session,
    actor: Actor,
    states: Collection[str],
    before: int | None,
    size: int,
    *,
    sees_all: bool = False,
) -> tuple[list[Job], int | None]:
    """Return (jobs, the value of ``before`` for the next page or None), newest first."""
    query = select(Job).where(jobs_visible_to(actor, sees_all))
    if states:
        query = query.where(Job.state.in_(states))
    if before is not None:
        query = query.where(Job.id < before)
    jobs = list(session.scalars(query.order_by(Job.id.desc()).limit(size + 1)))
    older = jobs[size - 1].id if len(jobs) > size else None
    return jobs[:size], older


def count_by_state(session: Session, actor: Actor, *, sees_all: bool = False) -> dict[str, int]:
    """Count the jobs by state."""
    query = (
        select(Job.state, func.count()).where(jobs_visible_to(actor, sees_all)).group_by(Job.state)
    )
    rows = session.execute(query).all()
    return {state: count for state, count in rows}  # noqa: C416 - rows are not pairs


def find_job(session: Session, actor: Actor, job_id: int, *, sees_all: bool = False) -> Job | None:
    """Return a job if the actor may see it."""
    query = select(Job).where(Job.id == job_id, jobs_visible_to(actor, sees_all))
    return session.scalar(query.execution_options(**KEEPS_PLAN))


def live_job_ids(session: Session, actor: Actor) -> list[int]:
    """Return the ids of an actor's own live jobs; an index answers it.

    Of the user of a page they were read with the user.
    """
    text = LiveJobs.find(actor.id) if is_read_only() else None
    if text is not None:
        return [int(number) for number in text.split(",")] if text else []
    query = select(Job.id).where(scope_condition(Job, actor), Job.state.in_(LIVE_STATES))
    return list(session.scalars(query.limit(MAX_WATCHED)))


def watched_jobs(session: Session, actor: Actor, ids: Collection[int]) -> list[Job]:
    """Return an actor's own jobs that are live or have one of these ids."""
    condition = or_(Job.state.in_(LIVE_STATES), Job.id.in_(sorted(ids)))
    query = select(Job).where(scope_condition(Job, actor), condition)
    return list(session.scalars(query.order_by(Job.id).limit(2 * MAX_WATCHED)))


class LiveJobs(UserFact):
    """The ids of the user's own live jobs, for the badge in the top bar."""

    @classmethod
    def expression(cls, user: Any) -> Any:
        """Return the ids, separated by commas."""
        own = select(Job.id).where(Job.actor_id == user.id, Job.state.in_(LIVE_STATES))
        few = own.limit(MAX_WATCHED).correlate(user).subquery()
        return select(func.aggregate_strings(cast(few.c.id, String), ",")).scalar_subquery()
