"""Start what is measured, each in processes of its own: the program as it is served, and the raw pages."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A server in processes of its own, for the time of a ``with`` block."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [part.format(port=self.port) for part in command],
            env=os.environ | {k: v.format(port=self.port) for k, v in (environment or {}).items()},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Server:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    sys.exit("a server does not start")
                time.sleep(0.1)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)

    def _pids(self) -> list[int]:
        """Return the processes of the server."""
        found = subprocess.run(
            ["ps", "-o", "pid=", "-g", str(self.process.pid)], capture_output=True, text=True
        )
        return [int(pid) for pid in found.stdout.split()]

    def forget_memory(self) -> None:
        """Let ``most_memory`` measure from now on."""
        for pid in self._pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def most_memory(self) -> float:
        """Return the most MiB that one of its processes has used."""
        most = 0
        for pid in self._pids():
            status = Path(f"/proc/{pid}/status").read_text()
            line = next((x for x in status.splitlines() if x.startswith("VmHWM")), "VmHWM: 0 kB")
            most = max(most, int(line.split()[1]))
        return most / 1024


def program(url: str, folder: str) -> Server:
    """Return the program, served as README says: with two processes where the database allows."""
    return Server(
        [sys.executable, "-m", "flask", "--app", "run", "serve", "--no-demo"],
        {
            "PADRON_DATABASE_URL": url,
            "PADRON_DATA_DIR": folder,
            "PADRON_PORT": "{port}",
            "PADRON_PUBLIC_URL": "http://127.0.0.1:{port}",
            "PADRON_PROCESSES": "1" if url.startswith("sqlite") else "2",
            "PADRON_MAX_UPLOAD_MB": "200",
        },
    )


def raw_pages(url: str) -> Server:
    """Return the raw pages over the same database."""
    return Server([sys.executable, "-m", "bench.raw", url, "{port}"])
