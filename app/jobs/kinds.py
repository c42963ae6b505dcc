"""Job kinds: each is a plug that runs one chunk at a time and returns the cursor it reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.registry import Plug

if TYPE_CHECKING:
    from app.jobs.models import Job


@dataclass(frozen=True)
class Step:
    """The result of a chunk: the new cursor, the number of rows done, whether it was the last."""

    cursor: int
    count: int
    is_last: bool = False


@dataclass(frozen=True)
class ReportRow:
    """A row of a job's report: its label, its URL, its outcome and the reason."""

    id: int
    name: str
    url: str
    outcome: str
    outcome_text: str
    reason: str


class JobKind(Plug):
    """Work that is done in chunks. The runner makes an instance for each run of a job.

    Nothing here commits: the runner commits a chunk together with the cursor. A rollback must
    undo everything a chunk does, so do no I/O in it. It runs as the actor of the job and in
    their language; a DomainError fails the job with its message, any other error is retried.
    """

    name: ClassVar[str]
    label: ClassVar[Any]
    # Rendered on the job's page between progress and report, with what ``content`` returns.
    template: ClassVar[str] = ""
    # Outcomes that count as done; rows with any other are in the CSV of failures.
    success_outcomes: ClassVar[frozenset[str]] = frozenset()
    # Rows of the first chunk, on SQLite and on PostgreSQL; ChunkSizer adapts it.
    initial_chunk_sizes: tuple[int, int] = (100, 1_000)
    max_chunk_size: int = 5_000

    def begin(self, session: Session, job: Job) -> None:
        """Prepare to continue after ``job.cursor``, in a transaction of its own."""

    def step(self, session: Session, job: Job, size: int) -> Step:
        """Process at most ``size`` rows after ``job.cursor``; advance the cursor, or be the last."""
        raise NotImplementedError

    def end(self, session: Session, job: Job) -> None:
        """Finish, in the transaction that marks the job as done or cancelled.

        A cancelled job may end without ``begin``.
        """

    @classmethod
    def why_not_retryable(cls, session: Session, job: Job, *, is_retrying: bool) -> str:
        """Return why a failed job cannot be resumed, or "" if it can.

        With ``is_retrying`` it is resumed in this transaction if there is no reason.
        """
        return ""

    # What the job's page shows to the current actor.

    @classmethod
    def content(cls, session: Session, job: Job) -> dict[str, Any]:
        """Return the context of ``template``."""
        return {}

    @classmethod
    def counts(cls, session: Session, job: Job) -> list[tuple[str, Any, int]]:
        """Return (code, label, count) of every outcome so far; nothing for a job without a report."""
        return []

    @classmethod
    def numbers(cls, session: Session, job: Job) -> dict[str, int]:
        """Return the counts alone, by outcome: a page asks for them every second."""
        return {code: number for code, _label, number in cls.counts(session, job)}

    @classmethod
    def report_title(cls, session: Session, job: Job) -> str:
        """Return the heading of the report."""
        return _("Results")

    @classmethod
    def report(
        cls, session: Session, job: Job, outcome: str = "", after: int = 0, limit: int = 50
    ) -> list[ReportRow]:
        """Return the rows of the report with an id above ``after``, of one outcome or of all."""
        return []

    @classmethod
    def failures(cls, session: Session, job: Job) -> Iterator[Iterable[str]] | None:
        """Yield a header, then the cells of every row not done; return None without a report."""
        return None


def job_title(job: Job) -> str:
    """Return the title of a job in the reader's language."""
    kind = get_job_kind(job.kind)
    return str(job.localized_title) or str(kind.label if kind is not None else job.kind)


def get_job_kind(name: str) -> type[JobKind] | None:
    """Return the job kind with this name, or None."""
    return next((kind for kind in JobKind.all() if kind.name == name), None)
