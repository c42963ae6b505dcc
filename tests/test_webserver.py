"""Clients that never finish neither hold up the others nor stay for ever."""

from __future__ import annotations

import resource
import socket
import threading
from contextlib import ExitStack, contextmanager

import pytest
from flask import Flask, Response

from app import webserver
from app.webserver import (
    FRESH_BUFFER_BYTES,
    GRACE_SECONDS,
    HEADER_SECONDS,
    IDLE_SECONDS,
    MAX_CONNECTIONS,
    MAX_CONNECTIONS_PER_ADDRESS,
    MIN_BYTES_PER_SECOND,
    make_server,
    network_of,
)
from tests import servers

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
BEGINNING = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
LARGE = 30_000_000


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.moment = 0.0

    def __call__(self) -> float:
        return self.moment


class Served:
    """A small application, served as “serve” does it."""

    def __init__(self, **config) -> None:
        self.app = Flask("small")
        self.app.config.update(
            {"THREADS": 2, "PROXIES": 0, "MAX_CONTENT_LENGTH": 50_000_000} | config
        )
        self.asked, self.may_reply = threading.Event(), threading.Event()
        for rule, view in (
            ("/healthz", lambda: "well"),
            ("/large", lambda: b"x" * LARGE),
            ("/slow", self._reply_late),
            # As an export: block by block.
            ("/blocks", lambda: Response(b"x" * 2**20 for _block in range(30))),
        ):
            self.app.add_url_rule(rule, rule, view, methods=["GET", "POST"])
        self.clock = Clock()
        self.listener = socket.create_server(("0.0.0.0", 0))
        self.port = self.listener.getsockname()[1]
        self.server = make_server(self.app, self.listener, clock=self.clock, cleanup_interval=0)
        self.stack = ExitStack()

    def _reply_late(self):
        self.asked.set()
        assert self.may_reply.wait(60)
        return "y" * LARGE

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), 5, (source, 0))
        return self.stack.enter_context(client)

    def ask(self, client: socket.socket | None = None, request: bytes = REQUEST) -> bytes:
        """Return a whole small reply, or what came until the server hung up."""
        client = client or self.connect()
        reply = b""
        try:
            client.sendall(request)
            while not reply.endswith(b"well") and (data := client.recv(65536)):
                reply += data
        except ConnectionError:
            pass
        return reply

    def pass_time(self, seconds: float) -> None:
        """Set the clock forward and wait until the server has looked at it."""
        self.clock.moment += seconds
        assert self.ask().endswith(b"well")

    def wait_until(self, condition) -> None:
        """Let the server work, the clock standing still, until the condition is true."""
        while not condition():
            self.pass_time(0)

    def channel_of(self, client: socket.socket):
        """Return the server's side of a connection, as soon as it has accepted it."""
        address = client.getsockname()
        for _each in range(1_000):
            for channel in list(self.server.active_channels.values()):
                if channel.addr == address:
                    return channel
            self.pass_time(0)
        raise AssertionError("the server has closed it")

    def is_closed(self, client: socket.socket) -> bool:
        """Wait for what the server sends; True if it has hung up."""
        try:
            return client.recv(1) == b""
        except ConnectionError:
            return True


@pytest.fixture
def served():
    served = Served()
    with served.stack, servers.running(served.server):
        yield served


def test_150_clients_that_dribble_hold_nobody_up(served):
    dribblers = [served.connect() for _each in range(150)]
    for _letter in range(3):
        for client in dribblers:
            client.sendall(BEGINNING)
    assert served.ask().endswith(b"well")
    assert len(served.server.active_channels) > 150


def test_a_header_has_a_deadline_whatever_arrives_meanwhile(served):
    slow = served.connect()
    served.pass_time(0)
    slow.sendall(BEGINNING)
    for _letter in range(4):
        served.pass_time(HEADER_SECONDS / 4)
        slow.sendall(b"z")
    assert served.ask().endswith(b"well")
    served.pass_time(0.1)
    assert served.is_closed(slow)


@pytest.mark.parametrize("line", [b"", b"\r\n"], ids=["silent", "empty lines"])
def test_the_deadline_begins_when_somebody_connects(line, served):
    silent = served.connect()
    served.pass_time(0)
    for _each in range(4):
        silent.sendall(line)
        served.pass_time(HEADER_SECONDS / 4)
    served.pass_time(0.1)
    assert served.is_closed(silent)


def test_a_connection_is_kept_for_further_requests(served):
    client = served.connect()
    for _request in range(3):
        assert served.ask(client).endswith(b"well")
        served.pass_time(IDLE_SECONDS - 1)
    assert served.ask(client).endswith(b"well")
    served.pass_time(IDLE_SECONDS - 1)
    client.sendall(b"G")
    served.wait_until(lambda: served.channel_of(client)._header_since is not None)
    served.pass_time(HEADER_SECONDS - 1)
    assert served.ask(client, REQUEST[1:]).endswith(b"well")
    served.wait_until(lambda: not served.channel_of(client).is_busy())
    served.pass_time(IDLE_SECONDS + 1)
    assert served.is_closed(client)


def test_the_header_of_a_later_request_has_the_same_deadline(served):
    client = served.connect()
    assert served.ask(client).endswith(b"well")
    client.sendall(b"GET")
    served.wait_until(lambda: served.channel_of(client)._header_since is not None)
    for _letter in range(4):
        served.pass_time(HEADER_SECONDS / 4)
        client.sendall(b"z")
    served.pass_time(0.1)
    assert served.is_closed(client)


def test_a_body_may_take_its_time_but_not_dribble(served):
    size = 200_000
    header = b"POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % size
    slow, steady = served.connect(), served.connect()
    for client in (slow, steady):
        client.sendall(header)
        served.wait_until(lambda: served.channel_of(client)._body_since is not None)  # noqa: B023
    slow.sendall(b"b")
    part = size // 4
    for number in range(1, 4):
        steady.sendall(b"b" * part)
        served.wait_until(lambda: served.channel_of(steady)._bytes >= number * part)  # noqa: B023
        served.pass_time(part / MIN_BYTES_PER_SECOND)
    assert served.is_closed(slow)
    assert served.ask(steady, b"b" * (size - 3 * part)).endswith(b"well")


# waitress leaves the file of a large reply to the garbage collector.
unclosed_file = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@unclosed_file
def test_whoever_reads_nothing_of_a_reply_is_left(served):
    client = served.connect()
    client.sendall(REQUEST.replace(b"/healthz", b"/large"))
    assert client.recv(1) == b"H"
    channel = served.channel_of(client)
    # The client does not read, so this much cannot become nothing again.
    served.wait_until(lambda: channel.total_outbufs_len > LARGE / 4)
    served.wait_until(lambda: channel._reply_since is not None)
    served.pass_time(GRACE_SECONDS * 10 + LARGE / MIN_BYTES_PER_SECOND)
    received = 1
    try:
        while data := client.recv(1_000_000):
            received += len(data)
    except ConnectionError:
        pass
    assert received < LARGE


def test_a_thread_does_not_wait_for_whoever_reads_a_large_reply_slowly(served):
    readers = [served.connect() for _thread in range(served.app.config["THREADS"] + 1)]
    for reader in readers:
        reader.sendall(REQUEST.replace(b"/healthz", b"/blocks"))
        assert reader.recv(4) == b"HTTP"
    assert served.ask().endswith(b"well")
    # What waited for them is given up with the connection.
    channels = [served.channel_of(reader) for reader in readers]
    for reader in readers:
        reader.close()
    served.wait_until(lambda: not any(channel.connected for channel in channels))


def test_what_a_reader_has_read_of_a_long_reply_is_forgotten(served):
    client = served.connect()
    client.sendall(REQUEST)
    assert client.recv(1) == b"H"
    channel, part = served.channel_of(client), b"x" * 2**18
    served.wait_until(lambda: not channel.is_busy())
    # As while a thread answers: otherwise the server sends without the lock of the buffers.
    channel.requests = [None]
    for _part in range(20):
        channel.write_soon(part)
        left = len(part)
        while left > 0:
            left -= len(client.recv(left))
        served.wait_until(lambda: not channel.total_outbufs_len)
    channel.requests = []
    assert channel.current_outbuf_count <= FRESH_BUFFER_BYTES + len(part)


def test_an_address_may_have_only_so_many_connections(served):
    served.server.per_address = 5
    dribblers = [served.connect() for _each in range(5)]
    for client in dribblers:
        client.sendall(BEGINNING)
    other = served.connect("127.0.0.2")
    assert served.ask(other).endswith(b"well")
    assert served.ask() == b"", "the sixth of this address"
    served.clock.moment += HEADER_SECONDS + 1
    assert served.ask(other).endswith(b"well")
    assert all(served.is_closed(client) for client in dribblers)
    assert served.ask().endswith(b"well")


def test_a_proxy_is_one_address_for_everybody():
    served = Served(PROXIES=1)
    with served.stack, servers.running(served.server):
        assert served.server.per_address is None
    direct = Served()
    with direct.stack, servers.running(direct.server):
        assert direct.server.per_address == MAX_CONNECTIONS_PER_ADDRESS > 105


def test_a_network_of_ipv6_counts_as_one_address():
    assert network_of("2001:db8::1") == network_of("2001:db8::2:3")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") != network_of("192.0.2.2")


@contextmanager
def running_until_stopped(served: Served):
    thread = threading.Thread(target=served.server.run)
    thread.start()
    try:
        yield thread
    finally:
        served.server.request_stop()
        thread.join(60)
        served.server.asyncore.close_all(served.server._map)


@unclosed_file
def test_a_reply_that_is_being_made_is_sent_before_the_server_ends():
    served = Served()
    with served.stack, running_until_stopped(served) as thread:
        client = served.connect()
        client.sendall(REQUEST.replace(b"/healthz", b"/slow"))
        assert served.asked.wait(60)
        served.server.request_stop()
        served.may_reply.set()
        received = 0
        while received < LARGE and (data := client.recv(1_000_000)):
            received += data.count(b"y")
        thread.join(60)
        assert not thread.is_alive()
        assert received >= LARGE


@pytest.mark.parametrize(
    ("limits", "raised_to", "connections"),
    [
        ((1_024, 20_000), 2_300, 2_000),
        ((1_024, resource.RLIM_INFINITY), 2_300, 2_000),
        ((20_000, 20_000), None, 2_000),
        ((512, 1_024), 1_024, 724),
        ((1_024, 1_024), 1_024, 724),
        ((256, 256), 256, 50),
    ],
)
def test_the_limit_of_open_files_is_raised(limits, raised_to, connections, monkeypatch, caplog):
    raised = []
    monkeypatch.setattr(webserver.resource, "getrlimit", lambda _which: limits)
    monkeypatch.setattr(
        webserver.resource, "setrlimit", lambda _which, pair: raised.append(pair[0])
    )
    assert webserver.connection_limit() == connections
    assert raised == ([] if raised_to is None else [raised_to])
    assert ("LimitNOFILE" in caplog.text) is (connections < MAX_CONNECTIONS)
