"""Which files may be stored: their types, recognised by name and contents, and their size."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _

from app.errors import DomainError

# Bytes at the beginning of a file by which its type is recognised.
HEAD_SIZE = 16


@dataclass(frozen=True)
class FileType:
    """A type of file: its suffixes, and how its contents begin (empty: text, without a NUL)."""

    label: str
    mime: str
    suffixes: tuple[str, ...]
    starts: tuple[bytes, ...] = ()
    # What must follow after eight bytes, in a container format.
    inner: bytes = b""

    def fits(self, head: bytes) -> bool:
        """Return True if contents of this type can begin like this."""
        if not self.starts:
            return b"\0" not in head
        return head.startswith(self.starts) and head[8:].startswith(self.inner)


_ZIP = (b"PK\x03\x04",)
PDF = FileType("PDF", "application/pdf", (".pdf",), (b"%PDF-",))
JPEG = FileType("JPEG", "image/jpeg", (".jpg", ".jpeg"), (b"\xff\xd8\xff",))
PNG = FileType("PNG", "image/png", (".png",), (b"\x89PNG\r\n\x1a\n",))
WEBP = FileType("WebP", "image/webp", (".webp",), (b"RIFF",), b"WEBP")
GIF = FileType("GIF", "image/gif", (".gif",), (b"GIF87a", b"GIF89a"))
_OFFICE = "application/vnd.openxmlformats-officedocument"
DOCX = FileType("Word", f"{_OFFICE}.wordprocessingml.document", (".docx",), _ZIP)
XLSX = FileType("Excel", f"{_OFFICE}.spreadsheetml.sheet", (".xlsx",), _ZIP)
ODT = FileType("ODT", "application/vnd.oasis.opendocument.text", (".odt",), _ZIP)
ODS = FileType("ODS", "application/vnd.oasis.opendocument.spreadsheet", (".ods",), _ZIP)
CSV = FileType("CSV", "text/csv", (".csv",))
TXT = FileType("TXT", "text/plain", (".txt",))


@dataclass(frozen=True)
class FileRules:
    """The types of files that are taken, and how many bytes at most."""

    types: tuple[FileType, ...]
    max_bytes: int

    def type_of(self, name: str, head: bytes, field: str) -> FileType:
        """Return the type of a file by its name and how it begins.

        Raise DomainError for ``field`` if files of its type are not taken, or it is not of the
        type that its name says.
        """
        if not head:
            raise DomainError(_("This file is empty."), field=field)
        named = [kind for kind in self.types if name.lower().endswith(kind.suffixes)]
        if not named:
            labels = ", ".join(kind.label for kind in self.types)
            raise DomainError(
                _("Files of this type can’t be stored. Possible: %(types)s.", types=labels),
                field=field,
            )
        for kind in named:
            if kind.fits(head):
                return kind
        raise DomainError(
            _(
                "The contents of this file are not %(type)s, as its name says.",
                type=named[0].label,
            ),
            field=field,
        )

    def too_large(self, field: str) -> DomainError:
        """Return the error for a file that is larger than the most that is taken."""
        most = max(1, self.max_bytes // 1_000_000)
        return DomainError(
            _("This file is too large (%(most)s MB at most).", most=most), field=field
        )


DOCUMENTS = FileRules((PDF, JPEG, PNG, WEBP, GIF, DOCX, XLSX, ODT, ODS, CSV, TXT), 25_000_000)
PHOTOS = FileRules((JPEG,), 5_000_000)
