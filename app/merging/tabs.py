"""Show on the log tab which merge an entry was part of, and what the log calls merging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.crud.screens import find_screen
from app.crud.tabs import LogOrigins, Origin
from app.log.events import EventLabels
from app.log.models import LogEntry
from app.merging.models import Merge
from app.merging.queries import rows_of
from app.security.actor import current_actor
from app.subjects import model_named


class MergeEvents(EventLabels):
    """Two rows were merged, or are two again."""

    @classmethod
    def labels(cls) -> dict[str, Any]:
        return {
            "merged": _l("merged another one into this"),
            "merged_into": _l("merged this into another one"),
            "unmerged": _l("undid the merge"),
        }


class MergeOrigins(LogOrigins):
    """Entries that a merge, or its undoing, has written."""

    @classmethod
    def of(cls, session: Session, entries: Sequence[LogEntry]) -> dict[int, Origin]:
        numbers = {entry.operation_id for entry in entries if entry.operation_id is not None}
        if not numbers:
            return {}
        merges = session.scalars(select(Merge).where(Merge.operation_id.in_(numbers)))
        origins = {merge.operation_id: _origin(session, merge) for merge in merges}
        found = ((entry.id, origins.get(entry.operation_id or 0)) for entry in entries)
        return {number: origin for number, origin in found if origin is not None}


def _origin(session: Session, merge: Merge) -> Origin:
    model = model_named(merge.subject_type)
    screen = None if model is None else find_screen(model)
    survivor, merged = rows_of(session, model, merge, current_actor())
    if survivor is None or merged is None or screen is None:
        return Origin(_("By merging two into one"))
    text = _("By merging “%(name)s” into “%(survivor)s”", name=str(merged), survivor=str(survivor))
    url = f"{screen.route_base}/merged/{merge.id}" if screen.can("can_show") else ""
    return Origin(text, url)
