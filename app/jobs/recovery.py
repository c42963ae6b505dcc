"""Jobs nobody is at: found and kicked again; and jobs of long ago, forgotten."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.orm import Session

from app.jobs.leases import is_abandoned, moment
from app.jobs.models import LIVE, Job

# A job that is due is kicked by its own commit; what has not begun after this was forgotten.
GRACE = timedelta(seconds=2)
# Jobs kicked in one sweep; the next one comes in a few seconds.
MOST = 100
# How long a job that ended is kept.
KEPT = timedelta(days=90)


def unattended(session: Session) -> list[int]:
    """Return the jobs that should be going on and are not, the longest waiting first."""
    return list(
        session.scalars(
            select(Job.id)
            .where(
                or_(
                    and_(
                        Job.state == "queued",
                        or_(Job.run_at < moment(session, -GRACE), Job.is_cancelled),
                    ),
                    is_abandoned(session),
                )
            )
            .order_by(Job.run_at, Job.id)
            .limit(MOST)
        )
    )


def count_waiting(session: Session, longer_than: timedelta) -> int:
    """Return how many jobs have been due for so long without anybody being at them."""
    found = session.scalar(
        select(func.count()).where(
            or_(
                and_(Job.state == "queued", Job.run_at < moment(session, -longer_than)),
                and_(Job.state == "running", Job.lease_until < moment(session, -longer_than)),
            )
        )
    )
    return found or 0


def forget_old(session: Session) -> int:
    """Delete the jobs that ended long ago; return how many."""
    gone = session.execute(
        delete(Job)
        .where(Job.state.not_in(LIVE), Job.finished_at < moment(session, -KEPT))
        .execution_options(synchronize_session=False)
    )
    return gone.rowcount  # type: ignore[attr-defined]
