"""Jobs of custom fields: make and drop indexes, and empty the columns of removed fields."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateIndex, DropIndex

from app.customfields.kinds import COLUMN_PREFIX
from app.customfields.models import CustomField
from app.customfields.slots import custom_index, index_name
from app.jobs.kinds import JobKind, Step
from app.jobs.models import Job
from app.subjects import model_named
from app.types import now


class IndexJob(JobKind):
    """Makes the index that sorts lists by a custom field, or drops it."""

    name = "custom-field-index"
    label = _l("Prepare lists to be sorted by a custom field")

    def step(self, session: Session, job: Job, size: int) -> Step:
        field = session.get(CustomField, job.payload["field_id"])
        if field is not None and field.slot is not None:
            is_wanted = field.is_sortable
            _make_or_drop(session, field, is_wanted=is_wanted)
            # A new version, so that every process registers the field anew.
            session.execute(
                update(CustomField)
                .where(CustomField.id == field.id)
                .values(is_indexed=is_wanted, version=CustomField.version + 1, updated_at=now())
            )
        return Step(cursor=1, count=1, is_last=True)


def _make_or_drop(session: Session, field: CustomField, *, is_wanted: bool) -> None:
    table = model_named(field.subject).__table__
    column = table.c[f"{COLUMN_PREFIX}{field.slot}"]
    index = next(
        (one for one in table.indexes if one.name == index_name(table.name, column.name)), None
    )
    is_new = index is None
    index = index if index is not None else custom_index(column)
    try:
        if session.get_bind().dialect.name != "postgresql":
            _execute(session.connection(), index, is_wanted=is_wanted, concurrently=False)
            return
        # Outside of any transaction, so that nobody waits who writes to the table meanwhile.
        engine: Any = session.get_bind()
        engine = getattr(engine, "engine", engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            _execute(connection, index, is_wanted=is_wanted, concurrently=True)
    finally:
        if is_new:
            table.indexes.discard(index)


def _execute(connection: Connection, index: Any, *, is_wanted: bool, concurrently: bool) -> None:
    if concurrently:
        index.dialect_options["postgresql"]["concurrently"] = True
        # What a killed job has left is not usable.
        connection.execute(DropIndex(index, if_exists=True))
    elif not is_wanted:
        connection.execute(DropIndex(index, if_exists=True))
    if is_wanted:
        connection.execute(CreateIndex(index, if_not_exists=True))


class EmptyJob(JobKind):
    """Deletes the values of a field that was deleted permanently; its slot is free afterwards.

    The log keeps the last values.
    """

    name = "custom-field-empty"
    label = _l("Delete the values of a custom field")

    def step(self, session: Session, job: Job, size: int) -> Step:
        raise NotImplementedError


__all__ = ["EmptyJob", "IndexJob", "func", "select"]
