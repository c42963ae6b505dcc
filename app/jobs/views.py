"""Jobs: the list of them, one with its progress and its report, and what the badge asks."""

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

from app.crud.interface import as_id
from app.crud.page import Page
from app.errors import DomainError
from app.importexport.csv_response import csv_lines, csv_reply, usual_delimiter
from app.extensions import db, reading
from app.i18n.formats import show_number
from app.jobs.kinds import JobKind, kind_called, title_of
from app.jobs.models import LIVE, STATES, Job
from app.jobs.progress import progress_of
from app.jobs.queries import MOST_FOLLOWED, followed, how_many, job_of, jobs_page
from app.jobs.services import cancel, try_again, why_not_tried_again
from app.log.models import CHANNELS
from app.log.services import note
from app.security.actor import current_actor
from app.security.areas import Area, Level
from app.security.browser import asked_alone
from app.security.rights import holds
from app.security.roles import Grant

SIZE = 50
# The parts of the list, and the states each shows; all of them when none is named.
PARTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "all": (_l("All"), ()),
    "running": (_l("Running"), LIVE),
    "done": (_l("Done"), ("done",)),
    "failed": (_l("Failed"), ("failed",)),
    "cancelled": (_l("Cancelled"), ("cancelled",)),
}


class JobsView(Page):
    """One's own jobs, for everybody; those of colleagues, and the menu, take a right to them."""

    route_base = "/jobs"
    label = _l("Jobs")
    icon = "hourglass-split"
    category = "Settings"
    order = 80

    def grants(self) -> Iterator[Grant]:
        """Yield what it takes: nothing for one's own."""
        for grant in super().grants():
            if grant.permission == "menu_access":
                grant = grant._replace(area=Area.SETTINGS, level=Level.EDIT)
            yield grant
        yield Grant(Area.SETTINGS, Level.EDIT, "can_see_all", type(self).__name__)

    @expose("/")
    @has_access
    @permission_name("own")
    def list(self):
        """List one's own jobs, or everybody's, newest first."""
        part, who = request.args.get("part", "all"), request.args.get("who", "me")
        before = as_id(request.args.get("before", "0"))
        if part not in PARTS or who not in ("me", "all") or before is None:
            abort(404)
        if who == "all" and not _sees_all():
            abort(403)
        actor, everybodys = current_actor(), who == "all"
        counts = how_many(db.session(), actor, sees_all=everybodys)
        jobs, older = jobs_page(
            db.session(), actor, PARTS[part][1], before or None, SIZE, sees_all=everybodys
        )
        return self.render_template(
            "jobs/jobs.html",
            title=_("Jobs"),
            jobs=[(job, title_of(job), progress_of(job)) for job in jobs],
            older=older,
            part=part,
            who=who,
            sees_all=_sees_all(),
            parts={
                name: (label, sum(counts.get(state, 0) for state in states or STATES))
                for name, (label, states) in PARTS.items()
            },
        )

    @expose("/<pk>/")
    @has_access
    @permission_name("own")
    def show(self, pk: str):
        """Show one job: how far it is, what came of it, row by row."""
        job = self._job(pk)
        kind = kind_called(job.kind)
        outcome = request.args.get("outcome", "")
        after = as_id(request.args.get("after", "0"))
        counts = [] if kind is None else kind.counts(db.session(), job)
        if after is None or (outcome and outcome not in {code for code, *_rest in counts}):
            abort(404)
        rows = [] if kind is None else kind.report(db.session(), job, outcome, after, SIZE + 1)
        return self.render_template(
            "jobs/job.html",
            title=title_of(job),
            job=job,
            progress=progress_of(job),
            channels=CHANNELS,
            content=_content(kind, job),
            why_not_again=why_not_tried_again(db.session(), job),
            counts=counts,
            outcome=outcome,
            rows=rows[:SIZE],
            after=after,
            next_after=rows[SIZE - 1].id if len(rows) > SIZE else None,
            has_failures=kind is not None
            and not job.is_live
            and any(number for code, _word, number in counts if code not in kind.fine),
        )

    @expose("/<pk>/progress")
    @has_access
    @permission_name("own")
    @asked_alone
    def progress(self, pk: str):
        """Tell the job's page, which asks again and again, how far it is."""
        job = self._job(pk)
        kind = kind_called(job.kind)
        counts = [] if kind is None else kind.counts(db.session(), job)
        told = progress_of(job).as_dict()
        told["counts"] = {code: show_number(number) for code, _word, number in counts}
        return jsonify(told)

    @expose("/<pk>/cancel", methods=["POST"])
    @has_access
    @permission_name("own")
    def cancel(self, pk: str):
        """Call a job off, one's own or one within reach."""
        job = self._job(pk)
        is_stopped = cancel(db.session(), job.id)
        db.session.commit()
        if is_stopped:
            flash(_("The job stops. What it has done by now stays done."), "success")
        else:
            flash(_("This job had ended already."), "warning")
        return redirect(f"{self.route_base}/{job.id}/")

    @expose("/<pk>/resume", methods=["POST"])
    @has_access
    @permission_name("own")
    def resume(self, pk: str):
        """Let a job that failed go on, one's own or one within reach."""
        job = self._job(pk)
        try:
            try_again(db.session(), job, current_actor())
            db.session.commit()
            flash(_("The job goes on where it stopped."), "success")
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "warning")
        return redirect(f"{self.route_base}/{pk}/")

    @expose("/<pk>/failures.csv", methods=["GET", "POST"])
    @has_access
    @permission_name("own")
    def failures(self, pk: str):
        """Send what was not done as CSV; as with an export, that somebody took it is noted."""
        job = self._job(pk)
        if request.method == "GET":
            return redirect(f"{self.route_base}/{job.id}/")
        kind = kind_called(job.kind)
        with reading():
            db.session.commit()
            rows = None if kind is None else kind.failures(db.session(), job)
            header = None if rows is None else next(iter(rows), None)
            db.session.commit()
        if rows is None or header is None:
            abort(404)
        header = [*header]
        note(
            db.session(), "exported", current_actor(), name="Jobs",
            filter=f"{job.id}: {title_of(job)}", columns=", ".join(header),
        )  # fmt: skip
        db.session.commit()
        lines = csv_lines(chain([header], rows), usual_delimiter())
        return csv_reply(lines, _("not-done"))

    @expose("/mine")
    @has_access
    @permission_name("own")
    @asked_alone
    def mine(self):
        """Tell the badge which of one's jobs are going on, and what came of those it followed."""
        asked = request.args.get("watch", "").split(",")[:MOST_FOLLOWED]
        ids = {number for text in asked if (number := as_id(text)) is not None}
        jobs = followed(db.session(), current_actor(), ids)
        live = [job for job in jobs if job.is_live]
        ended = [job for job in jobs if not job.is_live]
        return jsonify(
            label=badge_label(len(live)),
            live=[{"id": job.id} | progress_of(job).as_dict() for job in live],
            ended=[
                {
                    "id": job.id,
                    "url": f"{self.route_base}/{job.id}/",
                    "state": job.state,
                    "text": _("%(title)s: %(result)s", title=title_of(job), result=_result(job)),
                }
                for job in ended
            ],
        )

    def _job(self, pk: str) -> Job:
        number, actor, session = as_id(pk) or 0, current_actor(), db.session()
        job = job_of(session, actor, number)
        if job is None and _sees_all():
            job = job_of(session, actor, number, sees_all=True)
        if job is None:
            abort(404)
        return job


def badge_label(number: int) -> str:
    """Say how many jobs are going on."""
    return ngettext("%(num)s job is running", "%(num)s jobs are running", number)


def _sees_all() -> bool:
    return holds("can_see_all", JobsView.__name__)


def _content(kind: type[JobKind] | None, job: Job) -> Markup | None:
    """Return what the kind draws itself."""
    if kind is None or not kind.template:
        return None
    shown = kind.content(db.session(), job)
    return Markup(render_template(kind.template, job=job, **shown))


def _result(job: Job) -> str:
    """Write what came of a job: changed 4,312 · skipped 12.

    The word comes first: after a number it would need a plural in many languages.
    """
    kind = kind_called(job.kind)
    counts = [] if kind is None or job.state == "failed" else kind.counts(db.session(), job)
    told = [f"{word} {show_number(number)}" for _code, word, number in counts if number]
    return " · ".join(told) or str(STATES.get(job.state, job.state))
