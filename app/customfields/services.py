"""Define custom fields: give them a slot, check them, take them away."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import exists, func, inspect, select, union
from sqlalchemy.orm import Session

from app.changed import is_changed
from app.customfields.kinds import COLUMN_PREFIX, KINDS, MAX_INDEXES
from app.customfields.models import SUBJECTS, CustomConversion, CustomField
from app.errors import DomainError
from app.i18n.formats import show_number
from app.i18n.localized import localize
from app.jobs.services import enqueue
from app.security.actor import Actor
from app.subjects import model_named

MAX_MONTHS, MAX_WARN_DAYS = 1_200, 366


def used_slots(session: Session, subject: str) -> set[str]:
    """Return the slots of a table that are in use, those of fields in the trash included."""
    query = select(CustomField.slot).where(
        CustomField.subject == subject, CustomField.slot.is_not(None)
    )
    used: set[str] = set(filter(None, session.scalars(query.execution_options(with_trash=True))))
    # A conversion keeps two slots until it cannot be undone any more.
    kept = (
        select(CustomConversion.from_slot, CustomConversion.to_slot)
        .join(CustomField)
        .where(CustomField.subject == subject, CustomConversion.state != "closed")
    )
    for pair in session.execute(kept.execution_options(with_trash=True)):
        used.update(pair)
    return used


def free_slot(session: Session, subject: str, kind_name: str) -> str:
    """Return the first slot of a kind that is free; raise DomainError if there is none."""
    kind = KINDS[kind_name]
    used = used_slots(session, subject)
    for slot in kind.slot_names():
        if slot not in used:
            return slot
    raise DomainError(
        _(
            "All %(count)s fields of the kind “%(kind)s” are in use. Those in the trash count "
            "until they are deleted permanently.",
            count=show_number(kind.slots),
            kind=kind.label,
        ),
        field="kind",
    )


def complete_field(session: Session, field: CustomField) -> None:
    """Check a field that is about to be saved; give a new one its slot and its place.

    Raise DomainError for what cannot be.
    """
    kind = KINDS[field.kind]
    if field.id is None:
        field.slot = free_slot(session, field.subject, field.kind)
    if field.id is None and not field.position:
        last = session.scalar(
            select(func.max(CustomField.position)).where(CustomField.subject == field.subject)
        )
        field.position = (last or 0) + 1
    is_named = field.label_en or field.label_es
    if not is_named and is_changed(field, ("label_en", "label_es")):
        raise DomainError(_("Enter a name in at least one language."), field="label_en")
    _check_label(session, field)
    if kind.has_options and not field.options:
        raise DomainError(_("Add at least one option."), field="options")
    # One that was converted keeps its options as long as that can be undone.
    state: Any = inspect(field)
    has_new_options = state.attrs.options.history.has_changes()
    if not kind.has_options and field.options and has_new_options:
        raise DomainError(_("Only choices have options."), field="options")
    if any(not (option.label_en or option.label_es) for option in field.options):
        raise DomainError(_("Enter a name in at least one language."), field="options")
    _check_removed_options(session, field)
    if kind.is_file and field.is_required:
        raise DomainError(
            _("A file can’t be required: an import could not bring it."), field="is_required"
        )
    if field.is_sortable and not kind.is_sortable:
        raise DomainError(
            _("A list can’t be sorted by a field of this kind."), field="is_sortable"
        )
    if field.is_sortable:
        _check_number_of_indexes(session, field)
    if field.validity_months is not None:
        if field.kind != "date":
            raise DomainError(_("Only dates expire."), field="validity_months")
        if not 0 <= field.validity_months <= MAX_MONTHS:
            raise DomainError(
                _("Enter a number from 0 to %(most)s.", most=MAX_MONTHS), field="validity_months"
            )
        # The start page counts what has expired.
        field.is_sortable = True
    if field.identifies:
        if field.kind != "text":
            raise DomainError(_("Only a text can identify."), field="identifies")
        field.is_sortable = True
    if field.warn_days is not None and not 0 <= field.warn_days <= MAX_WARN_DAYS:
        raise DomainError(
            _("Enter a number from 0 to %(most)s.", most=MAX_WARN_DAYS), field="warn_days"
        )
    if field.contact_types and field.subject != "contact":
        raise DomainError(_("Only contacts have contact types."), field="contact_types")


def check_restored(session: Session, field: CustomField) -> None:
    """Raise DomainError if a field cannot come back from the trash beside those there are now."""
    _check_label(session, field)
    if field.is_sortable:
        _check_number_of_indexes(session, field)


def _check_removed_options(session: Session, field: CustomField) -> None:
    """Raise DomainError if an option that some row has was removed."""
    if field.id is None or field.slot is None:
        return
    column = model_named(field.subject).__table__.c[f"{COLUMN_PREFIX}{field.slot}"]
    removed: Any = inspect(field).attrs.options.history.deleted
    for option in removed:
        code = str(option.id)
        is_chosen = column.contains(f"|{code}|") if field.kind == "choices" else column == code
        if session.scalar(select(exists().where(is_chosen))):
            raise DomainError(
                _(
                    "“%(option)s” is in use. Make it unavailable instead: it is offered no more, "
                    "and whoever has it keeps it.",
                    option=option.label,
                ),
                field="options",
            )


def _check_label(session: Session, field: CustomField) -> None:
    for name in ("label_en", "label_es"):
        label = getattr(field, name)
        if not label:
            continue
        same = select(CustomField.id).where(
            CustomField.subject == field.subject,
            func.padron_fold(getattr(CustomField, name)) == func.padron_fold(label),
            CustomField.trashed_at.is_(None),
        )
        if field.id is not None:
            same = same.where(CustomField.id != field.id)
        if session.scalar(same) is not None:
            raise DomainError(_("“%(value)s” is already in use.", value=label), field=name)


def may_be_indexed(session: Session, field: CustomField) -> bool:
    """Return True if there is room for an index of a field."""
    query = select(func.count()).where(
        CustomField.subject == field.subject, CustomField.is_sortable
    )
    if field.id is not None:
        query = query.where(CustomField.id != field.id)
    return (session.scalar(query) or 0) < MAX_INDEXES


def _check_number_of_indexes(session: Session, field: CustomField) -> None:
    if not may_be_indexed(session, field):
        raise DomainError(
            _(
                "Lists can be sorted by up to %(count)s custom fields: each makes saving slower.",
                count=MAX_INDEXES,
            ),
            field="is_sortable",
        )


def follow_change(session: Session, field: CustomField, actor: Actor) -> None:
    """Start the job that makes or drops the index of a field, if it has to."""
    if field.is_sortable != field.is_indexed:
        enqueue_indexing(session, field, actor)


def enqueue_indexing(session: Session, field: CustomField, actor: Actor) -> None:
    """Start the job that makes and drops indexes of a table as its fields want them."""
    enqueue(
        session, "custom-field-index", {"subject": field.subject}, actor,
        title=localize(lambda: _("Sort by “%(field)s”", field=field.label)), total=1,
    )  # fmt: skip


def slot_counts(session: Session) -> list[dict[str, Any]]:
    """Return how many slots of each kind are in use, by table: subject, kind, used, slots."""
    fields = select(CustomField.subject, CustomField.slot).where(CustomField.slot.is_not(None))
    kept = [
        select(CustomField.subject, slot)
        .join(CustomConversion)
        .where(CustomConversion.state != "closed")
        for slot in (CustomConversion.from_slot, CustomConversion.to_slot)
    ]
    # Each once, whichever of them name it.
    query: Any = union(fields, *kept)
    taken = session.execute(query, execution_options={"with_trash": True}).all()
    used = Counter((subject, slot[0]) for subject, slot in taken)
    return [
        {"subject": subject, "kind": kind, "used": used[subject, kind.letter]}
        for subject in SUBJECTS
        for kind in KINDS.values()
    ]
