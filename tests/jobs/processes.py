"""Start processes of the program with the test job kinds, and Redis servers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def start(settings: dict[str, str], *args: str) -> subprocess.Popen:
    """Start a command of the program with its output in a pipe."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PADRON_")}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *args],
        cwd=ROOT,
        env=environment | settings | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def running(settings: dict[str, str], *args: str) -> Iterator[subprocess.Popen]:
    """Run a command during the block: wait for its first line, kill it at the end."""
    process = start(settings, *args)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("Padrón"), first + process.stdout.read()
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
        time.sleep(0.02)
