"""Run jobs: a chunk at a time, each committed together with the place it reached.

A worker may be killed at any moment and lose nothing: what a chunk did and how far the job came
are one transaction. A worker taken for dead that was only slow finds its job in other hands and
changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from time import monotonic, sleep

from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.extensions import db, reading
from app.jobs import leases
from app.jobs.kinds import JobKind, Step, kind_called
from app.jobs.leases import Lost
from app.jobs.models import LIVE, Job
from app.jobs.chunk_sizing import Pace
from app.security.actor import SYSTEM, Actor, acting_as, actor_numbered
from app.security.api_keys import key_in_force, with_key

logger = logging.getLogger(__name__)

# Seconds between two looks at a job somebody else is at.
LOOKS = 0.5
# Seconds after which it is asked anew who asked for a job, and what they may still do.
FRESH = 5.0
NOBODY_LEFT = _l("Whoever asked for this may no longer sign in.")
KEY_ENDED = _l("The API key this was asked for with has ended.")

_stopping = threading.Event()


def stop_all() -> None:
    """Let every job of this process be given back after the chunk it is at."""
    _stopping.set()


def go_on_again() -> None:
    """Take jobs up again."""
    _stopping.clear()


def is_stopping() -> bool:
    """Say whether the jobs of this process are to be given back."""
    return _stopping.is_set()


def run_now(job_id: int, *, patience: float | None = 0.0) -> str:
    """Run a job in this thread at once, even one that was to wait; return the state it is in.

    For a request after its commit, and for commands: the session must have nothing uncommitted,
    and is free of a transaction afterwards. “queued” means that something went wrong and a
    worker tries again later, “running” that somebody else is at it. ``patience``, in seconds,
    is how long to wait for that to end; None, for commands, waits as long as it takes.
    """
    until = None if patience is None else monotonic() + patience
    state = run_job(job_id, at_once=True)
    while state in LIVE and not is_stopping() and (until is None or monotonic() < until):
        sleep(LOOKS)
        state = run_job(job_id)
    return state


def run_job(
    job_id: int,
    owner: str | None = None,
    *,
    at_once: bool = False,
    stops: Callable[[], bool] = is_stopping,
    is_enough: Callable[[], bool] = lambda: False,
) -> str:
    """Take a job up if it is due and nobody else is at it; return the state it is in afterwards.

    Empty if there is no such job. It is given back as soon as ``stops`` says so, and after any
    chunk if ``is_enough`` does.
    """
    session = db.session()
    owner = owner or leases.new_owner()
    session.rollback()
    # Most kicks come twice, and to look takes no lock.
    with reading():
        due = session.scalar(
            select(Job.id).where(Job.id == job_id, leases.is_due(session, at_once=at_once))
        )
        session.rollback()
    if due is None or stops():
        return _state_of(session, job_id)
    job = leases.claim(session, job_id, owner, at_once=at_once)
    turn = None if job is None else _Turn(session, job, owner, stops, is_enough)
    session.commit()
    return _state_of(session, job_id) if turn is None else turn.run()


def _state_of(session: Session, job_id: int) -> str:
    with reading():
        state = session.scalar(select(Job.state).where(Job.id == job_id))
        session.rollback()
    return state or ""


class _Turn:
    """One worker's turn at one job, from the claim until it ends or is given back."""

    def __init__(
        self,
        session: Session,
        job: Job,
        owner: str,
        stops: Callable[[], bool],
        is_enough: Callable[[], bool],
    ) -> None:
        self.session, self.owner = session, owner
        self.stops, self.is_enough = stops, is_enough
        self.id, self.cursor, self.kind_name = job.id, job.cursor, job.kind
        self.actor_id, self.channel = job.actor_id, job.channel
        self.key_id: int | None = job.payload.get("key_id")
        self.language: str | None = None

    def run(self) -> str:
        """Go on until the end; return the state the job is in then."""
        try:
            return self._go_on()
        except Lost:
            self.session.rollback()
            return _state_of(self.session, self.id)
        except DomainError as error:
            self.session.rollback()
            with self._in_their_language():
                return self._fail(str(error))
        except Exception:
            logger.exception("The job %s (%s) went wrong.", self.id, self.kind_name)
            self.session.rollback()
            with self._in_their_language():
                return self._put_off(_("Something went wrong; the program's own log says what."))
        except BaseException:
            # Somebody at the keyboard has had enough, or the process ends.
            self.session.rollback()
            self._give_back()
            raise

    def _go_on(self) -> str:
        pace: Pace | None = None
        while True:
            actor = self._who_asked()
            with acting_as(actor), self._in_their_language():
                worker = self._kind()()
                if not self._begin(worker):
                    return "cancelled"
                # Only now does the kind know how much its rows ask for.
                pace = pace or Pace(worker, self.session.get_bind().dialect.name)
                state = self._spell(worker, pace)
            if state is None:
                return self._give_back()
            if state != "running":
                return state

    def _spell(self, worker: JobKind, pace: Pace) -> str | None:
        """Do chunks until the rights of whoever asked are old news.

        Return the state then, or None when the job is to be given back.
        """
        until = monotonic() + FRESH
        while not self.stops():
            state = self._chunk(worker, pace)
            if state != "running":
                return state
            if self.is_enough():
                return None
            pace.rest()
            if monotonic() > until:
                return "running"
        return None

    def _who_asked(self) -> Actor:
        actor, why = self._actor(), NOBODY_LEFT
        if actor is not None:
            self.language = actor.language
            if self.key_id is not None:
                key = key_in_force(self.session, self.key_id, self.actor_id)
                actor, why = None if key is None else with_key(actor, key), KEY_ENDED
        if actor is None:
            if not self._hold().is_cancelled:
                raise DomainError(why)
            actor = SYSTEM
        return actor

    def _actor(self) -> Actor | None:
        """Return whoever asked, with the rights they have by now; the house for its own jobs."""
        if self.actor_id is not None:
            actor = actor_numbered(self.session, self.actor_id)
            return None if actor is None else actor.through(self.channel)
        # A user who was deleted for good leaves no number either, but came another way.
        return SYSTEM if self.channel == SYSTEM.channel else None

    def _kind(self) -> type[JobKind]:
        kind = kind_called(self.kind_name)
        if kind is None:
            # A worker of an older version, perhaps: another may know it.
            raise LookupError(f"No kind of job is called {self.kind_name!r}.")
        return kind

    def _hold(self) -> Job:
        return leases.hold(self.session, self.id, self.owner, self.cursor)

    def _begin(self, worker: JobKind) -> bool:
        """Prepare the kind; return False when the job was called off and ends here."""
        job = self._hold()
        if job.is_cancelled:
            self._conclude(worker, job, "cancelled")
            return False
        worker.begin(self.session, job)
        leases.renew(self.session, job)
        self.session.commit()
        return True

    def _chunk(self, worker: JobKind, pace: Pace) -> str:
        pace.begin(self.session)
        job = self._hold()
        if job.is_cancelled:
            return self._conclude(worker, job, "cancelled")
        step = worker.step(self.session, job, pace.size)
        self._demand_progress(step)
        leases.advance(self.session, job, self.owner, self.cursor, step)
        if step.is_last:
            return self._conclude(worker, job, "done")
        self.session.commit()
        self.cursor = step.cursor
        pace.end()
        return "running"

    def _demand_progress(self, step: Step) -> None:
        """Refuse what would go round in circles, or do again what was done."""
        if step.cursor < self.cursor or (step.cursor == self.cursor and not step.is_last):
            raise ValueError(
                f"A step of {self.kind_name} went from {self.cursor} to {step.cursor}."
            )

    def _conclude(self, worker: JobKind, job: Job, state: str) -> str:
        worker.end(self.session, job)
        self.session.flush()
        leases.end(self.session, job, state)
        self.session.commit()
        return state

    def _fail(self, sentence: str) -> str:
        return self._close(lambda job: leases.end(self.session, job, "failed", sentence))

    def _put_off(self, sentence: str) -> str:
        return self._close(lambda job: leases.put_off(self.session, job, sentence))

    def _give_back(self) -> str:
        return self._close(lambda job: leases.give_back(self.session, job))

    def _close(self, ending: Callable[[Job], None]) -> str:
        """End our turn, if the job is still ours; return the state it is in."""
        try:
            job = self._hold()
            ending(job)
            state = job.state
            self.session.commit()
        except Lost:
            self.session.rollback()
            return _state_of(self.session, self.id)
        return state

    @contextmanager
    def _in_their_language(self):
        with force_locale(self.language) if self.language else nullcontext():
            yield
