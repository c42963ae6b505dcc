"""Fixtures of mails: a server that takes them, a program that sends them there."""

from __future__ import annotations

import pytest

from app.extensions import mail
from tests.mails.smtp_server import smtp_sink


def connect(app, monkeypatch, port: int, **more) -> None:
    """Let a program send its mails to a port of this machine."""
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
    """Give a mail server, and let the program send its mails there."""
    with smtp_sink() as sink:
        connect(app, monkeypatch, sink.port)
        yield sink
