"""Fixtures of jobs: the table the test kind writes to, and an app on a database of its own."""

from __future__ import annotations

import pytest

from app.extensions import db
from tests.databases import migrated_app
from tests.jobs.counting_job import Tally, make_table


@pytest.fixture(autouse=True)
def reset_tally(monkeypatch):
    """Reset what the test kind has recorded."""
    monkeypatch.setattr(Tally, "actors", [])
    monkeypatch.setattr(Tally, "ended", [])


@pytest.fixture
def table(session):
    """Make the table; it is rolled back with the test."""
    make_table()


@pytest.fixture
def own_app(database, tmp_path):
    """Give an app on a database of its own, which other threads and processes can see."""
    with migrated_app(database, tmp_path) as app, app.app_context():
        make_table()
        yield app
        db.session.remove()
