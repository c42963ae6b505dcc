"""Small workbooks for tests, also such as no program writes."""

from __future__ import annotations

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
