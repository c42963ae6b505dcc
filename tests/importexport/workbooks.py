"""Small workbooks for tests, also such as no program writes."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xlsxwriter


def write_xlsx(path: Path, rows: list[list[Any]], **options: Any) -> Path:
    """Write rows into the only sheet of a workbook; dates look like 02/02/19."""
    with xlsxwriter.Workbook(
        path, {"strings_to_formulas": False, "default_date_format": "dd/mm/yy", **options}
    ) as workbook:
        sheet = workbook.add_worksheet("Socios")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return path


def patch_part(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """Change a part of a packed file."""
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, change(content) if name.endswith(part) else content)
    return path


_ODS = """<?xml version="1.0"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
<office:body><office:spreadsheet><table:table table:name="Hoja1">{rows}</table:table>
</office:spreadsheet></office:body></office:document-content>"""


def write_ods(path: Path, rows: list[list[Any]], last: str = "", manifest: str = "") -> Path:
    """Write rows into the only sheet of an ODS file, then other XML."""
    content = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>"
                      for row in rows)  # fmt: skip
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("content.xml", _ODS.format(rows=content + last))
        packed.writestr("META-INF/manifest.xml", f"<manifest>{manifest}</manifest>")
    return path


def _ods_cell(value: Any) -> str:
    if isinstance(value, str):
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
    if isinstance(value, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    return f'<table:table-cell office:value-type="date" office:date-value="{value}"/>'


_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def write_xls(path: Path, rows: list[list[str | float]]) -> Path:
    """Write rows into the only sheet of a workbook as Excel 97 stored it (BIFF8 in OLE)."""

    def record(code: int, content: bytes) -> bytes:
        return struct.pack("<HH", code, len(content)) + content

    def text(value: str, size: str) -> bytes:
        return struct.pack(f"<{size}B", len(value), 1) + value.encode("utf-16-le")

    sheet = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    for number, row in enumerate(rows):
        for place, value in enumerate(row):
            at = struct.pack("<HHH", number, place, 0)
            if isinstance(value, str):
                sheet += record(0x0204, at + text(value, "H"))
            else:
                sheet += record(0x0203, at + struct.pack("<d", value))
    sheet += record(0x000A, b"")
    begin = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    name, end = text("Hoja1", "B"), record(0x000A, b"")
    offset = len(begin) + 4 + 6 + len(name) + len(end)
    book = begin + record(0x0085, struct.pack("<IH", offset, 0) + name) + end + sheet
    # A shorter stream would stand elsewhere.
    book = book.ljust(max(4096, -(-len(book) // 512) * 512), b"\0")
    sectors = len(book) // 512
    fat = [_FAT, _END, *range(3, sectors + 2), _END]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, _END, 0, _END, 0)
    header += struct.pack("<109I", 0, *[_FREE] * 108)
    directory = _entry("Root Entry", 5, _END, 0, child=1) + _entry("Workbook", 2, 2, len(book))
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(512, b"\xff")
    path.write_bytes(header + table + directory.ljust(512, b"\0") + book)
    return path


def _entry(name: str, kind: int, start: int, size: int, child: int = _FREE) -> bytes:
    encoded = (name + "\0").encode("utf-16-le")
    links = struct.pack("<III", _FREE, _FREE, child)
    head = encoded.ljust(64, b"\0") + struct.pack("<HBB", len(encoded), kind, 1) + links
    return head + bytes(36) + struct.pack("<IQ", start, size)
