"""Fixtures of jobs: a table to count in, and a program other threads and processes see."""

from __future__ import annotations

import pytest

from app.extensions import db
from tests.databases import BOTH, migrated_app
from tests.jobs.counting_job import Tally, make_table


@pytest.fixture(autouse=True)
def plain_tally(monkeypatch):
    """Let each test begin with a kind that only counts."""
    monkeypatch.setattr(Tally, "actors", [])
    monkeypatch.setattr(Tally, "ended", [])


@pytest.fixture
def table(session):
    """Make the table, undone with everything else."""
    make_table()


@pytest.fixture(params=BOTH)
def own_app(request, tmp_path):
    """Give a program over a database of its own, which other threads and processes can see."""
    with migrated_app(request.param, tmp_path) as app, app.app_context():
        make_table()
        yield app
        db.session.remove()
