"""Several child processes, such as servers that share a socket: one that dies is replaced, all end together."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

logger = logging.getLogger(__name__)

# The wait before a process that died is replaced: at first, and at most. It doubles each time.
RESTART_SECONDS = (0.5, 30.0)
# A process that has lived this long is replaced after the shortest wait again.
HEALTHY_SECONDS = 60.0
# How long processes may take to end before they are killed.
STOP_SECONDS = 20.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


@dataclass(frozen=True)
class Child:
    """What a child process runs, and what messages call it: server, worker."""

    name: str
    run: Callable[[], None]


@dataclass
class _Slot:
    """The place of one process."""

    child: Child
    pid: int | None = None
    started_at: float = 0.0
    # When to start it (again), and how long to wait the next time.
    due_at: float = 0.0
    wait: float = RESTART_SECONDS[0]


class Supervisor:
    """Keep child processes running until SIGTERM or SIGINT.

    If this process is killed, so that it cannot end them, the children notice and end by
    themselves: each reads from a pipe that only this process has open for writing.
    """

    def __init__(self, children: Iterable[Child]) -> None:
        self.slots = [_Slot(child) for child in children]
        self._stop_by: float | None = None

    def run(self) -> None:
        """Start the processes and look after them; return when all have ended."""
        self._lifeline, self._lifeline_end = os.pipe()
        self._wakeup, wakeup_end = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(wakeup_end, False)
        signal.set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, self._handle)
        while True:
            self._reap()
            if self._stop_by is None:
                self._start_due()
            elif not any(slot.pid for slot in self.slots):
                return
            elif monotonic() > self._stop_by:
                self._signal_children(signal.SIGKILL)
            select.select([self._wakeup], [], [], self._seconds_to_wait())
            with contextlib.suppress(BlockingIOError):
                os.read(self._wakeup, 512)

    def _handle(self, number: int, _frame) -> None:
        if number != signal.SIGCHLD and self._stop_by is None:
            self._stop_by = monotonic() + STOP_SECONDS
            self._signal_children(signal.SIGTERM)

    def _signal_children(self, number: signal.Signals) -> None:
        for slot in self.slots:
            if slot.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(slot.pid, number)

    def _seconds_to_wait(self) -> float | None:
        """Return when to look again even if no signal comes."""
        if self._stop_by is not None:
            return max(0.1, self._stop_by - monotonic())
        moments = [slot.due_at for slot in self.slots if slot.pid is None]
        return max(0.0, min(moments) - monotonic()) if moments else None

    def _reap(self) -> None:
        for slot in self.slots:
            if slot.pid is None:
                continue
            pid, status = os.waitpid(slot.pid, os.WNOHANG)
            if pid == 0:
                continue
            slot.pid = None
            if self._stop_by is None:
                self._schedule_restart(slot, pid, os.waitstatus_to_exitcode(status))

    def _schedule_restart(self, slot: _Slot, pid: int, code: int) -> None:
        if monotonic() - slot.started_at > HEALTHY_SECONDS:
            slot.wait = RESTART_SECONDS[0]
        slot.due_at = monotonic() + slot.wait
        logger.error(
            "The %s process %d ended (%s); another one starts in %.1f s.",
            slot.child.name,
            pid,
            f"killed by {signal.Signals(-code).name}" if code < 0 else f"status {code}",
            slot.wait,
        )
        slot.wait = min(2 * slot.wait, RESTART_SECONDS[1])

    def _start_due(self) -> None:
        for slot in self.slots:
            if slot.pid is not None or slot.due_at > monotonic():
                continue
            # A signal between the fork and the note of the number would not reach the child.
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            try:
                pid = os.fork()
                if pid == 0:
                    self._be_child(slot.child)
                slot.pid, slot.started_at = pid, monotonic()
            except OSError as error:
                slot.due_at = monotonic() + RESTART_SECONDS[1]
                logger.error(
                    "No %s process could be started: %s.", slot.child.name, error.strerror
                )
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _be_child(self, child: Child) -> None:
        """Run in a new process; never return."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            os.close(self._lifeline_end)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            threading.Thread(target=self._end_with_parent, daemon=True).start()
            child.run()
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            logger.exception("A %s process ended with an error.", child.name)
        finally:
            logging.shutdown()
            os._exit(status)

    def _end_with_parent(self) -> None:
        # Nobody writes: it returns when the last process that could has ended.
        os.read(self._lifeline, 1)
        logger.error("The parent process has ended; this one ends too.")
        os.kill(os.getpid(), signal.SIGTERM)
