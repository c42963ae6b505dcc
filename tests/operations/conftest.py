"""Fixtures of collective actions."""

from __future__ import annotations

import pytest

from app.crud.actions import ListAction
from tests.operations.sample_actions import made_up


@pytest.fixture
def plugs(monkeypatch):
    """Give actions of the test's own, by name; the program forgets them afterwards."""
    monkeypatch.setattr(ListAction, "_registered", [*ListAction._registered])
    return made_up()
