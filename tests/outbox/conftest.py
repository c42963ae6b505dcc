"""Fixtures of mails: a mail server, and an app that sends to it."""

from __future__ import annotations

import pytest

from app.extensions import mail
from tests.outbox.smtp_server import smtp_sink


def connect(app, monkeypatch, port: int, **more) -> None:
    """Make an app send its mails to a local port."""
    settings = {
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": port,
        "MAIL_USE_TLS": False,
        "MAIL_DEFAULT_SENDER": ("Federación de Muestra", "padron@example.org"),
    } | more
    for name, value in settings.items():
        monkeypatch.setitem(app.config, name, value)
    monkeypatch.setitem(app.extensions, "mail", mail.init_mail(app.config))


@pytest.fixture
def sink(app, monkeypatch):
    """Give a mail server that the app sends to."""
    with smtp_sink() as sink:
        connect(app, monkeypatch, sink.port)
        yield sink
