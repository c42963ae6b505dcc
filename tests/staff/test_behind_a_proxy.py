"""The server of “serve”: the client's address with and without a proxy."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

from app.webserver import make_server
from tests.servers import running


@pytest.mark.parametrize(
    ("proxies", "address"), [(0, "127.0.0.1"), (1, "198.51.100.7"), (2, "192.0.2.1")]
)
def test_forwarded_addresses_are_trusted_from_the_configured_proxies_only(proxies, address):
    app = Flask("house")
    app.config.update(THREADS=1, PROXIES=proxies, MAX_CONTENT_LENGTH=1000)
    app.add_url_rule("/", view_func=lambda: request.remote_addr)
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, proxies)
    listener = socket.create_server(("127.0.0.1", 0))
    server, port = make_server(app, listener), listener.getsockname()[1]
    headers = {"X-Forwarded-For": "203.0.113.9, 192.0.2.1, 198.51.100.7"}
    with running(server):
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/", headers=headers)
        with urllib.request.urlopen(asked, timeout=10) as reply:
            assert reply.read().decode() == address
