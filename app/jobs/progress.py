"""The progress of a job, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import format_percent, format_timedelta, ngettext
from flask_babel import gettext as _

from app.i18n.formats import show_ago, show_number
from app.jobs.models import STATES, Job
from app.types import now

COLOURS = {
    "queued": "amber", "running": "blue", "done": "green", "failed": "red", "cancelled": "grey",
}  # fmt: skip
# The time left is estimated only after a job has run this long.
MIN_RUN_SECONDS = 2.0


@dataclass(frozen=True)
class Progress:
    """What pages and the API show of a job."""

    state: str
    state_text: str
    colour: str
    is_live: bool
    done: int
    total: int | None
    # Integer, rounded down; None while the total is unknown.
    percent: int | None
    percent_text: str
    # "1,240 of 4,312".
    count_text: str
    # "about 2 minutes left"; empty while it cannot be estimated.
    time_left: str
    # A sentence about its state.
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return dict(vars(self))


def get_progress(job: Job, moment: datetime | None = None) -> Progress:
    """Return the progress of a job in the reader's language; ``moment`` replaces the current time."""
    moment = moment or now()
    seconds, percent = seconds_left(job, moment), percent_done(job)
    return Progress(
        state=job.state,
        state_text=str(STATES.get(job.state, job.state)),
        colour=COLOURS.get(job.state, "grey"),
        is_live=job.is_live,
        done=job.done,
        total=job.total,
        percent=percent,
        percent_text="" if percent is None else format_percent(percent / 100),
        count_text=_count_text(job),
        time_left="" if seconds is None else format_time_left(seconds),
        sentence=_sentence(job, moment),
    )


def percent_done(job: Job) -> int | None:
    """Return the percentage done, 100 only when all is; None if the total is unknown."""
    if job.state == "done":
        return 100
    if not job.total:
        return None
    return min(100 * job.done // job.total, 99 if job.is_live else 100)


def seconds_left(job: Job, moment: datetime) -> float | None:
    """Estimate the seconds left from the average speed so far; None if that is not possible yet."""
    if job.state != "running" or not job.total or not job.done or job.started_at is None:
        return None
    elapsed = (moment - job.started_at).total_seconds()
    if elapsed < MIN_RUN_SECONDS:
        return None
    return elapsed / job.done * max(job.total - job.done, 0)


def format_time_left(seconds: float) -> str:
    """Format an estimated time left, rounded ever more the longer it is."""
    if seconds < 8:
        return _("a few seconds left")
    if seconds < 55:
        number = max(10, round(seconds / 10) * 10)
        return ngettext("about %(num)s second left", "about %(num)s seconds left", number)
    if seconds < 90 * 60:
        number = max(1, round(seconds / 60))
        return ngettext("about %(num)s minute left", "about %(num)s minutes left", number)
    number = round(seconds / 3600)
    return ngettext("about %(num)s hour left", "about %(num)s hours left", number)


def _count_text(job: Job) -> str:
    if job.total is None:
        return _("%(done)s so far", done=show_number(job.done)) if job.done else ""
    return _("%(done)s of %(total)s", done=show_number(job.done), total=show_number(job.total))


def _sentence(job: Job, moment: datetime) -> str:
    if job.is_live and job.is_cancelled:
        return _("Stopping…")
    if job.state == "queued":
        if job.attempts and job.run_at > moment:
            resumes = _("Interrupted. It will continue %(ago)s.", ago=show_ago(job.run_at))
            return f"{job.error} {resumes}".strip()
        return _("Waiting to start.")
    if job.state == "running":
        if job.lease_until is not None and job.lease_until < moment:
            return _("Interrupted. It will continue automatically.")
        return _("You can leave this page.")
    if job.state == "cancelled":
        return _("Stopped before finishing. The changes made so far are kept.")
    if job.state == "done" and job.started_at and job.finished_at:
        return _("Finished in %(time)s", time=_format_duration(job.finished_at - job.started_at))
    return ""


def _format_duration(duration: timedelta) -> str:
    """Format a duration: 2 minutes, 2 minutos."""
    return format_timedelta(max(duration, timedelta(seconds=1)), threshold=1.5)
