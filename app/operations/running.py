"""From a draft to a running job, as every door does it: pages, API, command line."""

from __future__ import annotations

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import Select

from app.errors import DomainError
from app.database import reading
from app.extensions import db
from app.i18n.localized import LocalizedText, localize
from app.jobs.models import Job
from app.jobs.runner import run_now
from app.operations import services
from app.operations.actions import (
    Action,
    ActionForm,
    answers_in_short,
    answers_in_words,
    kept_answers,
)
from app.operations.jobs import may_ask_back
from app.operations.models import Operation
from app.operations.services import Preview
from app.security.actor import Actor


def look(action: Action, rows: Select) -> Preview:
    """Say what an action would do to some rows; its answers are valid.

    What was begun is committed first: to count takes its time, and on SQLite whoever may write
    keeps all others from it.
    """
    action.check()
    batch = action.batch()
    db.session.commit()
    with reading():
        found = services.preview(db.session(), rows, batch, action.reason_text)
        db.session.rollback()
    return found


def confirm(
    operation: Operation,
    action: Action,
    form: ActionForm,
    rows: Select,
    actor: Actor,
    *,
    expected: int | None = None,
    at_once: int | None = None,
) -> Job:
    """Confirm a draft and commit; a small one is done when this returns, a large one is begun."""
    at_once = current_app.config["BACKGROUND_ABOVE"] if at_once is None else at_once
    action.check()
    try:
        job = services.confirm(
            db.session(), operation, rows, action.batch(), actor,
            title=localize(lambda: _title(action, form)), answers=kept_answers(form),
            answers_text=localize(lambda: answers_in_words(form)),
            expected=expected, at_once=at_once,
        )  # fmt: skip
    except DomainError:
        # It is a draft again, also for who goes on in this transaction.
        db.session.rollback()
        raise
    return _begun(job, at_once)


def undo(operation: Operation, actor: Actor, *, at_once: int | None = None) -> Job:
    """Ask for an operation to be undone and commit; a small one is undone when this returns."""
    at_once = current_app.config["BACKGROUND_ABOVE"] if at_once is None else at_once
    if not may_ask_back(actor, operation):
        raise DomainError(_("Only whoever did this, or an administrator, can undo it."))
    # What was chosen may be gone by now: it is called as it was then.
    done = LocalizedText() if operation.job is None else operation.job.localized_title
    title = localize(lambda: _("Undo: %(title)s", title=done))
    return _begun(
        services.undo(db.session(), operation, actor, title=title, at_once=at_once), at_once
    )


def _title(action: Action, form: ActionForm) -> str:
    """Return what the job of an operation is called."""
    answers = answers_in_short(form)
    return f"{action.label}: {answers}" if answers else str(action.label)


def _begun(job: Job, at_once: int) -> Job:
    number, is_small = job.id, job.total is not None and job.total <= at_once
    db.session.commit()
    if is_small:
        run_now(number)
    found = db.session.get(Job, number, populate_existing=True)
    assert found is not None
    return found
