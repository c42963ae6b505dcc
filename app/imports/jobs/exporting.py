"""The job that makes the file of a large export."""

from __future__ import annotations

import tempfile
import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from typing import IO, Any

from flask import Flask, current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.crud.screens import find_screen
from app.errors import DomainError
from app.importexport.exporter import Exporter
from app.imports.exports import (
    LIFETIME,
    choice_from_json,
    choose_rows,
    details_of,
    may_export,
    reach_of,
    why_not_downloaded,
)
from app.imports.models import ExportFile
from app.imports.plans import get_importer
from app.jobs.kinds import JobKind, Step
from app.jobs.models import Job
from app.log.services import record_security_event
from app.security.actor import current_actor
from app.storage.files import WrittenFile, find_file, write_file
from app.storage.models import StoredFile
from app.types import now

_BLOCK = 1 << 20
_MAX_STATES = 8
# How long a chunk waits for the end of a file, while SQLite's write lock is held.
_WAIT_SECONDS = 0.05


class _State:
    """A file that a process is writing; another process begins it anew."""

    def __init__(
        self, exporter: Exporter, file_format: Any, delimiter: str, ids: array[int]
    ) -> None:
        self.exporter, self.ids = exporter, ids
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open between chunks
        self.format = file_format(self.file, exporter.fields, delimiter)
        # Rows that are written, and the cursor of the job behind them; -1 during a chunk.
        self.done, self.cursor = 0, 0
        self.thread: threading.Thread | None = None
        self.written: WrittenFile | None = None
        self.error: Exception | None = None

    def write(self, size: int) -> int:
        """Write so many rows more; return how many are passed."""
        part = self.ids[self.done : self.done + size]
        for cells in self.exporter.cell_rows(part):
            self.format.write(cells)
        self.done += len(part)
        return len(part)

    def finish(self, app: Flask) -> None:
        """Close the file and store it in a thread: it may take longer than a lease."""
        suffix = f".{self.format.name}"

        def store() -> None:
            try:
                self.format.close()
                self.file.seek(0)
                with app.app_context():
                    self.written = write_file(_blocks(self.file), suffix)
            except Exception as error:
                self.error = error

        self.thread = threading.Thread(target=store, name="export", daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Delete what is written; a file of the store that no row names goes after a day."""
        if self.thread is None:
            self.format.discard()
        self.file.close()


_states: OrderedDict[int, _State] = OrderedDict()


class ExportJob(JobKind):
    """Write the rows that were chosen into a file that waits for its owner."""

    name = "export"
    label = _l("Export")
    template = "importexport/export_job.html"
    initial_chunk_sizes = (200, 1_000)

    def begin(self, session: Session, job: Job) -> None:
        export = _get_export(session, job)
        actor = current_actor()
        if export is None:
            raise DomainError(_("This export is no longer available."))
        self.importer = get_importer(export.importer)
        if not may_export(actor, self.importer.model):
            raise DomainError(_("The person who started this no longer has permission."))
        if export.reach != reach_of(actor):
            raise DomainError(
                _("Your access has changed since this was started. Start the export again.")
            )
        state = _states.get(job.id)
        if state is None or state.cursor != job.cursor:
            _forget(job.id)
            state = self._open(session, export, job)
            _states[job.id] = state
            while len(_states) > _MAX_STATES:
                _states.popitem(last=False)[1].close()
        state.exporter.use(session)
        self.state, self.export_id = state, export.id

    def _open(self, session: Session, export: ExportFile, job: Job) -> _State:
        actor = current_actor()
        choice = choice_from_json(self.importer, export.choices)
        exporter = Exporter(session, self.importer.model, choice.fields, actor)
        chosen = choose_rows(choice, session, exporter, actor, needs_ids=True)
        assert chosen.ids is not None
        if job.cursor == 0:
            record_security_event(
                session, "exported", actor, name=self.importer.english_label, rows=chosen.count,
                **details_of(choice),
            )  # fmt: skip
        job.total = len(chosen.ids)
        session.flush()
        state = _State(exporter, choice.format, export.choices["delimiter"], chosen.ids)
        state.cursor = job.cursor
        return state

    def step(self, session: Session, job: Job, size: int) -> Step:
        # The cursor counts chunks: a process that begins the file anew goes on from it.
        state, cursor = self.state, job.cursor + 1
        state.cursor = -1
        before = state.done
        if before < len(state.ids):
            state.write(size)
        elif state.thread is None:
            state.finish(current_app._get_current_object())  # type: ignore[attr-defined]
        else:
            state.thread.join(_WAIT_SECONDS)
        if state.error is not None:
            raise state.error
        if state.written is not None:
            self._keep(session, state, state.written)
            return Step(cursor, 0, is_last=True)
        state.cursor = cursor
        return Step(cursor, max(state.done - max(before, job.done), 0))

    def _keep(self, session: Session, state: _State, written: WrittenFile) -> None:
        """Add the row of the file."""
        export = session.get_one(ExportFile, self.export_id)
        expires = now() + LIFETIME
        session.add(
            StoredFile(
                key=written.key, name=export.file_name, type=state.format.mime,
                size=written.size, digest=written.digest, created_at=now(), expires_at=expires,
            )
        )  # fmt: skip
        export.file_key, export.expires_at, export.rows = written.key, expires, state.format.count
        session.flush()

    def end(self, session: Session, job: Job) -> None:
        _forget(job.id)
        session.execute(
            update(Job)
            .where(Job.id == job.id, Job.is_cancelled.is_(False))
            .values(total=Job.done)
            .execution_options(synchronize_session=False)
        )
        session.refresh(job)

    @classmethod
    def content(cls, session: Session, job: Job) -> dict[str, Any]:
        export = _get_export(session, job)
        if export is None:
            return {"export": None}
        importer, actor = get_importer(export.importer), current_actor()
        screen = find_screen(importer.model)
        path = find_file(export.file_key or "")
        is_own = export.actor_id == actor.id
        return {
            "export": export,
            "importer": importer,
            "is_own": is_own,
            "base": "" if screen is None else screen.route_base,
            "size": 0 if path is None else path.stat().st_size,
            "why_not": why_not_downloaded(export, actor, importer.model) if is_own else "",
        }


def _get_export(session: Session, job: Job) -> ExportFile | None:
    return session.get(ExportFile, job.payload.get("export"))


def _forget(job_id: int) -> None:
    if (state := _states.pop(job_id, None)) is not None:
        state.close()


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block
