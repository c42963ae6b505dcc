"""Cards of the start page about the user's own jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy import or_
from sqlalchemy.orm import Session

from app.crud.startpage import ContentCard, Todo, TodoEntry
from app.i18n.counted import Counted
from app.jobs.kinds import job_title
from app.jobs.models import LIVE_STATES, Job
from app.jobs.progress import get_progress
from app.jobs.views import JobsView
from app.security.actor import current_actor
from app.security.scope import visible
from app.types import now

# How long a job that has ended stays on the start page, and one that failed stays to be done.
ENDED_DAYS, FAILED_DAYS = 1, 7
MAX_JOBS = 5


class FailedJobsTodo(Todo):
    """The user's own jobs that failed during the last week."""

    icon = "exclamation-octagon"
    order = 10
    words = Counted(
        "%(num)s of your processes failed this week", "%(num)s of your processes failed this week"
    )

    @classmethod
    def entries(cls) -> Sequence[TodoEntry]:
        query = visible(Job, current_actor()).with_only_columns(Job.id)
        query = query.where(
            Job.state == "failed", Job.finished_at > now() - timedelta(days=FAILED_DAYS)
        )
        return [TodoEntry(query, cls.words, url_for(f"{JobsView.__name__}.list", part="failed"))]


class JobsCard(ContentCard):
    """The user's own jobs that run, or ended since yesterday."""

    name = "jobs"
    label = _l("Your processes")
    icon = "hourglass-split"
    template = "jobs/card.html"
    order = 10

    @classmethod
    def content(cls, session: Session) -> dict[str, Any] | None:
        recent = Job.finished_at > now() - timedelta(days=ENDED_DAYS)
        query = visible(Job, current_actor()).where(or_(Job.state.in_(LIVE_STATES), recent))
        jobs = session.scalars(query.order_by(Job.id.desc()).limit(MAX_JOBS)).all()
        if not jobs:
            return None
        return {"jobs": [(job, job_title(job), get_progress(job)) for job in jobs]}
