"""Fixtures of collective actions."""

from __future__ import annotations

import pytest

from app.crud.actions import ListAction
from tests.operations.sample_actions import make_sample_actions


@pytest.fixture
def plugs(monkeypatch):
    """Give the sample actions by name; they are unregistered afterwards."""
    monkeypatch.setattr(ListAction, "_registered", [*ListAction._registered])
    return make_sample_actions()
