"""Workers that are begun anew as often as they are killed: the program is read once, then forked.

``python -m tests.operations.worker_processes COMMAND…`` reads lines: “begin” forks a child that does the
command and answers its number, “wait NUMBER” answers how it ended. When nobody can say
anything any more, all children are killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
# A dead worker is missed after so long, and looked for as often: a test does not wait half a minute.
# A living one that takes longer for a chunk may lose its job to another meanwhile, and must bear it.
LEASE_DURATION, SWEEP = timedelta(seconds=0.5), 0.1
# While a file of this name lies in the data folder, nobody does more than so many chunks of at most
# so many rows in one go: there is work left for the next, however late the killer comes.
CALM, CHUNKS, ROWS = "calm", 3, 1_000


class Nursery:
    """Begins and ends processes that do one command of the program."""

    def __init__(
        self, settings: dict[str, str], command: tuple[str, ...], says: IO[bytes]
    ) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PADRON_")}
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.operations.worker_processes", *command],
            cwd=ROOT,
            env=environment | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=says,
            text=True,
            bufsize=1,
        )
        self.alive: list[int] = []

    def begin(self) -> int:
        """Begin a process; return its number."""
        pid = self._ask("begin")
        self.alive.append(pid)
        return pid

    def end(self, pid: int, how: signal.Signals) -> int:
        """Send a signal to a process and wait for its end; return how that was."""
        os.kill(pid, how)
        self.alive.remove(pid)
        return self._ask(f"wait {pid}")

    def _ask(self, line: str) -> int:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(f"{line}\n")
        return int(self._parent.stdout.readline())

    def close(self) -> None:
        """Kill whoever is left."""
        try:
            self._parent.communicate(timeout=60)
        finally:
            self._parent.kill()
            self._parent.wait()


def main() -> None:
    """Do what is said."""
    import run
    from app.jobs import leases, recovery
    from app.jobs.chunk_sizing import ChunkSizer
    from app.jobs.kinds import JobKind
    from app.jobs.periodic import RequeueStalledJobs

    patches: list[tuple[Any, str, Any]] = [
        (leases, "LEASE_DURATION", LEASE_DURATION),
        (recovery, "GRACE_PERIOD", LEASE_DURATION),
        (RequeueStalledJobs, "interval_seconds", SWEEP),
        (JobKind, "max_chunk_size", ROWS),
        (ChunkSizer, "pause", calmly(ChunkSizer.pause, Path(run.app.config["DATA_DIR"]) / CALM)),
    ]
    for where, name, value in patches:
        assert hasattr(where, name)
        setattr(where, name, value)
    children: set[int] = set()
    try:
        for line in sys.stdin:
            verb, _space, number = line.strip().partition(" ")
            if verb == "begin":
                child = os.fork()
                if child == 0:
                    work(run.app, sys.argv[1:])
                children.add(child)
                print(child, flush=True)
            else:
                _pid, status = os.waitpid(int(number), 0)
                children.discard(int(number))
                print(os.waitstatus_to_exitcode(status), flush=True)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def calmly(rest: Callable[[Any], None], calm: Path) -> Callable[[Any], None]:
    """Return how a job rests between two chunks: after its share for as long as it is calm."""
    from app.jobs.runner import is_stopping

    def rest_calmly(pace: Any) -> None:
        rest(pace)
        pace.chunks = getattr(pace, "chunks", 0) + 1
        while pace.chunks >= CHUNKS and calm.exists() and not is_stopping():
            time.sleep(0.01)

    return rest_calmly


def work(app: Any, command: list[str]) -> None:
    """Be a process of its own that does the command."""
    from flask.cli import ScriptInfo

    status = 1
    try:
        os.dup2(2, 1)
        app.cli.main(args=command, obj=ScriptInfo(create_app=lambda: app))
    except SystemExit as ending:
        status = int(ending.code or 0)
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
