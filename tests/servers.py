"""A web server that runs beside the tests and ends when they say so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def running(server: Any) -> Iterator[None]:
    """Serve with waitress in another thread, and close it only once that thread has left it.

    Closed from outside while it waits for requests, it now and then trips over what is gone.
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
        # Itself, what wakes it, and the connections browsers have left open.
        server.asyncore.close_all(server._map)
