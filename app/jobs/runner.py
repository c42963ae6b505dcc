"""Run jobs chunk by chunk; each chunk is committed together with the cursor it reached.

A worker may be killed at any moment without loss: the changes of a chunk and the cursor are one
transaction. A slow worker whose lease was taken over gets LeaseLost and changes nothing.
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

from app.added_fields import refresh_fields
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.jobs import leases
from app.jobs.chunk_sizing import ChunkSizer
from app.jobs.kinds import JobKind, Step, get_job_kind
from app.jobs.leases import LeaseLost
from app.jobs.models import LIVE_STATES, Job
from app.logs import CodeError, is_outage, log_error, outages
from app.security.actor import SYSTEM, Actor, acting_as, load_actor
from app.security.api_keys import get_valid_key, limit_to_key

logger = logging.getLogger(__name__)

# Interval between two checks of a job that another worker runs.
POLL_SECONDS = 0.5
# How long a run uses the actor and their rights before it loads them again.
ACTOR_REFRESH_SECONDS = 5.0
ACTOR_CANNOT_LOGIN = _l("The person who started this can no longer sign in.")
API_KEY_ENDED = _l("The API key used to start this is no longer valid.")

_stopping = threading.Event()


def stop_all() -> None:
    """Make every job of this process be released after its current chunk."""
    _stopping.set()


def resume_all() -> None:
    """Let this process run jobs again."""
    _stopping.clear()


def is_stopping() -> bool:
    """Return True while the jobs of this process must be released."""
    return _stopping.is_set()


def run_now(job_id: int, *, wait_seconds: float | None = 0.0) -> str:
    """Run a job in this thread at once, whatever its ``run_at``; return its state afterwards.

    For a request after its commit, and for commands: the session must have nothing uncommitted,
    and has no open transaction afterwards. “queued” means that an error occurred and a worker
    retries later, “running” that another worker has it. ``wait_seconds`` limits the wait for the
    end of the job; None, for commands, waits without limit.
    """
    deadline = None if wait_seconds is None else monotonic() + wait_seconds
    state = run_job(job_id, ignore_run_at=True)
    while (
        state in LIVE_STATES and not is_stopping() and (deadline is None or monotonic() < deadline)
    ):
        sleep(POLL_SECONDS)
        state = run_job(job_id)
    return state


def run_job(
    job_id: int,
    owner: str | None = None,
    *,
    ignore_run_at: bool = False,
    should_stop: Callable[[], bool] = is_stopping,
    should_yield: Callable[[], bool] = lambda: False,
) -> str:
    """Run a job if it is due and no other worker has it; return its state afterwards.

    Returns "" if there is no such job. The job is released as soon as ``should_stop`` returns
    True, or after a chunk if ``should_yield`` does.
    """
    session = db.session()
    owner = owner or leases.new_owner()
    session.rollback()
    # Many notifications are duplicates, and this check takes no lock.
    with reading():
        due_id = session.scalar(
            select(Job.id).where(
                Job.id == job_id, leases.is_due(session, ignore_run_at=ignore_run_at)
            )
        )
        session.rollback()
    if due_id is None or should_stop():
        return _load_state(session, job_id)
    job = leases.claim(session, job_id, owner, ignore_run_at=ignore_run_at)
    run = None if job is None else JobRun(session, job, owner, should_stop, should_yield)
    session.commit()
    return _load_state(session, job_id) if run is None else run.run()


def _load_state(session: Session, job_id: int) -> str:
    with reading():
        state = session.scalar(select(Job.state).where(Job.id == job_id))
        session.rollback()
    return state or ""


class JobRun:
    """One worker's run of one job, from the claim until it ends or is released."""

    def __init__(
        self,
        session: Session,
        job: Job,
        owner: str,
        should_stop: Callable[[], bool],
        should_yield: Callable[[], bool],
    ) -> None:
        self.session, self.owner = session, owner
        self.should_stop, self.should_yield = should_stop, should_yield
        self.id, self.cursor, self.kind_name = job.id, job.cursor, job.kind
        self.actor_id, self.channel = job.actor_id, job.channel
        self.key_id: int | None = job.payload.get("key_id")
        self.language: str | None = None

    def run(self) -> str:
        """Run until the job ends or is released; return its state then."""
        try:
            return self._run()
        except LeaseLost:
            self.session.rollback()
            return _load_state(self.session, self.id)
        except DomainError as error:
            self.session.rollback()
            with self._actor_locale():
                return self._fail(str(error))
        except Exception as error:
            self.session.rollback()
            with self._actor_locale():
                return self._retry_later(self._log(error))
        except BaseException:
            # KeyboardInterrupt or the end of the process.
            self.session.rollback()
            self._release()
            raise

    def _log(self, error: Exception) -> str:
        """Log an error; return the sentence for the person who started the job."""
        if is_outage(error):
            outages.add(logger, error)
            return _("The database is not responding")
        reference = log_error(logger, error, "job %s (%s) failed", self.id, self.kind_name)
        return _(
            "Something went wrong. Tell your administrator: error %(reference)s.",
            reference=reference,
        )

    def _run(self) -> str:
        sizer: ChunkSizer | None = None
        while True:
            refresh_fields()
            actor = self._acting_actor()
            with acting_as(actor), self._actor_locale():
                worker = self._job_kind()()
                if not self._begin(worker):
                    return "cancelled"
                # The kind may set its chunk sizes in ``begin``.
                sizer = sizer or ChunkSizer(worker, self.session.get_bind().dialect.name)
                state = self._run_for(worker, sizer)
            if state is None:
                return self._release()
            if state != "running":
                return state

    def _run_for(self, worker: JobKind, sizer: ChunkSizer) -> str | None:
        """Run chunks until the rights of the actor must be loaded again (ACTOR_REFRESH_SECONDS).

        Return the state then, or None if the job must be released.
        """
        deadline = monotonic() + ACTOR_REFRESH_SECONDS
        while not self.should_stop():
            state = self._run_chunk(worker, sizer)
            if state != "running":
                return state
            if self.should_yield():
                return None
            sizer.pause()
            if monotonic() > deadline:
                return "running"
        return None

    def _acting_actor(self) -> Actor:
        """Return the actor the job runs as; DomainError if they or their API key may not act now.

        A cancelled job is ended by the system then.
        """
        actor, error = self._find_actor(), ACTOR_CANNOT_LOGIN
        if actor is not None:
            self.language = actor.language
            if self.key_id is not None:
                key = get_valid_key(self.session, self.key_id, self.actor_id)
                actor, error = None if key is None else limit_to_key(actor, key), API_KEY_ENDED
        if actor is None:
            if not self._lock().is_cancelled:
                raise DomainError(error)
            actor = SYSTEM
        return actor

    def _find_actor(self) -> Actor | None:
        """Return the job's actor with their current rights, or the system for its own jobs."""
        if self.actor_id is not None:
            actor = load_actor(self.session, self.actor_id)
            return None if actor is None else actor.with_channel(self.channel)
        # A job of a purged user has no actor_id either, but another channel.
        return SYSTEM if self.channel == SYSTEM.channel else None

    def _job_kind(self) -> type[JobKind]:
        kind = get_job_kind(self.kind_name)
        if kind is None:
            # This worker may run an older version: retry, another may know the kind.
            raise CodeError(f"There is no job kind {self.kind_name!r}.")
        return kind

    def _lock(self) -> Job:
        return leases.lock_leased(self.session, self.id, self.owner, self.cursor)

    def _begin(self, worker: JobKind) -> bool:
        """Prepare the kind; return False if the job was cancelled and has ended here."""
        job = self._lock()
        if job.is_cancelled:
            self._finish(worker, job, "cancelled")
            return False
        worker.begin(self.session, job)
        leases.renew(self.session, job)
        self.session.commit()
        return True

    def _run_chunk(self, worker: JobKind, sizer: ChunkSizer) -> str:
        sizer.begin(self.session)
        job = self._lock()
        if job.is_cancelled:
            return self._finish(worker, job, "cancelled")
        step = worker.step(self.session, job, sizer.size)
        self._check_progress(step)
        leases.advance(self.session, job, self.owner, self.cursor, step)
        if step.is_last:
            return self._finish(worker, job, "done")
        self.session.commit()
        self.cursor = step.cursor
        sizer.end()
        return "running"

    def _check_progress(self, step: Step) -> None:
        """Raise CodeError for a step that goes back or does not advance."""
        if step.cursor < self.cursor or (step.cursor == self.cursor and not step.is_last):
            raise CodeError(
                f"A step of {self.kind_name} went from {self.cursor} to {step.cursor}."
            )

    def _finish(self, worker: JobKind, job: Job, state: str) -> str:
        worker.end(self.session, job)
        self.session.flush()
        leases.finish(self.session, job, state)
        self.session.commit()
        return state

    def _fail(self, sentence: str) -> str:
        return self._leave(lambda job: leases.finish(self.session, job, "failed", sentence))

    def _retry_later(self, sentence: str) -> str:
        return self._leave(lambda job: leases.schedule_retry(self.session, job, sentence))

    def _release(self) -> str:
        return self._leave(lambda job: leases.release(self.session, job))

    def _leave(self, update: Callable[[Job], None]) -> str:
        """Write the outcome of this run if the lease is still ours; return the state of the job."""
        try:
            # At whatever cursor: who is asked to end just after a commit has not noted it yet.
            job = leases.lock_leased(self.session, self.id, self.owner)
            update(job)
            state = job.state
            self.session.commit()
        except LeaseLost:
            self.session.rollback()
            return _load_state(self.session, self.id)
        return state

    @contextmanager
    def _actor_locale(self):
        with force_locale(self.language) if self.language else nullcontext():
            yield
