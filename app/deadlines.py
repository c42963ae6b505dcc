"""A deadline for a whole dialogue over the network.

The time-out of a socket counts from the last byte: a server that sends one byte at a time is
never too late for it. This deadline counts from the beginning, whatever arrives meanwhile.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ConnectionDeadline:
    """Cut a connection that is still in the middle of a dialogue when its time is up.

    Whoever waits for the other side then gets an error, as if it had hung up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        # True once it was this deadline that cut the connection.
        self.has_expired = False

    def watch(self, connection: socket.socket) -> None:
        """Watch a connection that was just made, before TLS begins on it."""
        with self._lock:
            # TLS takes the socket over; a duplicate still reaches the same connection.
            self._socket = connection.dup()
            if self.has_expired:
                self._cut()

    def release(self) -> None:
        """Watch the connection no longer."""
        with self._lock:
            duplicate, self._socket = self._socket, None
        if duplicate is not None:
            duplicate.close()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give the block this many seconds in all."""
        timer = threading.Timer(seconds, self.expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def expire(self) -> None:
        """Cut the connection now."""
        with self._lock:
            self.has_expired = True
            self._cut()

    def _cut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
