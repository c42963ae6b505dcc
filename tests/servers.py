"""Run a web server in a thread of the test process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def running(server: Any) -> Iterator[None]:
    """Run a waitress server in another thread during the block; close it after that thread ended.

    Closing it while its loop polls sometimes raises for sockets that are already closed.
    """
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            server.asyncore.loop(timeout=0.1, map=server._map, use_poll=True, count=1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(60)
        assert not thread.is_alive()
        server.task_dispatcher.shutdown()
        # The listening socket, the trigger, and connections that browsers left open.
        server.asyncore.close_all(server._map)
