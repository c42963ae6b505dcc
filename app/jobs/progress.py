"""How far a job is, in numbers and in words."""

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
# Seconds a job has run before what is left of it is guessed at.
TOO_EARLY = 2.0


@dataclass(frozen=True)
class Progress:
    """What is told of a job while it goes on, and once it has ended."""

    state: str
    state_text: str
    colour: str
    is_live: bool
    done: int
    total: int | None
    # Whole per cent, rounded down; None while nobody knows how much there is.
    percent: int | None
    percent_text: str
    # "1,240 of 4,312".
    counted: str
    # "about 2 minutes left"; empty as long as nobody can tell.
    left: str
    # A sentence about where it stands.
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        return dict(vars(self))


def progress_of(job: Job, moment: datetime | None = None) -> Progress:
    """Say how far a job is, in the reader's language."""
    moment = moment or now()
    seconds, percent = seconds_left(job, moment), percent_of(job)
    return Progress(
        state=job.state,
        state_text=str(STATES.get(job.state, job.state)),
        colour=COLOURS.get(job.state, "grey"),
        is_live=job.is_live,
        done=job.done,
        total=job.total,
        percent=percent,
        percent_text="" if percent is None else format_percent(percent / 100),
        counted=_counted(job),
        left="" if seconds is None else in_words(seconds),
        sentence=_sentence(job, moment),
    )


def percent_of(job: Job) -> int | None:
    """Return how much is done; a hundred only when everything is."""
    if job.state == "done":
        return 100
    if not job.total:
        return None
    return min(100 * job.done // job.total, 99 if job.is_live else 100)


def seconds_left(job: Job, moment: datetime) -> float | None:
    """Return how long the rest takes if it goes on as it did; None when nobody can tell yet."""
    if job.state != "running" or not job.total or not job.done or job.started_at is None:
        return None
    ran = (moment - job.started_at).total_seconds()
    if ran < TOO_EARLY:
        return None
    return ran / job.done * max(job.total - job.done, 0)


def in_words(seconds: float) -> str:
    """Write how long something still takes, no more exactly than anybody can know."""
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


def _counted(job: Job) -> str:
    if job.total is None:
        return _("%(done)s so far", done=show_number(job.done)) if job.done else ""
    return _("%(done)s of %(total)s", done=show_number(job.done), total=show_number(job.total))


def _sentence(job: Job, moment: datetime) -> str:
    if job.is_live and job.is_cancelled:
        return _("It ends as soon as the rows it is at are finished.")
    if job.state == "queued":
        if job.attempts and job.run_at > moment:
            goes_on = _("It was interrupted and goes on %(ago)s.", ago=show_ago(job.run_at))
            return f"{job.error} {goes_on}".strip()
        return _("It begins as soon as there is somebody to do it.")
    if job.state == "running":
        if job.lease_until is not None and job.lease_until < moment:
            return _("It was interrupted and goes on by itself where it was.")
        return _("You may leave this page: it goes on by itself.")
    if job.state == "cancelled":
        return _("It was stopped before its end. What it had done by then stays done.")
    if job.state == "done" and job.started_at and job.finished_at:
        return _("It took %(time)s.", time=_duration(job.finished_at - job.started_at))
    return ""


def _duration(took: timedelta) -> str:
    """Write how long something took: 2 minutes, 2 minutos."""
    return format_timedelta(max(took, timedelta(seconds=1)), threshold=1.5)
