"""Jobs of custom fields: make and drop indexes, and empty the columns of removed fields."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.customfields.conversion import empty_rows, fill, prepare_options, sweep_late
from app.customfields.indexes import refresh_indexes
from app.customfields.kinds import COLUMN_PREFIX, KINDS
from app.customfields.models import CustomConversion, CustomField
from app.customfields.services import enqueue_indexing
from app.errors import DomainError
from app.fieldtypes import to_json
from app.jobs.kinds import JobKind, Step
from app.jobs.models import Job
from app.log.services import record_many
from app.security.actor import current_actor
from app.storage.models import key_of
from app.storage.services import release_files
from app.subjects import model_named
from app.types import now


class IndexJob(JobKind):
    """Makes the indexes that sort lists by custom fields, and drops those that none needs."""

    name = "custom-field-index"
    label = _l("Prepare lists to be sorted by a custom field")

    def step(self, session: Session, job: Job, size: int) -> Step:
        refresh_indexes(session, job.payload["subject"])
        return Step(cursor=1, count=1, is_last=True)


class EmptyJob(JobKind):
    """Deletes the values of a field that was removed long ago; its slot is free afterwards.

    The log keeps the last value of each row. If the field was restored meanwhile, nothing more is
    deleted.
    """

    name = "custom-field-empty"
    label = _l("Delete the values of a removed custom field")

    def step(self, session: Session, job: Job, size: int) -> Step:
        query = select(CustomField).where(CustomField.id == job.payload["field_id"])
        field = session.scalar(query.with_for_update().execution_options(with_trash=True))
        if field is None or field.slot is None or field.trashed_at is None:
            return Step(job.cursor, 0, is_last=True)
        model = model_named(field.subject)
        table = model.__table__
        column = table.c[f"{COLUMN_PREFIX}{field.slot}"]
        chosen = (
            select(model, column.label("value"))
            .where(table.c.id > job.cursor, column.is_not(None))
            .order_by(table.c.id)
            .limit(size)
            .with_for_update(of=table)
            .execution_options(with_trash=True)
        )
        rows = session.execute(chosen).all()
        entries = [
            {
                "subject_id": row.id,
                "subject_name": str(row),
                "version": row.version,
                "changes": {field.name: [to_json(value), None]},
            }
            for row, value in rows
        ]
        ids = [row.id for row, _value in rows]
        if ids:
            session.execute(update(table).where(table.c.id.in_(ids)).values({column: None}))
            if KINDS[field.kind].is_file:
                release_files(session, {key_of(value) for _row, value in rows})
            record_many(session, "changed", field.subject, entries, current_actor())
        is_last = len(rows) < size
        if is_last:
            if field.is_sortable:
                enqueue_indexing(session, field, current_actor())
            # Written past the session: nothing of this is in its definition's log.
            session.execute(
                update(CustomField.__table__)
                .where(CustomField.__table__.c.id == field.id)
                .values(slot=None, is_emptied=True, version=field.version + 1, updated_at=now())
            )
        return Step(ids[-1] if ids else job.cursor, len(rows), is_last=is_last)


class ConvertJob(JobKind):
    """Fills the new slot of a field that is converted; then somebody decides."""

    name = "custom-field-convert"
    label = _l("Convert a custom field")
    template = "customfields/conversion_job.html"

    def begin(self, session: Session, job: Job) -> None:
        conversion = session.get(CustomConversion, job.payload["conversion_id"])
        if conversion is None or conversion.state != "filling":
            raise DomainError(_("This has been decided already."))
        if job.cursor == 0:
            prepare_options(session, conversion)

    def step(self, session: Session, job: Job, size: int) -> Step:
        conversion = session.get(CustomConversion, job.payload["conversion_id"])
        assert conversion is not None
        table = model_named(conversion.field.subject).__table__
        column = table.c[f"{COLUMN_PREFIX}{conversion.from_slot}"]
        query = select(table.c.id).where(table.c.id > job.cursor, column.is_not(None))
        ids = list(session.scalars(query.order_by(table.c.id).limit(size)))
        fits, misfits = fill(session, conversion, ids)
        conversion.fits += fits
        conversion.misfits += misfits
        is_last = len(ids) < size
        if is_last:
            conversion.state = "filled"
        return Step(ids[-1] if ids else job.cursor, len(ids), is_last=is_last)

    @classmethod
    def content(cls, session: Session, job: Job) -> dict[str, Any]:
        return {"conversion": session.get(CustomConversion, job.payload["conversion_id"])}


class SweepJob(JobKind):
    """Converts what other processes have saved in the moment of a conversion."""

    name = "custom-field-sweep"
    label = _l("Convert a custom field")

    def step(self, session: Session, job: Job, size: int) -> Step:
        conversion = session.get(CustomConversion, job.payload["conversion_id"])
        if conversion is not None and conversion.state == "converted":
            sweep_late(session, conversion)
        return Step(1, 1, is_last=True)


class EmptySlotJob(JobKind):
    """Empties the slot that a conversion uses no more; its field keeps its values in the other."""

    name = "custom-slot-empty"
    label = _l("Free a column of a custom field")

    def step(self, session: Session, job: Job, size: int) -> Step:
        conversion = session.get(CustomConversion, job.payload["conversion_id"])
        if conversion is None or conversion.field.slot == job.payload["slot"]:
            return Step(job.cursor, 0, is_last=True)
        ids = empty_rows(session, conversion.field, job.payload["slot"], job.cursor, size)
        is_last = len(ids) < size
        if is_last:
            conversion.state = "closed"
        return Step(ids[-1] if ids else job.cursor, len(ids), is_last=is_last)
