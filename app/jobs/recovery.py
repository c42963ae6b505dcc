"""Find jobs that are due and not running; delete jobs that ended long ago."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.orm import Session

from app.jobs.leases import database_now, is_abandoned
from app.jobs.models import LIVE_STATES, Job

# The commit that makes a job due notifies workers; if it has not begun after this, that was lost.
GRACE_PERIOD = timedelta(seconds=2)
# Jobs requeued in one run of the periodic task; the next run is a few seconds later.
MAX_REQUEUED = 100
# How long a job is stored after its end.
RETENTION = timedelta(days=90)


def find_stalled(session: Session) -> list[int]:
    """Return the ids of jobs that are due and not running, the longest waiting first."""
    return list(
        session.scalars(
            select(Job.id)
            .where(
                or_(
                    and_(
                        Job.state == "queued",
                        or_(Job.run_at < database_now(session, -GRACE_PERIOD), Job.is_cancelled),
                    ),
                    is_abandoned(session),
                )
            )
            .order_by(Job.run_at, Job.id)
            .limit(MAX_REQUEUED)
        )
    )


def count_overdue(session: Session, longer_than: timedelta) -> int:
    """Count the jobs that have been due for longer than this and are not running."""
    count = session.scalar(
        select(func.count()).where(
            or_(
                and_(Job.state == "queued", Job.run_at < database_now(session, -longer_than)),
                and_(
                    Job.state == "running", Job.lease_until < database_now(session, -longer_than)
                ),
            )
        )
    )
    return count or 0


def delete_old_jobs(session: Session) -> int:
    """Delete the jobs that ended more than RETENTION ago; return how many."""
    result = session.execute(
        delete(Job)
        .where(Job.state.not_in(LIVE_STATES), Job.finished_at < database_now(session, -RETENTION))
        .execution_options(synchronize_session=False)
    )
    return result.rowcount  # type: ignore[attr-defined]
