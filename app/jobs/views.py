"""The pages of jobs: the list, one job with progress and report, and the JSON for the badge."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from flask import abort, flash, jsonify, redirect, render_template, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup

from app.crud.basepage import Page
from app.crud.interface import parse_id
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.i18n.formats import show_number
from app.i18n.localized import localize
from app.importexport.csv_response import csv_lines, csv_response, default_delimiter
from app.jobs.kinds import JobKind, get_job_kind, job_title
from app.jobs.models import LIVE_STATES, STATES, Job
from app.jobs.progress import get_progress
from app.jobs.queries import MAX_WATCHED, count_by_state, find_job, jobs_page, watched_jobs
from app.jobs.services import cancel, retry, why_not_retryable
from app.log.models import CHANNELS
from app.log.services import record_security_event
from app.security.actor import current_actor
from app.security.areas import Area, Level
from app.security.browser import background_request
from app.security.rights import has_permission
from app.security.roles import Grant

PAGE_SIZE = 50
# The tabs of the list and the states each shows; an empty tuple means all.
PARTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "all": (_l("All"), ()),
    "running": (_l("Running"), LIVE_STATES),
    "done": (_l("Done"), ("done",)),
    "failed": (_l("Failed"), ("failed",)),
    "cancelled": (_l("Cancelled"), ("cancelled",)),
}


class JobsView(Page):
    """Every user's own jobs; colleagues' jobs and the menu item require a permission."""

    route_base = "/jobs"
    label = _l("Processes")
    icon = "hourglass-split"
    category = "Settings"
    order = 80

    def grants(self) -> Iterator[Grant]:
        """Yield the permissions: none for one's own jobs; the menu and all jobs need Settings."""
        for grant in super().grants():
            if grant.permission == "menu_access":
                grant = grant._replace(area=Area.SETTINGS, level=Level.EDIT)
            yield grant
        yield Grant(Area.SETTINGS, Level.EDIT, "can_see_all", type(self).__name__)

    @expose("/")
    @has_access
    @permission_name("own")
    def list(self):
        """List one's own jobs or, with ``who=all``, everybody's, newest first."""
        part, who = request.args.get("part", "all"), request.args.get("who", "me")
        before = parse_id(request.args.get("before", "0"))
        if part not in PARTS or who not in ("me", "all") or before is None:
            abort(404)
        if who == "all" and not sees_all_jobs():
            abort(403)
        actor, is_everybody = current_actor(), who == "all"
        counts = count_by_state(db.session(), actor, sees_all=is_everybody)
        jobs, older = jobs_page(
            db.session(), actor, PARTS[part][1], before or None, PAGE_SIZE, sees_all=is_everybody
        )
        return self.render_template(
            "jobs/jobs.html",
            title=_("Processes"),
            jobs=[(job, job_title(job), get_progress(job)) for job in jobs],
            older=older,
            part=part,
            who=who,
            sees_all=sees_all_jobs(),
            parts={
                name: (label, sum(counts.get(state, 0) for state in states or STATES))
                for name, (label, states) in PARTS.items()
            },
        )

    @expose("/<pk>/")
    @has_access
    @permission_name("own")
    def show(self, pk: str):
        """Show one job: its progress and its report row by row."""
        job = self._job(pk)
        kind = get_job_kind(job.kind)
        outcome = request.args.get("outcome", "")
        after = parse_id(request.args.get("after", "0"))
        counts = [] if kind is None else kind.counts(db.session(), job)
        if after is None or (outcome and outcome not in {code for code, *_rest in counts}):
            abort(404)
        rows = (
            [] if kind is None else kind.report(db.session(), job, outcome, after, PAGE_SIZE + 1)
        )
        return self.render_template(
            "jobs/job.html",
            title=job_title(job),
            job=job,
            progress=get_progress(job),
            channels=CHANNELS,
            content=_content(kind, job),
            why_not_retryable=why_not_retryable(db.session(), job),
            counts=counts,
            report_title="" if kind is None else kind.report_title(db.session(), job),
            outcome=outcome,
            rows=rows[:PAGE_SIZE],
            after=after,
            next_after=rows[PAGE_SIZE - 1].id if len(rows) > PAGE_SIZE else None,
            has_failures=kind is not None
            and not job.is_live
            and any(number for code, _word, number in counts if code not in kind.success_outcomes),
        )

    @expose("/<pk>/progress")
    @has_access
    @permission_name("own")
    @background_request
    def progress(self, pk: str):
        """Return the progress as JSON; the job's page polls it."""
        job = self._job(pk)
        kind = get_job_kind(job.kind)
        numbers = {} if kind is None else kind.numbers(db.session(), job)
        data = get_progress(job).as_dict()
        data["counts"] = {code: show_number(number) for code, number in numbers.items()}
        return jsonify(data)

    @expose("/<pk>/cancel", methods=["POST"])
    @has_access
    @permission_name("own")
    def cancel(self, pk: str):
        """Cancel a job, one's own or a colleague's."""
        job = self._job(pk)
        is_cancelled = cancel(db.session(), job.id)
        db.session.commit()
        if is_cancelled:
            flash(_("The process is stopping. The changes made so far are kept."), "success")
        else:
            flash(_("This process has already ended."), "warning")
        return redirect(f"{self.route_base}/{job.id}/")

    @expose("/<pk>/resume", methods=["POST"])
    @has_access
    @permission_name("own")
    def resume(self, pk: str):
        """Resume a failed job, one's own or a colleague's."""
        job = self._job(pk)
        try:
            retry(db.session(), job, current_actor())
            db.session.commit()
            flash(_("The process continues from where it stopped."), "success")
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "warning")
        return redirect(f"{self.route_base}/{pk}/")

    @expose("/<pk>/failures.csv", methods=["GET", "POST"])
    @has_access
    @permission_name("own")
    def failures(self, pk: str):
        """Send the rows not done as CSV; the download is logged as an export."""
        job = self._job(pk)
        if request.method == "GET":
            return redirect(f"{self.route_base}/{job.id}/")
        kind = get_job_kind(job.kind)
        with reading():
            db.session.commit()
            rows = None if kind is None else kind.failures(db.session(), job)
            header = None if rows is None else next(iter(rows), None)
            db.session.commit()
        if rows is None or header is None:
            abort(404)
        header = [*header]
        record_security_event(
            db.session(), "exported", current_actor(), name="Processes",
            filter=localize(lambda: f"{job.id}: {job_title(job)}"), columns=", ".join(header),
        )  # fmt: skip
        db.session.commit()
        lines = csv_lines(chain([header], rows), default_delimiter())
        return csv_response(lines, _("not-completed"))

    @expose("/mine")
    @has_access
    @permission_name("own")
    @background_request
    def mine(self):
        """Return, for the badge, the user's live jobs and the results of the watched ones."""
        watched = request.args.get("watch", "").split(",")[:MAX_WATCHED]
        ids = {number for text in watched if (number := parse_id(text)) is not None}
        jobs = watched_jobs(db.session(), current_actor(), ids)
        live = [job for job in jobs if job.is_live]
        ended = [job for job in jobs if not job.is_live]
        return jsonify(
            label=badge_label(len(live)),
            live=[{"id": job.id} | get_progress(job).as_dict() for job in live],
            ended=[
                {
                    "id": job.id,
                    "url": f"{self.route_base}/{job.id}/",
                    "state": job.state,
                    "text": _("%(title)s: %(result)s", title=job_title(job), result=_result(job)),
                }
                for job in ended
            ],
        )

    def _job(self, pk: str) -> Job:
        number, actor, session = parse_id(pk) or 0, current_actor(), db.session()
        job = find_job(session, actor, number)
        if job is None and sees_all_jobs():
            job = find_job(session, actor, number, sees_all=True)
        if job is None:
            abort(404)
        return job


def badge_label(number: int) -> str:
    """Return the label of the badge: the number of running jobs."""
    return ngettext("%(num)s process running", "%(num)s processes running", number)


def sees_all_jobs() -> bool:
    """Return True if the user may see the jobs of all users."""
    return has_permission("can_see_all", JobsView.__name__)


def _content(kind: type[JobKind] | None, job: Job) -> Markup | None:
    """Render the part of the page that the kind adds."""
    if kind is None or not kind.template:
        return None
    context = kind.content(db.session(), job)
    return Markup(render_template(kind.template, job=job, **context))


def _result(job: Job) -> str:
    """Summarize the result of a job: changed 4,312 · skipped 12.

    The word comes first: after a number it would need plural forms.
    """
    kind = get_job_kind(job.kind)
    counts = [] if kind is None or job.state == "failed" else kind.counts(db.session(), job)
    parts = [f"{word} {show_number(number)}" for _code, word, number in counts if number]
    return " · ".join(parts) or str(STATES.get(job.state, job.state))
