"""Merge two rows into one, and undo a merge. The caller commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.errors import DomainError, Locked
from app.log.services import record_many
from app.merging.fields import OTHER, MergeField, merge_fields
from app.merging.mergerule import CHANGED, GONE, MergeRun, merge_rules
from app.merging.models import Merge
from app.merging.queries import newest_merge
from app.numbers.models import FormerNumber, Numbered
from app.numbers.queries import former_numbers
from app.operations.models import Operation
from app.operations.services import UNDO_DAYS
from app.security.actor import Actor, acting_as
from app.security.scope import visible
from app.states.locks import why_locked
from app.storage.models import key_of
from app.storage.services import lock_file
from app.trash.services import move_to_trash, restore
from app.types import now

ACTION = "merge"


class MergeConflict(DomainError):
    """One of the rows was changed since the page of the merge was opened."""

    status = 409


class NotMerged(DomainError):
    """One of the rows is gone, in the trash or out of the actor's scope."""

    status = 404


def merge_rows(
    session: Session,
    survivor: Any,
    merged: Any,
    choices: Mapping[str, str],
    actor: Actor,
    *,
    versions: tuple[Any, Any],
    list_name: str,
) -> Merge:
    """Merge one row into another of the same model; return the merge.

    ``choices`` says by field whose value the survivor gets; of others, the proposed one.
    ``versions`` are those of the two rows that the choices are about, ``list_name`` the key of
    their screen. Raise NotMerged or MergeConflict, or a DomainError if a rule forbids it.
    """
    survivor, merged = _lock(session, survivor, merged, actor)
    if (survivor.version, merged.version) != versions:
        raise MergeConflict(_("Somebody has changed one of them meanwhile. Check again."))
    for row in (survivor, merged):
        if why := why_locked(session, row, actor):
            raise Locked(why)
    merge, acting = _start(session, survivor, merged, actor, list_name)
    run = MergeRun(session, merge, survivor, merged, acting)
    with acting_as(acting):
        own, other = _take_values(session, run, choices)
        _move_to_trash(session, merged, survivor, acting)
        rules = merge_rules(type(survivor))
        counts = {}
        with session.no_autoflush:
            for name, (_before, after) in own.items():
                setattr(survivor, name, after)
            for rule in rules:
                if rule.is_of_row:
                    counts[rule.code()] = rule.merge(run)
        session.flush()
        for rule in rules:
            if not rule.is_of_row:
                counts[rule.code()] = rule.merge(run)
        _keep_number(session, survivor, merged)
        session.flush()
    merge.fields = {"survivor": _stored(survivor, own), "merged": _stored(merged, other)}
    merge.counts = {code: count for code, count in counts.items() if count}
    _record(session, run, "merged", "merged_into")
    session.flush()
    return merge


def _lock(session: Session, survivor: Any, merged: Any, actor: Actor) -> tuple[Any, Any]:
    """Lock both rows, in the order of their ids, and read them again."""
    model, ids = type(survivor), (survivor.id, merged.id)
    query = visible(model, actor).where(model.id.in_(ids), model.trashed_at.is_(None))
    query = query.order_by(model.id).with_for_update(of=model)
    rows = session.scalars(query.execution_options(populate_existing=True)).unique()
    found = {row.id: row for row in rows}
    if len(found) != 2 or type(merged) is not model:
        raise NotMerged(_("One of them has been deleted or merged meanwhile."))
    return found[ids[0]], found[ids[1]]


def _start(
    session: Session, survivor: Any, merged: Any, actor: Actor, list_name: str
) -> tuple[Merge, Actor]:
    """Add the operation and the merge; return it, and the actor whose log entries name it."""
    moment = now()
    until = moment + timedelta(days=UNDO_DAYS)
    table = survivor.__tablename__
    operation = Operation(
        action=ACTION, subject_type=table, matched=2, changed=2,
        selection={"list": list_name, "ids": sorted((survivor.id, merged.id))},
        actor_id=actor.id, actor_name=actor.name[:160], channel=actor.channel,
        confirmed_at=moment, undo_until=until,
    )  # fmt: skip
    session.add(operation)
    session.flush()
    merge = Merge(
        operation_id=operation.id, subject_type=table, survivor_id=survivor.id,
        merged_id=merged.id, actor_id=actor.id, actor_name=actor.name[:160], at=moment,
        undo_until=until,
    )  # fmt: skip
    session.add(merge)
    session.flush()
    return merge, replace(actor, operation_id=operation.id)


def _take_values(
    session: Session, run: MergeRun, choices: Mapping[str, str]
) -> tuple[dict[str, tuple[Any, Any]], dict[str, tuple[Any, Any]]]:
    """Return (before, after) of the fields that change: the survivor's, and the merged row's.

    What only one row may have, the merged one gives up here.
    """
    own: dict[str, tuple[Any, Any]] = {}
    other: dict[str, tuple[Any, Any]] = {}
    for field in merge_fields(type(run.survivor)):
        allowed = field.choices(run.survivor, run.merged)
        proposed = field.default_choice(run.survivor, run.merged)
        choice = choices.get(field.name, proposed)
        if choice not in allowed:
            raise DomainError(_("Choose one of the two values."), field=field.name)
        before = getattr(run.survivor, field.name)
        after = field.value(run.survivor, run.merged, choice)
        if after != before:
            own[field.name] = (before, after)
        if choice == OTHER and field.is_exclusive and after is not None:
            other[field.name] = (after, None)
            setattr(run.merged, field.name, None)
    return own, other


def _move_to_trash(session: Session, merged: Any, survivor: Any, actor: Actor) -> None:
    move_to_trash(merged, actor)
    merged.merged_into_id = survivor.id
    session.flush()


def _stored(row: Any, values: Mapping[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    fields = {field.name: field for field in merge_fields(type(row))}
    return {
        name: [fields[name].to_json(before), fields[name].to_json(after)]
        for name, (before, after) in values.items()
    }


def _keep_number(session: Session, survivor: Any, merged: Any) -> None:
    """Let the number of the merged row lead to the survivor."""
    if isinstance(merged, Numbered) and merged.number:
        table, number = survivor.__tablename__, merged.number
        session.add(FormerNumber(subject_type=table, number=number, subject_id=survivor.id))
        session.flush()
        _write_former_numbers(session, survivor)


def _write_former_numbers(session: Session, row: Any) -> None:
    """Write the former numbers of a row where the search finds them."""
    if hasattr(row, "former_numbers"):
        row.former_numbers = " ".join(former_numbers(session, row)) or None


def _record(session: Session, run: MergeRun, event: str, merged_event: str) -> None:
    """Log what has happened to the two rows; the entries name the operation."""
    for row, name in ((run.survivor, event), (run.merged, merged_event)):
        entry = {
            "subject_id": row.id, "subject_name": str(row), "version": row.version,
            "changes": None,
        }  # fmt: skip
        record_many(session, name, row.__tablename__, [entry], run.actor)


def why_not_undone(session: Session, merge: Merge, survivor: Any, merged: Any) -> str:
    """Return why a merge cannot be undone, or an empty text if it can."""
    if merge.undone_at is not None:
        return _("This has already been undone.")
    if merge.undo_until < now() or merge.fields is None:
        return _("It is too late to undo this.")
    if survivor is None or merged is None or merged.merged_into_id != merge.survivor_id:
        return _("One of the two has been permanently deleted.")
    if survivor.merged_into_id is not None:
        return _("“%(name)s” was merged itself since. Undo that merge first.", name=str(survivor))
    if survivor.trashed_at is not None:
        return _("“%(name)s” is in the trash. Restore it first.", name=str(survivor))
    if newest_merge(session, survivor) != merge.id:
        return _("There is a newer merge. Undo that one first.")
    return ""


def undo_merge(session: Session, merge: Merge, survivor: Any, merged: Any, actor: Actor) -> None:
    """Undo a merge: rows and values go back, but for what was changed since, which is listed."""
    if survivor is None or merged is None:
        raise DomainError(why_not_undone(session, merge, survivor, merged))
    _lock_for_undo(session, merge, survivor, merged, actor)
    if why := why_not_undone(session, merge, survivor, merged):
        raise DomainError(why)
    acting = replace(actor, operation_id=merge.operation_id)
    run = MergeRun(session, merge, survivor, merged, acting)
    kept: list[list[Any]] = []
    with acting_as(acting):
        _give_back_number(session, survivor, merged)
        rules = merge_rules(type(survivor))
        with session.no_autoflush:
            kept += _give_back_values(session, survivor, merge.fields, "survivor")
            for rule in rules:
                if rule.is_of_row:
                    kept += [[rule.code(), *one] for one in rule.undo(run)]
        session.flush()
        restore(merged)
        merged.merged_into_id = None
        kept += _give_back_values(session, merged, merge.fields, "merged")
        session.flush()
        for rule in rules:
            if not rule.is_of_row:
                kept += [[rule.code(), *one] for one in rule.undo(run)]
        for row in (survivor, merged):
            _write_former_numbers(session, row)
        session.flush()
    merge.kept, merge.undone_at, merge.undone_by = kept, now(), actor.name[:160]
    operation = session.get_one(Operation, merge.operation_id)
    operation.undone, operation.kept = operation.changed, len(kept)
    _record(session, run, "unmerged", "unmerged")
    session.flush()


def _lock_for_undo(
    session: Session, merge: Merge, survivor: Any, merged: Any, actor: Actor
) -> None:
    """Lock the merge and both rows, and read them again."""
    session.refresh(merge, with_for_update=True)
    model, ids = type(survivor), (merge.survivor_id, merge.merged_id)
    query = visible(model, actor).where(model.id.in_(ids)).order_by(model.id)
    query = query.with_for_update(of=model)
    options = {"with_trash": True, "populate_existing": True}
    if len(session.scalars(query.execution_options(**options)).unique().all()) != 2:
        raise NotMerged(_("You no longer have access to it."))
    for row in (survivor, merged):
        if why := why_locked(session, row, actor):
            raise Locked(why)


def _give_back_number(session: Session, survivor: Any, merged: Any) -> None:
    if isinstance(merged, Numbered):
        session.execute(
            delete(FormerNumber).where(
                FormerNumber.subject_type == survivor.__tablename__,
                FormerNumber.number == merged.number,
                FormerNumber.subject_id == survivor.id,
            )
        )


def _give_back_values(
    session: Session, row: Any, fields: Mapping[str, Any] | None, whose: str
) -> list[list[Any]]:
    """Give a row the values of before, where it still has those that the merge has left."""
    known: dict[str, MergeField] = {field.name: field for field in merge_fields(type(row))}
    kept: list[list[Any]] = []
    for name, (before, after) in ((fields or {}).get(whose) or {}).items():
        field = known.get(name)
        if field is None:
            continue
        if field.to_json(getattr(row, name)) != after:
            kept.append([f"field:{name}", row.id, CHANGED])
        elif not _is_there(session, field, before):
            kept.append([f"field:{name}", row.id, GONE])
        else:
            setattr(row, name, field.from_json(before))
    return kept


def _is_there(session: Session, field: MergeField, value: Any) -> bool:
    """Return False if a value of before names a row or a file that is gone."""
    if value is None:
        return True
    if field.is_file:
        return lock_file(session, key_of(value))
    for key in field.column.foreign_keys:
        if session.scalar(select(key.column).where(key.column == value)) is None:
            return False
    return True
