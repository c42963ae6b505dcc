"""Write a sheet of a workbook as CSV: a program of its own, run by ``workbooks.py`` with limits.

A small file can abort the process that reads it, or ask for any amount of memory. It imports
nothing of the application. The rows go to stdout as UTF-8; the last line of stderr is a JSON
object with the names of the sheets and the one that was read, or ``{"error": code}``.
"""

from __future__ import annotations

import csv
import datetime
import importlib.util
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

# The codes of errors, and the status of a process that ends with one.
ERRORS = (
    "rows", "columns", "cell", "unpacked", "encrypted", "empty", "unreadable", "sheet", "memory",
)  # fmt: skip
FAILED = 3
MAX_SHEETS = 500


class Limits:
    """What a workbook may take; the parent passes them as one JSON object."""

    def __init__(self, given: dict[str, int]) -> None:
        self.memory, self.seconds = given["memory"], given["seconds"]
        self.rows, self.columns = given["rows"], given["columns"]
        self.cell, self.unpacked = given["cell"], given["unpacked"]

    def apply(self) -> None:
        """Ask the operating system to end this process when it takes more."""
        try:
            import resource
        except ImportError:  # pragma: no cover - no such limits on this system
            return
        for kind, most in (
            (resource.RLIMIT_AS, self.memory),
            (resource.RLIMIT_CPU, self.seconds),
            (resource.RLIMIT_CORE, 0),
        ):
            with suppress(ValueError, OSError):
                resource.setrlimit(kind, (most, most))


def fail(code: str) -> NoReturn:
    """End with an error; whatever was written before counts for nothing."""
    print(json.dumps({"error": code}), file=sys.stderr, flush=True)
    os._exit(FAILED)


def check_unpacked(path: str, limits: Limits) -> None:
    """Refuse a ZIP file that says it unpacks to too much; what it does not say, memory limits."""
    with open(path, "rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            names = {part.filename for part in parts}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        fail("unreadable")
    if len(parts) > 10_000 or sum(part.file_size for part in parts) > limits.unpacked:
        fail("unpacked")
    if "EncryptedPackage" in names or any(part.flag_bits & 1 for part in parts):
        fail("encrypted")
    if "META-INF/manifest.xml" in names:
        with zipfile.ZipFile(path) as archive, archive.open("META-INF/manifest.xml") as file:
            if b"encryption-data" in file.read(1 << 20):
                fail("encrypted")


def cell_text(value: Any) -> str:
    """Return the text of a typed cell that an import reads without asking how it looked."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return ""
        if value.is_integer() and abs(value) < 1e16:
            return str(int(value))
        return repr(value)
    if isinstance(value, datetime.datetime):
        if value.time() == datetime.time():
            return value.date().isoformat()
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    if isinstance(value, datetime.timedelta):
        minutes = round(value.total_seconds() / 60)
        return f"{minutes // 60}:{minutes % 60:02}"
    return "" if value is None else str(value)


def load_escape() -> Callable[[str], str]:
    """Return ``formula_escape.escape_formula``, which reading undoes, without its package."""
    path = Path(__file__).with_name("formula_escape.py")
    spec = importlib.util.spec_from_file_location("formula_escape", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.escape_formula


def open_workbook(path: str) -> Any:
    """Open a workbook of any format."""
    import python_calamine

    try:
        return python_calamine.CalamineWorkbook.from_path(path)
    except python_calamine.PasswordError:
        fail("encrypted")
    except Exception:
        with open(path, "rb") as file:
            head = file.read(1 << 20)
        # An encrypted XLSX is an OLE file with such a stream.
        fail("encrypted" if "EncryptedPackage".encode("utf-16-le") in head else "unreadable")


def choose_sheet(workbook: Any, wanted: str) -> tuple[list[str], str]:
    """Return the names of the sheets that people see, and the chosen one."""
    names = []
    for sheet in workbook.sheets_metadata[:MAX_SHEETS]:
        kind, visible = str(sheet.typ), str(sheet.visible)
        if kind.endswith("WorkSheet") and visible.endswith(".Visible"):
            names.append(sheet.name)
    names = names or list(workbook.sheet_names)[:MAX_SHEETS]
    if wanted and wanted not in names:
        fail("sheet")
    if not names:
        fail("empty")
    return names, wanted


def write_sheet(sheet: Any, limits: Limits, out: Any) -> int:
    """Write the rows of a sheet in their places, blank ones as empty lines; return how many."""
    escape = load_escape()
    writer = csv.writer(out)
    if sheet.start is None:
        return 0
    first_column = sheet.start[1]
    last_row, last_column = sheet.end
    if last_row >= limits.rows:
        fail("rows")
    if last_column >= limits.columns:
        fail("columns")
    # The rows begin at the top of the sheet, their cells at its first column that has any.
    count, margin = 0, [""] * first_column
    for row in sheet.iter_rows():
        cells = [cell_text(value) for value in row]
        while cells and not cells[-1].strip():
            cells.pop()
        if not cells:
            out.write("\r\n")
            continue
        if max(map(len, cells)) > limits.cell:
            fail("cell")
        writer.writerow([escape(text) for text in margin + cells])
        count += 1
    return count


def main(path: str, wanted: str, given: str) -> None:
    """Write a sheet, by default the first that is not empty."""
    limits = Limits(json.loads(given))
    limits.apply()
    check_unpacked(path, limits)
    try:
        workbook = open_workbook(path)
        names, chosen = choose_sheet(workbook, wanted)
        out = io.TextIOWrapper(sys.stdout.buffer, "utf-8", errors="replace", newline="")
        for name in [chosen] if chosen else names:
            if write_sheet(workbook.get_sheet_by_name(name), limits, out):
                chosen = name
                break
        else:
            fail("empty")
        out.flush()
    except MemoryError:
        fail("memory")
    except BrokenPipeError:
        os._exit(FAILED)
    except Exception:
        fail("unreadable")
    print(json.dumps({"sheets": names, "sheet": chosen}), file=sys.stderr, flush=True)
    # What the libraries would clean up takes as long as reading did.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:4])
