"""Periodic task: delete the values of fields that were removed long ago."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from flask import Flask
from flask_babel import gettext as _
from sqlalchemy import select

from app.customfields.conversion import close_old_conversions
from app.customfields.models import CustomField
from app.extensions import db
from app.i18n.localized import localize
from app.jobs.services import enqueue
from app.periodic import PeriodicTask
from app.security.actor import SYSTEM
from app.types import now

# For so long a removed field can be restored with its values.
KEPT_FOR = timedelta(days=30)


def _title(field: CustomField) -> str:
    return _("Delete the values of “%(field)s”", field=field.label)


class EmptyRemovedFields(PeriodicTask):
    """Start a job for each field that was removed more than 30 days ago."""

    interval_seconds = 3600

    def run(self, app: Flask) -> None:
        """Start them; a field that was restored and removed again gets another job."""
        query = select(CustomField).where(
            CustomField.trashed_at < now() - KEPT_FOR, CustomField.slot.is_not(None)
        )
        for field in db.session.scalars(query.execution_options(with_trash=True)):
            enqueue(
                db.session(),
                "custom-field-empty",
                {"field_id": field.id},
                SYSTEM,
                title=localize(partial(_title, field)),
                key=f"custom-field-empty-{field.id}-{field.version}",
            )
        close_old_conversions(db.session(), SYSTEM)
        db.session.commit()
