"""Kinds of jobs: a plug each, which does a chunk at a time and tells how far it came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy.orm import Session

from app.registry import Plug

if TYPE_CHECKING:
    from app.jobs.models import Job


@dataclass(frozen=True)
class Step:
    """What a chunk came to: the place reached, how much was done, whether that was all."""

    cursor: int
    count: int
    is_last: bool = False


@dataclass(frozen=True)
class ReportRow:
    """A row of a job's report: what it is called, where it is, what became of it and why."""

    id: int
    name: str
    url: str
    outcome: str
    outcome_text: str
    reason: str


class JobKind(Plug):
    """Work that is done in chunks. One instance is made each time a worker takes a job up.

    Nothing here commits: the runner commits a chunk together with the cursor. Whatever is done
    for a chunk must be undone by a rollback, so nothing is sent or written elsewhere. All of it
    happens in the name and in the language of whoever asked; a DomainError fails the job with
    its sentence, anything else is tried again after a while.
    """

    name: ClassVar[str]
    label: ClassVar[Any]
    # Drawn on the job's page, between the progress and the report; gets what ``content`` gives.
    template: ClassVar[str] = ""
    # The outcomes that leave nothing to be done: other rows are in the file of what was not done.
    fine: ClassVar[frozenset[str]] = frozenset()
    # Rows a first chunk takes, on SQLite and on PostgreSQL; the runner adapts it to the time.
    first_chunks: tuple[int, int] = (100, 1_000)
    largest_chunk: int = 5_000

    def begin(self, session: Session, job: Job) -> None:
        """Prepare to go on after ``job.cursor``, in a transaction of its own."""

    def step(self, session: Session, job: Job, size: int) -> Step:
        """Do at most ``size`` rows after ``job.cursor``; each step must get further, or be the last."""
        raise NotImplementedError

    def end(self, session: Session, job: Job) -> None:
        """Draw the conclusions, in the transaction that marks the job as done or cancelled.

        A job that was called off may end without ``begin``.
        """

    @classmethod
    def why_not_tried_again(cls, session: Session, job: Job, *, is_asked: bool) -> str:
        """Return why a job that failed cannot go on where it stopped; nothing when it can.

        ``is_asked`` says that it will go on, in this transaction, if there is no reason.
        """
        return ""

    # What its page shows, to whoever acts now.

    @classmethod
    def content(cls, session: Session, job: Job) -> dict[str, Any]:
        """Return what the template needs."""
        return {}

    @classmethod
    def counts(cls, session: Session, job: Job) -> list[tuple[str, Any, int]]:
        """Return (code, word, number) of every outcome so far; none for a job without a report."""
        return []

    @classmethod
    def report(
        cls, session: Session, job: Job, outcome: str = "", after: int = 0, limit: int = 50
    ) -> list[ReportRow]:
        """Return the rows of the report after one, of one outcome or of all."""
        return []

    @classmethod
    def failures(cls, session: Session, job: Job) -> Iterator[Iterable[str]] | None:
        """Yield a header, then the cells of every row that was not done; None without a report."""
        return None


def title_of(job: Job) -> str:
    """Return what a job is called, in the reader's language."""
    kind = kind_called(job.kind)
    return str(job.said_title) or str(kind.label if kind is not None else job.kind)


def kind_called(name: str) -> type[JobKind] | None:
    """Return the kind of a name, if there is one."""
    return next((kind for kind in JobKind.all() if kind.name == name), None)
