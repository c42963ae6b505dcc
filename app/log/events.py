"""What the log says of each event: its own, and those that other rooms add."""

from __future__ import annotations

from typing import Any

from app.log.models import EVENTS
from app.registry import Plug


class EventLabels(Plug):
    """More events of the log (a plug): what it says of each, after the name of who did it."""

    @classmethod
    def labels(cls) -> dict[str, Any]:
        """Return the labels of the events, by the code that ``LogEntry.event`` stores."""
        raise NotImplementedError


def event_labels() -> dict[str, Any]:
    """Return the label of every event, by its code."""
    labels = dict(EVENTS)
    for plug in EventLabels.all():
        labels |= plug.labels()
    return labels
