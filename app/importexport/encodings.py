"""Detect the encoding of a text file."""

from __future__ import annotations

import codecs
from pathlib import Path

from flask_babel import gettext as _

from app.errors import DomainError

# In order of preference: of two that score the same, the first is taken.
_EIGHT_BIT_ENCODINGS = ("cp1252", "iso8859-15", "mac-roman")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_OTHER_FILES = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"SQLite format")
_COMMON_CHARACTERS = frozenset("áéíóúàèìòùäëïöüâêîôûñçãõåøæßœªº·€’“”–—¿¡«»ÁÉÍÓÚÑÜÇÀÈÒ")
_BLOCK = 1 << 20

FALLBACK = "padron-cp1252"


def _read_as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Decode invalid bytes as cp1252 (a codec error handler); drop those it cannot decode."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return wrong.decode("cp1252", "ignore"), error.end


codecs.register_error(FALLBACK, _read_as_cp1252)


def find_encoding(path: Path) -> str:
    """Return the encoding of a CSV file; raise DomainError if the file is not one."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    _refuse_binary(head)
    _refuse_other_formats(head)
    return text_encoding(path)


def text_encoding(path: Path) -> str:
    """Return the encoding of a text file."""
    with path.open("rb") as file:
        head = file.read(4)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    return "utf-8" if _is_mostly_utf8(path) else _detect_eight_bit(path)


def _refuse_binary(head: bytes) -> None:
    """Raise DomainError if a file that begins like this is not text."""
    if not head.strip(b"\x00\t\r\n \xef\xbb\xbf\xff\xfe"):
        raise DomainError(_("This file is empty."))
    if head.startswith(_WORKBOOKS):
        raise DomainError(_("This is a spreadsheet. Save it as CSV and upload it again."))
    if head.startswith(tuple(mark for mark, _name in _BOMS)):
        return
    controls = sum(byte < 32 and byte not in b"\t\n\r\x0b\x0c\x1a" for byte in head)
    if head.startswith(_OTHER_FILES) or controls > max(8, len(head) // 50):
        raise DomainError(_("This is not a text file. Upload a CSV file."))


def _refuse_other_formats(head: bytes) -> None:
    """Raise DomainError for text that is not in lines of cells."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"{", b"["):
        raise DomainError(_("This is a JSON file. Save the data as CSV and upload it again."))
    if start[:15].upper().startswith((b"BEGIN:VCARD", b"BEGIN:VCALENDAR")):
        raise DomainError(_("This is a vCard file. Export the contacts as CSV and upload that."))
    if start[:5].lower() in (b"<?xml", b"<html", b"<!doc"):
        raise DomainError(
            _("This is a web page or an XML file. Save the data as CSV and upload it again.")
        )


def check_encoding(name: str) -> str:
    """Return the canonical name of an encoding; raise DomainError if it does not exist."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        raise DomainError(_("“%(name)s” is not a supported encoding.", name=name[:40])) from None
    if not getattr(codec, "_is_text_encoding", True):
        raise DomainError(_("“%(name)s” is not a supported encoding.", name=name[:40]))
    return codec.name


def _is_mostly_utf8(path: Path) -> bool:
    """Return True if the file is UTF-8, except for a few lines in another encoding."""
    wrong = 0

    def count(error: UnicodeDecodeError) -> tuple[str, int]:
        nonlocal wrong
        wrong += 1
        return "", error.end

    codecs.register_error("padron-count", count)  # type: ignore[arg-type]
    decoder = codecs.getincrementaldecoder("utf-8")("padron-count")
    accented = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            text = decoder.decode(block)
            if not text.isascii():
                accented += len(text) - len(text.encode("ascii", "ignore"))
            if wrong > 200 and wrong > accented:
                return False
        decoder.decode(b"", True)
    return wrong == 0 or accented > 10 * wrong


def _detect_eight_bit(path: Path) -> str:
    with path.open("rb") as file:
        sample = file.read(_BLOCK)
    return max(_EIGHT_BIT_ENCODINGS, key=lambda name: _score(sample, name))


def _score(sample: bytes, encoding: str) -> int:
    """Return a score: higher if the sample, decoded like this, looks like Spanish or English."""
    text = sample.decode(encoding, "replace")
    score = 0
    for before, character in zip(" " + text, text, strict=False):
        if character < "\x80":
            continue
        if character in "\ufffd¤" or character < "\xa0":
            score -= 3
        elif character.isupper() and before.islower():
            score -= 2
        elif character in _COMMON_CHARACTERS:
            score += 1
        elif before.isalpha():
            score -= 1
    return score
