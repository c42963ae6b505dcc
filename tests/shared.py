"""A folder that the processes of one run share: what one has made, the others copy."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Set in the environment, so that the workers of pytest-xdist use the folder of the first process.
_NAME = "PADRON_TEST_SHARED"
_OWNER = 0 if _NAME in os.environ else os.getpid()
FOLDER = Path(os.environ.get(_NAME) or tempfile.mkdtemp(prefix="padron-tests-"))
os.environ[_NAME] = str(FOLDER)


def is_owner() -> bool:
    """Return True in the process that made the folder and removes it."""
    return os.getpid() == _OWNER


@atexit.register
def _remove() -> None:
    if is_owner():
        shutil.rmtree(FOLDER, ignore_errors=True)


@contextmanager
def only_one(name: str) -> Iterator[Path]:
    """Let one process at a time into the block; give it a file named so to remember by."""
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield FOLDER / name
