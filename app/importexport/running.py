"""Run an import: check every row of a file, then write the accepted ones, chunk by chunk.

The check only reads, and decides which stored row each row of the file is about. The run goes by
that, and matches nothing again: so it never takes its own writes for what was there before, and
its result does not depend on the size of its chunks.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from itertools import islice

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app.database import reading
from app.errors import DomainError
from app.importexport.diffing import ChunkDiff
from app.importexport.first_rows import FirstRows
from app.importexport.planning import ImportPlan
from app.importexport.progress import ImportProgress
from app.importexport.reading import Source, SourceRow
from app.importexport.repeats import reject_repeated
from app.importexport.report import ACCEPTED, Report
from app.importexport.writing import ChunkWriter, RowChangedError
from app.security.actor import Actor, acting_as, load_actor

# SQLite has one writer at a time: others wait no longer than one chunk takes.
CHUNK_SIZES = {"postgresql": 1000, "sqlite": 250}
# Rows that are checked together.
CHECK_SIZE = 1000
_MAX_ATTEMPTS = 5
_REJECTED = -1


def run_import(
    session: Session,
    source: Source,
    plan: ImportPlan,
    actor: Actor,
    *,
    dry_run: bool = False,
    on_rejected: Callable[[SourceRow, list[str]], None] | None = None,
    progress: ImportProgress | None = None,
    chunk_size: int | None = None,
) -> Report:
    """Check every row of a file, import the accepted ones, and return what was done.

    Each chunk is committed by itself, as the actor then is: DomainError once they are locked or
    have other rights. A dry run only checks. ``on_rejected`` is called with each row that is not
    imported and the reasons, ``progress`` around each chunk that is written.
    """
    plan.check()
    report = Report() if progress is None else progress.report
    actor = actor.with_channel("import")
    with acting_as(actor):
        checked, row_ids = Report(), array("q")
        for diff in check_chunks(session, source, plan, actor, chunk_size or CHECK_SIZE):
            diff.add_to_report(checked if not dry_run else report)
            row_ids.extend(
                row.row_id if row.outcome in ACCEPTED else _REJECTED for row in diff.rows
            )
            _tell_rejected(diff, on_rejected)
        if dry_run:
            return report
        report.begin_with_rejected(checked)
        size = chunk_size or CHUNK_SIZES[session.get_bind().dialect.name]
        planned = zip(source.rows(), row_ids, strict=False)
        accepted = ((row, row_id) for row, row_id in planned if row_id != _REJECTED)
        while chunk := list(islice(accepted, size)):
            _check_actor(session, actor)
            if progress is not None:
                progress.begin_chunk(chunk[-1][0].number)
            diff = _run_chunk(session, plan, actor, chunk)
            diff.add_to_report(report)
            if progress is not None:
                progress.end_chunk()
            _tell_rejected(diff, on_rejected)
    return report


def check_chunks(
    session: Session, source: Source, plan: ImportPlan, actor: Actor, size: int
) -> Iterator[ChunkDiff]:
    """Yield the rows of a file with what would become of them, chunk by chunk; only read."""
    with reading():
        last_id = session.scalar(select(func.max(plan.importer.model.id))) or 0
        session.commit()
    plan.set_last_id(last_id)
    source_rows = source.rows()
    with FirstRows() as first_rows:
        while chunk := list(islice(source_rows, size)):
            _check_actor(session, actor)
            diff = ChunkDiff(session, plan, actor, chunk)
            with reading():
                diff.check()
                session.commit()
            first_rows.add(reject_repeated(diff, first_rows))
            yield diff


def _tell_rejected(
    diff: ChunkDiff, on_rejected: Callable[[SourceRow, list[str]], None] | None
) -> None:
    if on_rejected is not None:
        for row in diff.rows:
            if row.outcome not in ACCEPTED:
                on_rejected(row.source, [reason for _field, reason in row.problems])


def _check_actor(session: Session, actor: Actor) -> None:
    """Raise DomainError if the actor may not log in any more, or has other rights by now."""
    if actor.id is None:
        return
    with reading():
        found = load_actor(session, actor.id)
        session.commit()
    if found is None or (found.role_ids, found.entity_ids) != (actor.role_ids, actor.entity_ids):
        raise DomainError(_("The rights of the person who started this have changed."))


def _run_chunk(
    session: Session, plan: ImportPlan, actor: Actor, rows: list[tuple[SourceRow, int]]
) -> ChunkDiff:
    """Write accepted rows, given with the ids of their stored rows; retry if others change them."""
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        diff = ChunkDiff(session, plan, actor, [row for row, _row_id in rows])
        with reading():
            diff.check_again([row_id for _row, row_id in rows])
            # Ends the read-only transaction, so that writing starts one with a write lock.
            session.commit()
        try:
            ChunkWriter(diff).write()
            session.commit()
        except (IntegrityError, RowChangedError, OperationalError) as error:
            session.rollback()
            if isinstance(error, OperationalError) and not _is_deadlock(error):
                raise
            for lookup in plan.lookups.values():
                lookup.discard_created()
            if attempt == _MAX_ATTEMPTS:
                raise DomainError(
                    _("Someone else was changing the same data. Import again later.")
                ) from None
        else:
            return diff
    raise AssertionError("unreachable")


def _is_deadlock(error: OperationalError) -> bool:
    """Return True if the error is a PostgreSQL deadlock (SQLSTATE 40P01)."""
    return getattr(error.orig, "sqlstate", None) == "40P01"
