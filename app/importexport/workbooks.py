"""Read XLSX, ODS and XLS files in a child process with limits, and vCards, as CSV."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from flask_babel import gettext as _

from app.errors import DomainError
from app.importexport.reading import MAX_CELL_LENGTH, MAX_COLUMNS

_SCRIPT = Path(__file__).with_name("workbook_process.py")
# What reading a workbook may take: bytes of memory and of CSV, seconds by the clock.
MAX_MEMORY, MAX_TEXT, MAX_SECONDS = 1 << 30, 400 << 20, 180.0
MAX_ROWS = 1 << 20
_LIMITS = {
    "memory": MAX_MEMORY, "seconds": int(MAX_SECONDS), "rows": MAX_ROWS, "columns": MAX_COLUMNS,
    "cell": MAX_CELL_LENGTH, "unpacked": 600 << 20,
}  # fmt: skip
_BLOCK = 1 << 16
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# One at a time in each process: each may take a gigabyte.
_turn = threading.Lock()
_WAIT_SECONDS = 60.0


class Sheets(NamedTuple):
    """The names of the sheets of a workbook, and of the one that was read."""

    names: list[str]
    chosen: str


def is_workbook(head: bytes) -> bool:
    """Return True if a file that begins like this is a workbook or is packed like one."""
    return head.startswith((ZIP, OLE))


class WorkbookReader:
    """Iterate over the CSV of a sheet in blocks of bytes; ``sheets`` is known after the last."""

    def __init__(self, path: Path, sheet: str = "", *, max_seconds: float = MAX_SECONDS) -> None:
        """Read a sheet by its name, by default the first that is not empty."""
        self.path, self.sheet, self.max_seconds = path, sheet, max_seconds
        self.sheets = Sheets([], "")

    def __iter__(self) -> Iterator[bytes]:
        if not _turn.acquire(timeout=_WAIT_SECONDS):
            raise DomainError(_("Other spreadsheets are being read. Try again in a minute."))
        try:
            with tempfile.TemporaryFile() as messages:
                yield from self._read(messages)
        finally:
            _turn.release()

    def _read(self, messages: IO[bytes]) -> Iterator[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-I", str(_SCRIPT), str(self.path), self.sheet, json.dumps(_LIMITS)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            env={"PATH": os.defpath, "RUST_BACKTRACE": "0", "LC_ALL": "C.UTF-8"},
        )
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(self.max_seconds, end)
        timer.start()
        try:
            assert process.stdout is not None
            size = 0
            while block := process.stdout.read(_BLOCK):
                size += len(block)
                if size > MAX_TEXT:
                    raise DomainError(_sentence("unpacked"))
                yield block
            status = process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if is_late.is_set():
            raise DomainError(_sentence("late"))
        self._finish(status, messages)

    def _finish(self, status: int, messages: IO[bytes]) -> None:
        """Take over what the process says at its end; DomainError if it did not end well."""
        messages.seek(0)
        lines = messages.read(1 << 20).decode("utf-8", "replace").strip().splitlines()
        try:
            said = json.loads(lines[-1]) if lines else {}
        except ValueError:
            said = {}
        if status == 0 and "sheets" in said:
            self.sheets = Sheets(said["sheets"], said["sheet"])
            return
        # One that was ended by its limits or by its libraries says nothing.
        code = said.get("error", "memory") if isinstance(said, dict) else "memory"
        raise DomainError(_sentence(code))


def _sentence(code: str) -> str:
    """Return what to tell about a workbook that cannot be read."""
    most_columns, most_rows = MAX_COLUMNS, MAX_ROWS
    sentences = {
        "rows": _("This spreadsheet has too many rows. The maximum is %(most)d.", most=most_rows),
        "columns": _("This file has too many columns. The maximum is %(most)d.", most=most_columns),
        "cell": _("A cell of this spreadsheet is too long to be imported."),
        "unpacked": _("This spreadsheet is too large. Save the sheet as CSV and upload that."),
        "late": _("Reading this spreadsheet takes too long. Save the sheet as CSV and upload that."),
        "memory": _(
            "This spreadsheet can’t be read: it is too large, or it is damaged. Save the sheet as CSV and upload that."
        ),
        "encrypted": _(
            "This spreadsheet is protected with a password. Remove the password and upload it again."
        ),
        "empty": _("This spreadsheet is empty."),
        "sheet": _("The spreadsheet no longer has this sheet."),
    }  # fmt: skip
    unreadable = _(
        "This is not a spreadsheet that can be read: XLSX, ODS and XLS are possible. Save it as CSV and upload that."
    )
    return sentences.get(code, unreadable)
