"""A mail server that sends one byte at a time is given up, and holds nothing else up."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager

import pytest

from app import deadlines
from app.extensions import db
from app.outbox import transport
from app.outbox.delivery import deliver_due
from app.outbox.models import Message
from app.outbox.services import queue_message
from tests.outbox.conftest import connect

# After so many letters the test lets the deadline pass.
LETTERS = 5


class SlowServer:
    """Speak SMTP up to a point; from there on send one letter after the other, without end."""

    def __init__(self, replies: tuple[str, ...], listener: socket.socket) -> None:
        self.replies, self.listener = replies, listener
        self.port = listener.getsockname()[1]
        self.dribbled = threading.Semaphore(0)
        self.closed = threading.Event()

    def run(self) -> None:
        connection, _address = self.listener.accept()
        # Whoever comes again finds nobody.
        self.listener.close()
        with connection:
            connection.settimeout(0.01)
            try:
                for reply in self.replies:
                    connection.sendall(reply.encode())
                    self._receive(connection)
                while True:
                    # Nobody counts seconds: the next letter follows as soon as nothing is read.
                    connection.sendall(b"2")
                    self.dribbled.release()
                    self._receive(connection, is_required=False)
            except OSError:
                self.closed.set()

    @staticmethod
    def _receive(connection: socket.socket, *, is_required: bool = True) -> None:
        while True:
            try:
                if not connection.recv(65536):
                    raise ConnectionResetError
                return
            except TimeoutError:
                if not is_required:
                    return


@contextmanager
def slow_server(*replies: str):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        server = SlowServer(replies, listener)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield server
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def timers(monkeypatch):
    """Let the test decide when the time is up."""
    started: list = []

    class Timer:
        def __init__(self, seconds, function):
            self.seconds, self.function, self.is_cancelled = seconds, function, False
            started.append(self)

        def start(self):
            pass

        def cancel(self):
            self.is_cancelled = True

    monkeypatch.setattr(deadlines.threading, "Timer", Timer)
    return started


def expire_after_some_letters(server: SlowServer, timers: list) -> threading.Thread:
    def wait_and_expire():
        for _each in range(LETTERS):
            assert server.dribbled.acquire(timeout=60)
        [timer] = [it for it in timers if not it.is_cancelled]
        assert timer.seconds == transport.DIALOGUE_SECONDS
        timer.function()

    thread = threading.Thread(target=wait_and_expire)
    thread.start()
    return thread


def queue_one() -> int:
    mail = queue_message(db.session(), "plain")
    db.session.commit()
    return mail.id


@pytest.mark.parametrize(
    ("replies", "state"),
    [
        ((), "queued"),
        (("220 slow\r\n",), "queued"),
        (("220 slow\r\n", "250 slow\r\n", "250 from\r\n"), "queued"),
        (("220 s\r\n", "250 s\r\n", "250 s\r\n", "250 s\r\n", "354 s\r\n"), "failed"),
    ],
    ids=["greeting", "hello", "recipient", "after the mail"],
)
def test_a_dialogue_has_a_deadline(replies, state, app, session, timers, monkeypatch):
    mail_id = queue_one()
    with slow_server(*replies) as server:
        connect(app, monkeypatch, server.port)
        waiting = expire_after_some_letters(server, timers)
        assert +deliver_due(app) == {state: 1}
        waiting.join(60)
        assert server.closed.wait(60)
    mail = db.session.get_one(Message, mail_id)
    assert mail.error == ("timed out" if state == "queued" else "uncertain")
    assert all(timer.is_cancelled for timer in timers)


def test_the_tls_handshake_has_the_deadline_too(app, session, timers, monkeypatch):
    queue_one()
    with slow_server() as server:
        connect(app, monkeypatch, server.port, MAIL_USE_SSL=True)
        monkeypatch.setattr(ssl.SSLContext, "wrap_socket", read_for_ever)
        waiting = expire_after_some_letters(server, timers)
        assert deliver_due(app) == {"queued": 1}
        waiting.join(60)


def read_for_ever(_context, connection, **_more):
    """Do what a handshake does that never ends: read on as long as something comes."""
    while connection.recv(1):
        pass
    connection.close()
    raise ssl.SSLError("the handshake did not end")
