"""Who may run, read and undo a collective action."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import inspect, select

from app.extensions import db
from app.jobs.models import Job
from app.operations.models import Operation
from app.operations.selection import find_screen
from app.operations.verbbase import get_verb
from app.security.actor import Actor
from app.security.rights import actor_has_permission
from app.subjects import model_named
from app.types import now


def may_act(actor: Actor, operation: Operation) -> bool:
    """Return True if an actor has the permission of an operation's action, and may list its rows."""
    screen = find_screen(operation)
    if screen is None or not may_list(actor, operation):
        return False
    return actor_has_permission(actor, operation.action, screen.class_permission_name)


def may_list(actor: Actor, operation: Operation) -> bool:
    """Return True if an actor may see the list that an operation's rows were selected on."""
    screen = find_screen(operation)
    if screen is None:
        return False
    return actor_has_permission(actor, "can_list", screen.class_permission_name)


def may_undo(actor: Actor, operation: Operation) -> bool:
    """Return True if an actor may undo an operation, and it can still be undone."""
    return may_request_undo(actor, operation) and not why_not_undone(operation)


def may_request_undo(actor: Actor, operation: Operation) -> bool:
    """Return True if an actor may undo an operation, whether or not that is still possible."""
    return owns_or_administers(actor, operation) and may_act(actor, operation)


def owns_or_administers(actor: Actor, operation: Operation) -> bool:
    """Return True if an operation is the actor's own, or that of a user they administer."""
    if operation.actor_id == actor.id or actor.is_system:
        return True
    if not actor.is_administrator or actor.entity_ids is None:
        return actor.is_administrator
    query = select(Job.id).where(Job.id == operation.job_id, Job.colleagues_scope(actor))
    return db.session.scalar(query) is not None


def why_not_undone(operation: Operation) -> str:
    """Return why an operation cannot be undone, or an empty text if it can."""
    if operation.is_draft:
        return _("This hasn’t finished yet.")
    # Jobs are deleted later than that.
    if operation.undo_until is None or operation.undo_until < now() or operation.job is None:
        return _("It is too late to undo this.")
    if operation.job.is_live:
        return _("This hasn’t finished yet.")
    if operation.is_undone:
        return _("This has already been undone.")
    mapper = inspect(model_named(operation.subject_type))
    for plan in operation.plan or ():
        if "column" in plan and plan["column"] not in mapper.column_attrs:
            return _("The field that this changed no longer exists.")
        if why := get_verb(plan["verb"]).why_not_undone(plan):
            return why
    if not operation.changed:
        return _("Nothing was changed, so there is nothing to undo.")
    return ""
