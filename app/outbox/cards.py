"""Cards of the start page about the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from flask import url_for

from app.crud.startpage import Todo, TodoEntry
from app.i18n.counted import Counted
from app.outbox.models import Message
from app.outbox.views import OutboxView
from app.security.actor import current_actor
from app.security.rights import has_permission
from app.security.scope import visible
from app.types import now

# How long a failed message stays something to be done.
FAILED_DAYS = 14


class FailedMessagesTodo(Todo):
    """Messages that could not be sent."""

    icon = "envelope-exclamation"
    order = 20
    words = Counted("%(num)s message could not be sent", "%(num)s messages could not be sent")

    @classmethod
    def is_allowed(cls) -> bool:
        return has_permission("can_outbox", OutboxView.__name__)

    @classmethod
    def entries(cls) -> Sequence[TodoEntry]:
        query = visible(Message, current_actor()).with_only_columns(Message.id)
        query = query.where(
            Message.state == "failed", Message.created_at > now() - timedelta(days=FAILED_DAYS)
        )
        url = url_for(f"{OutboxView.__name__}.outbox", part="failed")
        return [TodoEntry(query, cls.words, url)]
