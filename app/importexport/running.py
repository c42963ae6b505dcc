"""Run an import: compare and write the rows of a file, one chunk per transaction."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app.database import reading
from app.errors import DomainError
from app.importexport.diffing import ChunkDiff
from app.importexport.first_rows import FirstRows
from app.importexport.importer import ImportPlan
from app.importexport.progress import ImportProgress
from app.importexport.reading import Source, SourceRow
from app.importexport.report import Report
from app.importexport.writing import ChunkWriter, RowChangedError
from app.security.actor import Actor, acting_as, load_actor

# SQLite has one writer at a time: others wait no longer than one chunk takes.
CHUNK_SIZES = {"postgresql": 1000, "sqlite": 250}
_MAX_ATTEMPTS = 5


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
    """Import every row of a file and return what was done.

    Each chunk is committed by itself, as the actor then is: DomainError once they are locked or
    have other rights. A dry run reports the same and writes nothing. ``on_rejected`` is called
    with each invalid or skipped row and the reasons, ``progress`` around each chunk.
    """
    if chunk_size is None:
        chunk_size = CHUNK_SIZES[session.get_bind().dialect.name]
    report = Report() if progress is None else progress.report
    actor = actor.with_channel("import")
    source_rows = source.rows()
    with acting_as(actor), FirstRows() as first_rows:
        while chunk := list(islice(source_rows, chunk_size)):
            _check_actor(session, actor)
            if progress is not None:
                progress.begin_chunk(chunk[-1].number)
            diff = _run_chunk(session, plan, actor, chunk, first_rows, dry_run)
            diff.add_to_report(report)
            if progress is not None:
                progress.end_chunk()
            if on_rejected is not None:
                for row in diff.rows:
                    if row.outcome in ("invalid", "skipped"):
                        on_rejected(row.source, [reason for _field, reason in row.problems])
    for name, lookup in plan.lookups.items():
        if lookup.to_create:
            label = str(plan.importer.field(name).label)
            report.created_values[label] = [linked.label for linked in lookup.to_create.values()]
    return report


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
    session: Session,
    plan: ImportPlan,
    actor: Actor,
    source_rows: list[SourceRow],
    first_rows: FirstRows,
    dry_run: bool,
) -> ChunkDiff:
    """Compare a chunk with the stored rows and write it; retry if somebody else changed them."""
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        diff = ChunkDiff(session, plan, actor, source_rows, first_rows)
        diff.parse()
        with reading():
            diff.compare()
            # Ends the read-only transaction, so that writing starts one with a write lock.
            session.commit()
        if dry_run:
            return diff
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
