"""The health check for monitoring."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from app.extensions import db
from config import VERSION

pytestmark = pytest.mark.both_databases


def test_health_is_public_and_reports_status_database_and_version(app, client_as):
    reply = client_as(None).get("/healthz")
    dialect = db.engine.dialect.name
    assert reply.get_json() == {"status": "ok", "database": dialect, "version": VERSION}


def test_health_is_503_without_the_database(client_as, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    browser = client_as(None)
    monkeypatch.setattr(db.session, "execute", fail)
    reply = browser.get("/healthz")
    assert reply.status_code == 503
    assert reply.get_json()["status"] == "error"
    assert "gone" not in reply.text
