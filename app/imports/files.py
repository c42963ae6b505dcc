"""Store the file of an import."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from flask_babel import gettext as _

from app.errors import DomainError
from app.importexport.reading import Source
from app.storage.files import delete_from_disk, find_file
from app.storage.kinds import CSV, FileRules, FileType
from app.storage.models import StoredFile
from app.storage.services import store_file

_BLOCK = 1 << 20


class ImportedFiles(FileRules):
    """Any file may be sent: whether it can be read shows when it is."""

    def type_of(self, name: str, head: bytes, field: str) -> FileType:
        """Return CSV; raise DomainError if the file is empty."""
        if not head:
            raise DomainError(_("This file is empty."), field=field)
        return CSV


def store_upload(stream: IO[bytes], name: str, max_bytes: int) -> tuple[StoredFile, int]:
    """Store a file; return its row, which is to be added, and about how many lines it has.

    Raise DomainError, and keep nothing, if it cannot be stored or read. Call it outside of a
    transaction.
    """
    file = store_file(stream, name or "file.csv", ImportedFiles((CSV,), max_bytes), "file")
    path = find_file(file.key)
    assert path is not None
    try:
        if next(Source(path).rows(), None) is None:
            raise DomainError(_("This file has headers, but no rows below them."), field="file")
        with path.open("rb") as content:
            lines = sum(block.count(b"\n") for block in _blocks(content)) + 1
    except DomainError:
        delete_from_disk([file.key])
        raise
    return file, lines


def _blocks(content: IO[bytes]) -> Iterator[bytes]:
    while block := content.read(_BLOCK):
        yield block
