"""Mails survive a process killed with SIGKILL; concurrent deliveries send each one once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.outbox.delivery import LEASE_DURATION, deliver_due
from app.outbox.models import Message
from app.outbox.services import queue_message
from tests.databases import migrated_app
from tests.outbox.conftest import connect
from tests.outbox.smtp_server import smtp_sink

pytestmark = pytest.mark.both_databases

ROOT = Path(__file__).resolve().parents[2]
# Delivers like “flask mails send”, with the e-mail kinds of the tests.
SENDER = """
import sys
import tests.outbox.smtp_server
from app.outbox.delivery import deliver_due
from tests.databases import make_app
from pathlib import Path
app = make_app(
    sys.argv[1], Path(sys.argv[2]), MAIL_SERVER="127.0.0.1", MAIL_PORT=int(sys.argv[3]),
    MAIL_DEFAULT_SENDER=("Padrón", "padron@example.org"),
)
with app.app_context():
    deliver_due(app)
"""


@pytest.fixture
def own_app(database, tmp_path, monkeypatch):
    """Give an app on a database of its own, which other processes can see."""
    with migrated_app(database, tmp_path) as app:
        yield app


def count_by_state() -> dict[str, int]:
    counts = dict(
        db.session.execute(select(Message.state, func.count()).group_by(Message.state)).all()
    )
    db.session.rollback()
    return counts


def test_a_process_killed_while_sending_loses_no_mail(own_app, tmp_path, monkeypatch):
    reached = threading.Event()
    with smtp_sink() as sink, own_app.app_context():

        async def hang(server, session, envelope):
            reached.set()
            await asyncio.sleep(60)

        monkeypatch.setattr(sink, "handle_DATA", hang)
        for kind in ("repeated", "repeated", "plain"):
            queue_message(db.session(), kind)
        db.session.commit()
        url = own_app.config["SQLALCHEMY_DATABASE_URI"]
        killed = subprocess.Popen(
            [sys.executable, "-c", SENDER, url, str(tmp_path), str(sink.port)],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert reached.wait(60)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert count_by_state() == {"queued": 2, "sending": 1}, (
            "the claim was committed before sending"
        )

    with smtp_sink() as sink, own_app.app_context():
        connect(own_app, monkeypatch, sink.port)
        assert deliver_due(own_app) == {"sent": 2}
        for mail in db.session.scalars(select(Message).where(Message.state == "sending")):
            mail.due_at -= LEASE_DURATION + timedelta(seconds=1)
        db.session.commit()
        assert deliver_due(own_app) == {"sent": 1}
        assert count_by_state() == {"sent": 3}
        assert len(sink.accepted) == 3


def test_concurrent_deliveries_send_each_mail_once(own_app, monkeypatch):
    with smtp_sink() as sink:
        connect(own_app, monkeypatch, sink.port)
        with own_app.app_context():
            for number in range(60):
                queue_message(db.session(), "plain", data={"to_address": f"m{number}@example.org"})
            db.session.commit()
        errors: list[Exception] = []

        def deliver():
            try:
                with own_app.app_context():
                    deliver_due(own_app)
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=deliver) for _each in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert errors == []
        assert sorted(sink.recipients()) == sorted(f"m{n}@example.org" for n in range(60))
        with own_app.app_context():
            assert count_by_state() == {"sent": 60}
