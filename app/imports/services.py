"""Begin, check, run and undo imports. The caller commits."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n.localized import localize
from app.importexport.importer import Importer
from app.importexport.planning import ImportPlan
from app.importexport.reading import Source
from app.importexport.report import Report
from app.imports.files import Upload
from app.imports.models import ImportChunk, ImportIssue, ImportRun
from app.imports.plans import hash_plan, load_plan, plan_to_json
from app.jobs.models import LIVE_STATES, Job
from app.jobs.services import cancel, enqueue
from app.operations.models import Operation
from app.operations.permissions import owns_or_administers, why_not_undone
from app.operations.services import FALLBACK_SECONDS, UNDO_DAYS, enqueue_undo
from app.security.actor import Actor
from app.security.rights import actor_has_permission, resource_of
from app.storage.models import StoredFile
from app.types import now

# The action of the operation of an import.
ACTION = "import"
# How long a file is kept that is not imported, and one that is: its rejected rows can be downloaded.
DRAFT_LIFETIME, FILE_LIFETIME = timedelta(days=1), timedelta(days=7)


# What is chosen anew for each file is left out: where it goes, how it is read, its single cells.
_RECALLED = ("mapping", "policies", "match", "create_values", "doubtful", "day_order")
_RECALLED_REPAIRS = ("texts", "created")
_RECALLED_RUNS = 50


class PlanChanged(DomainError):
    """What was checked is not what would run."""

    status = 409


def may_import(actor: Actor, model: Any, *permissions: str) -> bool:
    """Return True if an actor may import rows of a model, and has the other permissions on it."""
    resource = resource_of(model)
    return all(
        actor_has_permission(actor, permission, resource)
        for permission in ("can_import", *permissions)
    )


def create_run(
    session: Session, importer: Importer, file: StoredFile, lines: int, actor: Actor
) -> ImportRun:
    """Add an uploaded CSV file, which is deleted after a day unless it is imported."""
    return create_run_of(session, importer, Upload(file, lines), actor)


def create_run_of(session: Session, importer: Importer, upload: Upload, actor: Actor) -> ImportRun:
    """Add an uploaded file of any format, which is deleted after a day unless it is imported."""
    file, original = upload.file, upload.original
    file.expires_at = now() + DRAFT_LIFETIME
    if original is not None:
        original.expires_at = file.expires_at
        session.add(original)
    run = ImportRun(
        token=secrets.token_urlsafe(24),
        importer=importer.name,
        file_name=file.name,
        file_key=file.key,
        file_digest=file.digest or "",
        original_key=None if original is None else original.key,
        lines=upload.lines,
        choices={},
        actor_id=actor.id,
    )
    _set_sheets(run, upload)
    session.add_all([file, run])
    session.flush()
    return run


def replace_rows(session: Session, run: ImportRun, upload: Upload) -> None:
    """Let an import have the rows of another sheet; DomainError if it has started."""
    session.refresh(run, with_for_update=True)
    if run.operation_id is not None:
        raise DomainError(_("This file has already been imported."))
    if run.check_job_id is not None:
        cancel(session, run.check_job_id)
    _expire_files(session, [run.file_key])
    upload.file.expires_at = now() + DRAFT_LIFETIME
    session.add(upload.file)
    run.file_key, run.file_digest = upload.file.key, upload.file.digest or ""
    run.lines, run.checked, run.choices = upload.lines, None, {}
    _set_sheets(run, upload)
    session.flush()


def _set_sheets(run: ImportRun, upload: Upload) -> None:
    if upload.sheets is not None:
        run.sheets, run.sheet = list(upload.sheets.names), upload.sheets.chosen[:200]


def find_run(session: Session, token: str, importer: str, actor: Actor) -> ImportRun | None:
    """Return an import of the actor's own by its token; None for another importer, too."""
    own = ImportRun.actor_id == actor.id
    named = (ImportRun.token == token, ImportRun.importer == importer)
    return session.scalar(select(ImportRun).where(*named, own))


def recall_choices(session: Session, run: ImportRun, headers: list[str]) -> bool:
    """Take over what the actor chose for their last file with the same headers, in any order."""
    earlier = (
        select(ImportRun.plan, ImportRun.choices)
        .where(
            ImportRun.actor_id == run.actor_id,
            ImportRun.importer == run.importer,
            ImportRun.operation_id.is_not(None),
        )
        .order_by(ImportRun.id.desc())
        .limit(_RECALLED_RUNS)
    )
    for plan, choices in session.execute(earlier):
        if plan and sorted(plan["headers"]) == sorted(headers):
            run.choices = {name: choices[name] for name in _RECALLED if name in choices}
            repairs = choices.get("repairs", {})
            run.choices["repairs"] = {
                name: repairs[name] for name in _RECALLED_REPAIRS if name in repairs
            }
            return True
    return False


def start_check(
    session: Session,
    run: ImportRun,
    source: Source,
    plan: ImportPlan,
    actor: Actor,
    *,
    delay: float = 0,
) -> Job:
    """Store the plan and enqueue its check; an earlier check of the same import ends."""
    session.refresh(run, with_for_update=True)
    if run.operation_id is not None:
        raise DomainError(_("This file has already been imported."))
    if run.check_job_id is not None:
        cancel(session, run.check_job_id)
    for model in (ImportChunk, ImportIssue):
        session.execute(delete(model).where(model.run_id == run.id))
    run.plan, run.checked = plan_to_json(plan, source), None
    session.flush()
    run.plan_hash = hash_plan(run, plan)
    job = enqueue(
        session,
        "import_check",
        {"import": run.id},
        actor,
        title=localize(lambda: _("Check of a file: %(name)s", name=run.file_name)),
        total=max(run.lines - source.header_row, 0) or None,
        delay=delay,
    )
    run.check_job_id = job.id
    session.flush()
    return job


def confirm(
    session: Session, run: ImportRun, plan_hash: str, list_key: str, actor: Actor, *, at_once: int
) -> Job:
    """Enqueue what was checked; a second call returns the job of the first.

    PlanChanged if ``plan_hash`` is not that of the check, or fields or values have changed since.
    """
    session.refresh(run, with_for_update=True)
    if run.operation is not None and run.operation.job is not None:
        return run.operation.job
    if run.check_job is None or run.check_job.state != "done" or run.checked is None:
        raise DomainError(_("Check the file first."))
    plan = load_plan(session, run, actor)
    if plan_hash != run.plan_hash or hash_plan(run, plan) != run.plan_hash:
        raise PlanChanged(_("Fields, values or choices have changed. Check the file again."))
    report = Report.from_json(run.checked)
    moment, rows = now(), report.rows
    operation = Operation(
        action=ACTION,
        subject_type=plan.importer.model.__tablename__,
        selection={"list": list_key, "import": run.id},
        selection_text=run.file_name,
        matched=report.new + report.updated + report.unchanged,
        actor_id=actor.id,
        actor_name=actor.name[:160],
        channel="import",
        confirmed_at=moment,
        undo_until=moment + timedelta(days=UNDO_DAYS),
    )
    session.add(operation)
    session.flush()
    job = enqueue(
        session,
        "import_run",
        {"import": run.id, "operation": operation.id},
        actor,
        title=localize(lambda: f"{plan.importer.import_label}: {run.file_name}"),
        total=rows,
        key=f"import-{run.id}",
        delay=FALLBACK_SECONDS if rows <= at_once else 0,
    )
    operation.job_id, run.operation_id = job.id, operation.id
    expires = now() + FILE_LIFETIME
    session.execute(
        update(StoredFile).where(StoredFile.key == run.file_key).values(expires_at=expires)
    )
    session.flush()
    return job


def why_not_undone_import(run: ImportRun) -> str:
    """Return why an import cannot be undone, or an empty text if it can."""
    if run.operation is None:
        return _("This hasn’t finished yet.")
    return why_not_undone(run.operation)


def may_undo_import(actor: Actor, run: ImportRun, model: Any) -> bool:
    """Return True if an actor may undo an import: their own, or that of whom they administer."""
    return (
        run.operation is not None
        and owns_or_administers(actor, run.operation)
        and may_import(actor, model, "can_edit", "can_delete")
    )


def undo(session: Session, run: ImportRun, actor: Actor, *, at_once: int) -> Job:
    """Enqueue the undoing of an import; a second call returns the job of the first."""
    operation = run.operation
    if operation is None:
        raise DomainError(_("This hasn’t finished yet."))
    payload = {"import": run.id, "operation": operation.id}
    return enqueue_undo(session, operation, "import_undo", payload, actor, at_once=at_once)


def split_mapping(text: str) -> tuple[str, str]:
    """Split HEADER=VALUE at the last “=”: a header may hold one, a value never does."""
    header, separator, value = text.rpartition("=")
    if not separator:
        raise DomainError(_("“%(text)s” must have the form HEADER=FIELD.", text=text[:80]))
    return header, value


def discard(session: Session, run: ImportRun) -> None:
    """Delete an import that was not confirmed, and its file; DomainError if it was."""
    session.refresh(run, with_for_update=True)
    if run.operation_id is not None:
        raise DomainError(_("This import has already started, so it can’t be cancelled."))
    if run.check_job_id is not None:
        cancel(session, run.check_job_id)
    _expire_files(session, filter(None, (run.file_key, run.original_key)))
    session.delete(run)
    session.flush()


def delete_expired(session: Session, size: int) -> int:
    """Delete drafts of imports whose file is gone, and the issues of imports; return how many."""
    is_running = exists().where(Job.id == ImportRun.check_job_id, Job.state.in_(LIVE_STATES))
    has_file = exists().where(StoredFile.key == ImportRun.file_key)
    old = ImportRun.created_at < now() - DRAFT_LIFETIME
    gone = select(ImportRun.id).where(~has_file, ~is_running, old)
    drafts = gone.where(ImportRun.operation_id.is_(None)).limit(size)
    count = _deleted(
        session,
        delete(ImportRun).where(ImportRun.id.in_(drafts), ImportRun.operation_id.is_(None)),
    )
    kept = gone.where(ImportRun.operation_id.is_not(None))
    count += _deleted(session, delete(ImportChunk).where(ImportChunk.run_id.in_(kept)))
    some = select(ImportIssue.id).where(ImportIssue.run_id.in_(kept)).limit(size)
    return count + _deleted(session, delete(ImportIssue).where(ImportIssue.id.in_(some)))


def _expire_files(session: Session, keys: Iterable[str]) -> None:
    """Let files be deleted by the next periodic task."""
    session.execute(
        update(StoredFile).where(StoredFile.key.in_(list(keys))).values(expires_at=now())
    )


def _deleted(session: Session, statement: Any) -> int:
    return session.execute(statement, execution_options={"synchronize_session": False}).rowcount  # type: ignore[attr-defined]
