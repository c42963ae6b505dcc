"""Store the file of an import; of a workbook or vCards also their rows, as CSV."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple, cast

from flask_babel import gettext as _

from app.errors import DomainError
from app.importexport.reading import Source
from app.importexport.vcard_reading import is_vcard, vcard_csv
from app.importexport.workbooks import MAX_TEXT, Sheets, WorkbookReader, is_workbook
from app.storage.files import delete_from_disk, find_file
from app.storage.kinds import CSV, FileRules, FileType
from app.storage.models import StoredFile
from app.storage.services import store_file

_BLOCK = 1 << 20
# As they are sent: what they are shows when they are read.
_ORIGINAL = FileType("", "application/octet-stream", (".upload",))

# How the rows of a converted file are written: nothing is to be detected.
CONVERTED: dict[str, Any] = {"encoding": "utf-8", "delimiter": ",", "is_known": True}


class ImportedFiles(FileRules):
    """Any file may be sent: whether it can be read shows when it is."""

    def type_of(self, name: str, head: bytes, field: str) -> FileType:
        """Return CSV, or that it is to be converted; raise DomainError if the file is empty."""
        if not head:
            raise DomainError(_("This file is empty."), field=field)
        return _ORIGINAL if is_workbook(head) or is_vcard(head) else CSV


class Upload(NamedTuple):
    """A stored file of an import: the rows as CSV, and what they were read from.

    ``file`` and ``original`` are rows to be added; ``original`` is None if the file was CSV.
    """

    file: StoredFile
    # About how many rows it has, by its line ends.
    lines: int
    original: StoredFile | None = None
    # None unless it is a workbook.
    sheets: Sheets | None = None


def store_upload(stream: IO[bytes], name: str, max_bytes: int) -> tuple[StoredFile, int]:
    """Store a CSV file; return its row, which is to be added, and about how many lines it has.

    Raise DomainError, and keep nothing, if it cannot be stored or read. Call it outside of a
    transaction.
    """
    file = store_file(stream, name or "file.csv", ImportedFiles((CSV,), max_bytes), "file")
    try:
        return file, _check_csv(file.key)
    except DomainError:
        delete_from_disk([file.key])
        raise


def store_any_upload(
    stream: IO[bytes], name: str, max_bytes: int, field_names: Sequence[str], sheet: str = ""
) -> Upload:
    """Store a file of any format that can be imported; see ``store_upload``.

    ``field_names`` are those of the importer; ``sheet`` is the one to be read of a workbook.
    """
    file = store_file(stream, name or "file.csv", ImportedFiles((CSV,), max_bytes), "file")
    try:
        if file.type == CSV.mime:
            return Upload(file, _check_csv(file.key))
        return convert(file, field_names, sheet)
    except DomainError:
        delete_from_disk([file.key])
        raise


def convert(original: StoredFile, field_names: Sequence[str], sheet: str = "") -> Upload:
    """Store the rows of a stored workbook, or of its vCards, as CSV.

    Raise DomainError, and keep nothing more, if it cannot be read. Call it outside of a
    transaction.
    """
    path = find_file(original.key)
    if path is None:
        raise DomainError(_("The file of this import is gone. Upload it again."))
    with path.open("rb") as content:
        head = content.read(64)
    reader = WorkbookReader(path, sheet) if is_workbook(head) else None
    blocks = vcard_csv(path, field_names) if reader is None else iter(reader)
    rules = ImportedFiles((CSV,), MAX_TEXT)
    file = store_file(cast("IO[bytes]", _BlockStream(blocks)), original.name, rules, "file")
    try:
        lines = _check_csv(file.key, **CONVERTED)
    except DomainError:
        delete_from_disk([file.key])
        raise
    return Upload(file, lines, original, None if reader is None else reader.sheets)


def _check_csv(key: str, **known: Any) -> int:
    """Return about how many lines a stored CSV file has; DomainError if it cannot be read."""
    path = find_file(key)
    assert path is not None
    if next(Source(path, **known).rows(), None) is None:
        raise DomainError(_("This file has headers, but no rows below them."), field="file")
    with path.open("rb") as content:
        return sum(block.count(b"\n") for block in _blocks(content)) + 1


def _blocks(content: IO[bytes]) -> Iterator[bytes]:
    while block := content.read(_BLOCK):
        yield block


class _BlockStream(io.RawIOBase):
    """A stream over blocks of bytes."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self.blocks, self.rest = iter(blocks), b""

    def read(self, size: int = -1) -> bytes:
        """Return at least a byte, at most ``size``, until there are no more."""
        while not self.rest:
            try:
                self.rest = next(self.blocks)
            except StopIteration:
                return b""
        if size < 0:
            size = len(self.rest)
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken
