"""Start processes of the program with the test job kinds, and Redis servers.

``start`` runs a command as a shell would. ``ForkedProcess`` forks it from a process that has imported
the program once: all of it is as real, but for the two seconds that the imports take.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Like ``flask --app run``, with the test job kinds.
PROGRAM = """
import sys
import tests.jobs.counting_job
from run import app
app.cli.main(args=sys.argv[1:], obj=__import__("flask.cli").cli.ScriptInfo(create_app=lambda: app))
"""


def process_settings(app, **more: str) -> dict[str, str]:
    """Return environment settings for a process with the database and folder of an app."""
    url = app.config["SQLALCHEMY_DATABASE_URI"].replace("postgresql+psycopg", "postgresql")
    return {
        "PADRON_DATA_DIR": app.config["DATA_DIR"],
        "PADRON_DATABASE_URL": url,
        "PADRON_SECRET_KEY": app.config["SECRET_KEY"],
    } | more


def start(settings: dict[str, str], args: tuple[str, ...], before: str = "") -> subprocess.Popen:
    """Start a command of the program with its output in a pipe; run some code before it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PADRON_")}
    return subprocess.Popen(
        [sys.executable, "-c", before + PROGRAM, *args],
        cwd=ROOT,
        env=environment | settings | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class ForkedProcess:
    """A command in a forked process, with what tests use of subprocess.Popen."""

    _context = multiprocessing.get_context("forkserver")

    def __init__(self, settings: dict[str, str], args: tuple[str, ...]) -> None:
        # Takes effect when the first process is started.
        self._context.set_forkserver_preload([__name__, "tests.jobs.counting_job"])
        out, into = self._context.Pipe(duplex=False)
        self._process = self._context.Process(
            target=run_command, args=(settings, args, into), daemon=True
        )
        self._process.start()
        into.close()
        self.stdout: IO[str] = os.fdopen(os.dup(out.fileno()), encoding="utf-8")
        out.close()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        if self._process.is_alive():
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for its end; return its exit code, negative for a signal."""
        self._process.join(seconds)
        return self._process.exitcode

    def communicate(self) -> None:
        """Wait for its end, and forget what it has written."""
        self.wait()
        self.stdout.close()
        self._process.close()


def run_command(settings: dict[str, str], args: tuple[str, ...], output: Connection) -> None:
    """Run a command of the program in a forked process, and exit as the command line would."""
    status: Any = 1
    try:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
        for name in [name for name in os.environ if name.startswith("PADRON_")]:
            del os.environ[name]
        os.environ.update(settings)
        os.chdir(ROOT)
        from flask.cli import ScriptInfo

        from run import app

        app.cli.main(args=args, obj=ScriptInfo(create_app=lambda: app))
    except SystemExit as ending:
        status = ending.code
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(status if isinstance(status, int) else int(bool(status)))


@contextmanager
def running(
    settings: dict[str, str],
    *args: str,
    start: Callable[[dict[str, str], tuple[str, ...]], Any] = ForkedProcess,
) -> Iterator[Any]:
    """Run a command during the block: wait until it says that it works, kill it at the end."""
    process = start(settings, args)
    try:
        assert process.stdout is not None
        # What a thread logs, of a Redis server that is down, may come before.
        lines = [process.stdout.readline()]
        while lines[-1] and not lines[-1].startswith("Padrón"):
            lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def redis_server(folder: Path, port: int) -> Iterator[str]:
    """Run a Redis server during the block; give its URL."""
    program = shutil.which("redis-server")
    if program is None:
        sentence = "There is no redis-server on this machine."
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_listening(port))
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


def is_listening(port: int) -> bool:
    """Return True if something listens on a local port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_until(condition, seconds: float = 60) -> None:
    """Wait until the condition is true; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.05)
