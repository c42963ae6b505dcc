"""A merged row is not restored alone."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_

from app.merging.models import Mergeable
from app.states.rules import Rule


class MergedRowsStayInTheTrash(Rule):
    """A merged row comes back by undoing the merge, and with it what it had."""

    model = Mergeable
    message = _l("This was merged into another one. Undo the merge to restore it.")

    def broken(self, row: Any) -> ColumnElement[bool]:
        return and_(row.merged_into_id.is_not(None), row.trashed_at.is_(None))
