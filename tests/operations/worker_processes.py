"""Worker processes that tests kill and start again: the program is imported once, then forked.

``python -m tests.operations.worker_processes COMMAND…`` reads lines: “start” forks a child that runs the
command and prints its process id, “wait PID” prints its exit code. When its input ends, all
children are killed.
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
# Leases expire and stalled jobs are requeued this fast, so that a test need not wait half a minute.
# A live worker that takes longer for a chunk may lose its lease, and must cope with it.
LEASE_DURATION, SWEEP = timedelta(seconds=0.5), 0.3
# While a file of this name is in the data folder, a worker pauses after so many chunks of at most
# so many rows: rows are left for the next worker, however late the signal comes.
SLOW_FILE, MAX_CHUNKS, MAX_ROWS = "slow", 3, 100


class WorkerProcesses:
    """Start and end processes that run one command of the program."""

    def __init__(self, settings: dict[str, str], command: tuple[str, ...], log: IO[bytes]) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PADRON_")}
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.operations.worker_processes", *command],
            cwd=ROOT,
            env=environment | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            bufsize=1,
        )
        self.alive: list[int] = []

    def start(self) -> int:
        """Start a process; return its id."""
        pid = self._ask("start")
        self.alive.append(pid)
        return pid

    def end(self, pid: int, how: signal.Signals) -> int:
        """Send a signal to a process and wait for its end; return its exit code."""
        os.kill(pid, how)
        self.alive.remove(pid)
        return self._ask(f"wait {pid}")

    def _ask(self, line: str) -> int:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(f"{line}\n")
        return int(self._parent.stdout.readline())

    def close(self) -> None:
        """Kill the remaining processes."""
        try:
            self._parent.communicate(timeout=60)
        finally:
            self._parent.kill()
            self._parent.wait()


def main() -> None:
    """Fork and reap children as the lines of the input say."""
    import run
    from app.jobs import leases, recovery
    from app.jobs.chunk_sizing import ChunkSizer
    from app.jobs.kinds import JobKind
    from app.jobs.periodic import RequeueStalledJobs

    patches: list[tuple[Any, str, Any]] = [
        (leases, "LEASE_DURATION", LEASE_DURATION),
        (recovery, "GRACE_PERIOD", LEASE_DURATION),
        (RequeueStalledJobs, "interval_seconds", SWEEP),
        (JobKind, "max_chunk_size", MAX_ROWS),
        (
            ChunkSizer,
            "pause",
            slowly(ChunkSizer.pause, Path(run.app.config["DATA_DIR"]) / SLOW_FILE),
        ),
    ]
    for where, name, value in patches:
        assert hasattr(where, name)
        setattr(where, name, value)
    children: set[int] = set()
    try:
        for line in sys.stdin:
            verb, _space, number = line.strip().partition(" ")
            if verb == "start":
                child = os.fork()
                if child == 0:
                    run_command(run.app, sys.argv[1:])
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


def slowly(pause: Callable[[Any], None], slow_file: Path) -> Callable[[Any], None]:
    """Return a pause between chunks that lasts, after MAX_CHUNKS, as long as the file exists."""
    from app.jobs.runner import is_stopping

    def pause_slowly(sizer: Any) -> None:
        pause(sizer)
        sizer.chunks = getattr(sizer, "chunks", 0) + 1
        while sizer.chunks >= MAX_CHUNKS and slow_file.exists() and not is_stopping():
            time.sleep(0.02)

    return pause_slowly


def run_command(app: Any, command: list[str]) -> None:
    """Run the command in a forked process, and exit."""
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
