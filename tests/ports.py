"""Free local ports for test servers."""

from __future__ import annotations

import random
import socket

# Below the ephemeral ports (32768 and above on Linux, 49152 on macOS): between the check and the
# listening only another test could take one.
_RANGE = range(12_000, 32_000)


def free_port() -> int:
    """Return a port that nothing listens on."""
    for port in random.SystemRandom().sample(_RANGE, 50):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("No port is free.")
