"""Whoever watches over the program can ask whether it is well."""

from __future__ import annotations

from sqlalchemy.exc import OperationalError

from app.extensions import db
from config import VERSION


def test_a_well_program_says_so_to_everybody(app, client_as):
    reply = client_as(None).get("/healthz")
    dialect = db.engine.dialect.name
    assert reply.get_json() == {"status": "ok", "database": dialect, "version": VERSION}


def test_without_its_database_it_says_that_it_is_not(client_as, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    browser = client_as(None)
    monkeypatch.setattr(db.session, "execute", fail)
    reply = browser.get("/healthz")
    assert reply.status_code == 503
    assert reply.get_json()["status"] == "error"
    assert "gone" not in reply.text
