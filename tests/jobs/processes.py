"""Real processes of the program, which know the jobs of the tests, and a Redis of their own."""

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
# What ``flask --app run`` would do, with the kinds of the tests.
PROGRAM = """
import sys
import tests.jobs.counting_job
from run import app
app.cli.main(args=sys.argv[1:], obj=__import__("flask.cli").cli.ScriptInfo(create_app=lambda: app))
"""


def settings_of(app, **more: str) -> dict[str, str]:
    """Return the settings under which a process works on the data of an application."""
    url = app.config["SQLALCHEMY_DATABASE_URI"].replace("postgresql+psycopg", "postgresql")
    return {
        "PADRON_DATA_DIR": app.config["DATA_DIR"],
        "PADRON_DATABASE_URL": url,
        "PADRON_SECRET_KEY": app.config["SECRET_KEY"],
    } | more


def start(settings: dict[str, str], *args: str) -> subprocess.Popen:
    """Start a command of the program; what it says can be read."""
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
    """Let a command run inside the block, from its first line on; it is killed at the end."""
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
def a_redis(folder: Path, port: int) -> Iterator[str]:
    """Run a Redis server for the block; give its address."""
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
        wait_until(lambda: answers(port))
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


def answers(port: int) -> bool:
    """Say whether somebody listens at a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_until(is_so, seconds: float = 60) -> None:
    """Wait until something is so; fail if it never is."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)
