"""What a worker keeps of an import between two chunks, and makes anew if another one had it."""

from __future__ import annotations

from array import array
from collections import OrderedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.importexport.first_rows import FirstRows
from app.importexport.planning import ImportPlan
from app.importexport.reading import Position, RowReader, Source
from app.imports.models import ImportChunk, ImportRun
from app.imports.plans import load_plan, open_file
from app.security.actor import Actor

# How many imports a process keeps at a time.
_MAX_STATES = 8
# The letter of each outcome in ``ImportChunk.outcomes``.
LETTERS = {
    "new": "n", "updated": "u", "unchanged": "=", "skipped": "s", "conflict": "c", "invalid": "i",
}  # fmt: skip
ACCEPTED_LETTERS = "nu="


class FileState:
    """A file that is open behind the rows that are done, with the plan for the next ones."""

    def __init__(self, source: Source, plan: ImportPlan, reader: RowReader, actor: Actor) -> None:
        self.source, self.plan, self.reader, self.actor = source, plan, reader, actor
        # Rows that are done; -1 while a chunk is being done, which may be rolled back.
        self.cursor = -1
        # Of the check: what later rows must not have.
        self.first_rows: FirstRows | None = None
        # Of the run: (letter, id, version) of the next rows, as the check found them.
        self.planned: list[tuple[str, int, int]] = []

    def close(self) -> None:
        """Close what is open."""
        self.reader.file.close()
        if self.first_rows is not None:
            self.first_rows.close()


_states: OrderedDict[int, FileState] = OrderedDict()


def get_state(
    session: Session, run: ImportRun, job_id: int, cursor: int, actor: Actor, *, is_check: bool
) -> FileState:
    """Return the state of a job behind ``cursor`` rows: what this process has of it, or a new one."""
    state = _states.get(job_id)
    if state is None or (state.cursor, state.actor) != (cursor, actor):
        forget_state(job_id)
        state = _open_state(session, run, cursor, actor)
        state.cursor = cursor
        if is_check:
            state.first_rows = _read_keys(session, run)
        _states[job_id] = state
        while len(_states) > _MAX_STATES:
            _number, oldest = _states.popitem(last=False)
            oldest.close()
    for lookup in state.plan.lookups.values():
        lookup.session = session
    return state


def forget_state(job_id: int) -> None:
    """Forget the state of a job."""
    state = _states.pop(job_id, None)
    if state is not None:
        state.close()


def _open_state(session: Session, run: ImportRun, cursor: int, actor: Actor) -> FileState:
    source = open_file(run)
    chunk = session.scalar(
        select(ImportChunk)
        .where(ImportChunk.run_id == run.id, ImportChunk.first <= cursor)
        .order_by(ImportChunk.first.desc())
        .limit(1)
    )
    reader = source.reader() if chunk is None else source.reader(Position(*chunk.start))
    for _row in range(cursor - (0 if chunk is None else chunk.first)):
        next(reader)
    return FileState(source, load_plan(session, run, actor), reader, actor)


def read_planned(session: Session, run_id: int, state: FileState, cursor: int, size: int) -> None:
    """Read what the check found, until it is known of the ``size`` rows behind ``cursor``."""
    while len(state.planned) < size:
        after = cursor + len(state.planned)
        chunk = session.scalar(
            select(ImportChunk)
            .where(ImportChunk.run_id == run_id, ImportChunk.first + ImportChunk.rows > after)
            .order_by(ImportChunk.first)
            .limit(1)
        )
        if chunk is None:
            return
        found = list(zip(chunk.outcomes, chunk.ids, chunk.versions, strict=True))
        state.planned += found[after - chunk.first :]


def pack_keys(keys: list[tuple[int, int]]) -> bytes:
    """Return (key, row number) pairs as bytes."""
    return array("q", [number for pair in keys for number in pair]).tobytes()


def _read_keys(session: Session, run: ImportRun) -> FirstRows:
    """Return what the rows of the chunks before have taken."""
    first_rows = FirstRows()
    query = select(ImportChunk.keys).where(ImportChunk.run_id == run.id)
    for content in session.scalars(query.order_by(ImportChunk.first)):
        flat = array("q")
        flat.frombytes(content or b"")
        first_rows.add(zip(flat[::2], flat[1::2], strict=True))
    return first_rows
