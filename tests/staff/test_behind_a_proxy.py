"""The server of “serve”: the client's address with and without a proxy."""

from __future__ import annotations

import socket
import urllib.request

import pytest
import waitress
from flask import Flask, request
from waitress.server import create_server
from werkzeug.middleware.proxy_fix import ProxyFix

from app.staff import commands
from tests.servers import running


def start_server(app: Flask, monkeypatch):
    """Run the WSGI application as “serve” configures it, in a thread."""
    monkeypatch.setattr(commands.signal, "signal", lambda *_args: None)
    monkeypatch.setattr(commands.gc, "freeze", lambda: None)
    for name in ("start", "stop"):
        monkeypatch.setattr(commands.PeriodicTaskThread, name, lambda _self: None)
    kept = {}
    monkeypatch.setattr(waitress, "serve", lambda app, **how: kept.update(how, application=app))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    commands._serve(app, listener)
    return create_server(kept.pop("application"), **kept), listener.getsockname()[1]


@pytest.mark.parametrize(
    ("proxies", "address"), [(0, "127.0.0.1"), (1, "198.51.100.7"), (2, "192.0.2.1")]
)
def test_forwarded_addresses_are_trusted_from_the_configured_proxies_only(
    proxies, address, monkeypatch
):
    app = Flask("house")
    app.config.update(THREADS=1, PROXIES=proxies, MAX_CONTENT_LENGTH=1000)
    app.config.update(REDIS_URL=None, JOB_QUEUE_ENABLED=False, WORKERS=0)
    app.add_url_rule("/", view_func=lambda: request.remote_addr)
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, proxies)
    server, port = start_server(app, monkeypatch)
    headers = {"X-Forwarded-For": "203.0.113.9, 192.0.2.1, 198.51.100.7"}
    with running(server):
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/", headers=headers)
        with urllib.request.urlopen(asked, timeout=10) as reply:
            assert reply.read().decode() == address
