"""A job kind with a report, to test pages; it is never run."""

from __future__ import annotations

import pytest

from app.extensions import db
from app.jobs.kinds import JobKind, ReportRow
from app.jobs.models import Job
from app.jobs.services import enqueue
from tests.people import Person

HOSTILE = ("=cmd|' /C calc'!A0", "García O'Neil <script>alert(1)</script>", "+34 600", "Ñandú; SL")


def plug_in_paint_kind(monkeypatch: pytest.MonkeyPatch, **attributes) -> type[JobKind]:
    """Register a job kind for one test; its rows are numbers, and every third was skipped."""
    monkeypatch.setattr(JobKind, "_registered", [*JobKind._registered])

    class Paint(JobKind):
        name = "paint"
        label = "Paint names"
        success_outcomes = frozenset({"changed"})

        @classmethod
        def counts(cls, session, job):
            missed = len(range(3, job.done + 1, 3))
            return [("changed", "changed", job.done - missed), ("skipped", "skipped", missed)]

        @classmethod
        def report(cls, session, job, outcome="", after=0, limit=50):
            rows = (cls._row(number) for number in range(after + 1, job.done + 1))
            return [row for row in rows if outcome in ("", row.outcome)][:limit]

        @classmethod
        def failures(cls, session, job):
            yield ["Name", "Reason"]
            for number in range(3, job.done + 1, 3):
                row = cls._row(number)
                yield [row.name, row.reason]

        @classmethod
        def _row(cls, number):
            name = HOSTILE[number % len(HOSTILE)] if number < 13 else f"Person {number}"
            if number % 3:
                return ReportRow(
                    number, name, f"/contacts/show/{number}", "changed", "changed", ""
                )
            return ReportRow(number, name, "", "skipped", "skipped", "Out of paint.")

    for attribute, value in attributes.items():
        setattr(Paint, attribute, value)
    return Paint


def add_job(person: Person, state: str = "running", **fields) -> Job:
    """Add a job of a person in a state."""
    job = enqueue(db.session(), "paint", {}, person.as_actor(), title=fields.pop("title", ""))
    job.state = state
    for name, value in fields.items():
        setattr(job, name, value)
    db.session.commit()
    return job
