"""The web server of ``serve``: waitress, with limits against clients that never finish.

A thread is taken only once a request is complete. Until then a client costs a connection, and
how many of those there are, and for how long one may be kept without finishing, is limited here.
waitress itself counts the time of a connection from the last byte, so that one byte now and then
keeps it for ever.
"""

from __future__ import annotations

import ipaddress
import logging
import resource
import socket
from collections.abc import Callable
from functools import lru_cache
from time import monotonic

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 2_000
# Of these, how many may come from one address; a proxy in front is one address for everybody.
MAX_CONNECTIONS_PER_ADDRESS = 200
# File descriptors of a process for everything else: databases, uploads, temporary files.
OTHER_FILES = 300
# How long a client may take to send the header of a request, from the first byte on.
HEADER_SECONDS = 20.0
# How long a connection is kept between two requests.
IDLE_SECONDS = 120.0
# A body, and whoever reads a reply, must reach this rate on average after a while.
GRACE_SECONDS = 30.0
MIN_BYTES_PER_SECOND = 2_000
# How much of a reply waits (on disk) for a slow reader, before the thread that makes it waits too.
REPLY_BUFFER_BYTES = 64 * 2**20
# After so many bytes a buffer that its reader keeps up with is replaced.
FRESH_BUFFER_BYTES = 2**20
# How long the current requests may take once the server is asked to stop.
STOP_SECONDS = 5.0


class LimitedChannel(HTTPChannel):
    """One connection, which knows for how long it has been waiting for what."""

    server: LimitedServer
    current_outbuf_count: int

    def __init__(self, server: LimitedServer, *args, **more) -> None:
        moment = server.clock()
        # When the client was last waiting for us, or connected.
        self._idle_since = moment
        # When the header, the body or the reading of a reply began, if that goes on now. The
        # first header is waited for as soon as somebody connects.
        self._header_since: float | None = moment
        self._body_since: float | None = None
        self._reply_since: float | None = None
        self._bytes = 0
        super().__init__(server, *args, **more)

    def received(self, data: bytes) -> bool:
        """Note what has begun."""
        result = super().received(data)
        request = self.request
        # None after a complete request, and after an empty line, which begins nothing.
        if request is not None:
            moment = self.server.clock()
            if not request.headers_finished:
                if self._header_since is None:
                    self._header_since = moment
            elif self._body_since is None:
                self._header_since, self._body_since, self._bytes = None, moment, 0
            else:
                self._bytes += len(data)
        return result

    def note_complete(self) -> None:
        """Note that a request is complete."""
        self._header_since = self._body_since = None
        self._idle_since = self.server.clock()

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Count what the client has taken."""
        count = super().send(data, do_close)
        if self._reply_since is not None:
            self._bytes += count
        return count

    def write_soon(self, data: bytes) -> int:
        """Write a part of a reply; begin a new buffer if the last one is read to its end almost.

        waitress moves a buffer to disk for what waits in it, and forgets nothing that was read:
        the buffer of a fast reader would grow to REPLY_BUFFER_BYTES in memory.
        """
        if self.current_outbuf_count >= FRESH_BUFFER_BYTES > self.total_outbufs_len:
            self.current_outbuf_count = self.adj.outbuf_high_watermark
        return super().write_soon(data)

    def writable(self) -> bool:
        """Return False once closed: the number of the closed file may be another's by then."""
        return self._fileno is not None and super().writable()

    def is_overdue(self) -> bool:
        """Return True if the client takes too long with what it does now."""
        moment = self.server.clock()
        if self.total_outbufs_len:
            if self._reply_since is None:
                self._reply_since, self._bytes = moment, 0
            self._idle_since = moment
            return self._is_too_slow(moment - self._reply_since)
        self._reply_since = None
        if self.requests:
            # The client waits for us.
            self._idle_since = moment
            return False
        if self._body_since is not None:
            return self._is_too_slow(moment - self._body_since)
        if self._header_since is not None:
            return moment - self._header_since > HEADER_SECONDS
        return moment - self._idle_since > IDLE_SECONDS

    def _is_too_slow(self, seconds: float) -> bool:
        return seconds > GRACE_SECONDS + self._bytes / MIN_BYTES_PER_SECOND

    def is_busy(self) -> bool:
        """Return True while a request is being answered or its reply is being sent."""
        return bool(self.requests or self.total_outbufs_len)


class LimitedServer(TcpWSGIServer):
    """waitress with a limit per address, deadlines, and an end that finishes what it began."""

    channel_class = LimitedChannel

    def __init__(self, *args, per_address: int | None, clock: Callable[[], float], **more):
        self.per_address, self.clock = per_address, clock
        self._is_stopping = False
        super().__init__(*args, **more)

    def add_task(self, task: LimitedChannel) -> None:
        """Have a thread answer the complete request of a connection."""
        task.note_complete()
        super().add_task(task)

    def accept(self):
        """Accept a connection; close it at once if its address has too many."""
        accepted = super().accept()
        if accepted is None:
            return None
        connection, address = accepted
        if self._has_too_many(address[0]):
            connection.close()
            return None
        return connection, address

    def _has_too_many(self, host: str) -> bool:
        channels = list(self.active_channels.values())
        if self.per_address is None or len(channels) < self.per_address:
            return False
        own = network_of(host)
        return sum(network_of(it.addr[0]) == own for it in channels) >= self.per_address

    def maintenance(self, now: float) -> None:
        """Close the connections of clients that take too long; waitress calls this regularly."""
        for channel in list(self.active_channels.values()):
            if channel.is_overdue():
                # At once: a client that reads nothing would keep waitress from closing it.
                channel.will_close = True
                channel.handle_close()

    def request_stop(self) -> None:
        """End ``run`` soon; a signal handler may call this."""
        self._is_stopping = True
        self.pull_trigger()

    def run(self) -> None:
        """Serve until ``request_stop``; then finish the current requests and send their replies."""
        try:
            while not self._is_stopping:
                self._serve_for(self.adj.asyncore_loop_timeout)
        except (SystemExit, KeyboardInterrupt):
            pass
        self.accepting = False
        deadline = monotonic() + STOP_SECONDS
        while any(it.is_busy() for it in list(self.active_channels.values())):
            if monotonic() > deadline:
                break
            self._serve_for(0.1)
        self.task_dispatcher.shutdown(timeout=max(0.1, deadline - monotonic()))

    def _serve_for(self, seconds: float) -> None:
        self.asyncore.loop(timeout=seconds, map=self._map, use_poll=True, count=1)


@lru_cache(maxsize=4_096)
def network_of(host: str) -> str:
    """Return the address, or for IPv6 the /64 network that one household or office has."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def connection_limit() -> int:
    """Return how many connections a process may have; raise its limit of open files for them."""
    wanted = MAX_CONNECTIONS + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < wanted:
            logger.warning(
                "This process may open %d files only: %d connections at a time. Allow %d files "
                "(“ulimit -n”, or LimitNOFILE with systemd) for %d connections.",
                soft,
                max(50, soft - OTHER_FILES),
                wanted,
                MAX_CONNECTIONS,
            )
            return max(50, soft - OTHER_FILES)
    return MAX_CONNECTIONS


def make_server(
    app: Flask, listener: socket.socket, *, clock: Callable[[], float] = monotonic, **more
) -> LimitedServer:
    """Return the server of an application on a socket that listens already; ``run`` it."""
    # waitress warns about every request that has to queue.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    proxies = app.config["PROXIES"]
    return LimitedServer(
        app,
        per_address=None if proxies else MAX_CONNECTIONS_PER_ADDRESS,
        clock=clock,
        _sock=listener,
        bind_socket=False,
        sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
        threads=app.config["THREADS"],
        ident=None,
        max_request_body_size=app.config["MAX_CONTENT_LENGTH"],
        outbuf_high_watermark=REPLY_BUFFER_BYTES,
        # Behind a proxy its headers are needed: otherwise all users share its address, and one
        # who mistypes a password is throttled for all. Else they are not trusted.
        clear_untrusted_proxy_headers=not proxies,
        **{"connection_limit": connection_limit(), "cleanup_interval": 1} | more,
    )
