"""Spreadsheets are read in a process of their own: typed cells, limits, and what is no workbook."""

from __future__ import annotations

import csv
import datetime
import io
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from flask import Flask
from flask_babel import Babel

from app.errors import DomainError
from app.importexport import workbooks
from app.importexport.formula_escape import unescape_formula
from app.importexport.workbooks import WorkbookReader
from tests.importexport.workbooks import patch_part, write_ods, write_xls, write_xlsx


@pytest.fixture(autouse=True, scope="module")
def _in_english():
    """Push a context in which sentences are in English; no database is needed."""
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context():
        yield


def read(path: Path, sheet: str = "") -> list[list[str]]:
    text = b"".join(WorkbookReader(path, sheet)).decode()
    rows = csv.reader(io.StringIO(text, newline=""))
    return [[unescape_formula(cell) for cell in row] for row in rows]


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(DomainError) as error:
        list(WorkbookReader(path, **options))
    return str(error.value)


@pytest.mark.parametrize("is_1904", [False, True])
def test_typed_cells_become_texts_that_need_no_guess(tmp_path, is_1904):
    day, other = datetime.date(1919, 2, 2), datetime.date(2019, 2, 2)
    moment = datetime.datetime.combine(other, datetime.time(10, 30))
    rows = [
        ["Texto", "Día", "Otro", "Hora", "Número", "Entero", "Teléfono", "Sí", "Decimal"],
        ["00161", day, other, moment, 1234.5, 161, 34612345678,
         True, 0.1],
    ]  # fmt: skip
    path = write_xlsx(tmp_path / "a.xlsx", rows, date_1904=is_1904)
    assert read(path)[1] == [
        "00161", "1919-02-02", "2019-02-02", "2019-02-02 10:30:00", "1234.5", "161", "34612345678",
        "TRUE", "0.1",
    ]  # fmt: skip


def test_a_formula_is_its_value_and_an_error_nothing(tmp_path):
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["A", "B", "C"])
        sheet.write_formula(1, 0, "=1+1", None, 2)
        sheet.write_formula(1, 1, "=1/0", None, "#DIV/0!")
        sheet.write_string(1, 2, "x")
    assert read(path)[1] == ["2", "", "x"]


def test_texts_come_back_unchanged_whatever_they_look_like(tmp_path):
    texts = [
        "=1+1",
        "'=1+1",
        "''-x",
        "+34",
        "-",
        "@a",
        "a,b",
        'say "x"',
        "two\nlines",
        "😀 مرحبا",
        "'x",
    ]
    assert read(write_xlsx(tmp_path / "a.xlsx", [["h"] * len(texts), texts]))[1] == texts


def test_rows_keep_their_place(tmp_path):
    rows = read(write_xlsx(tmp_path / "a.xlsx", [[], ["", "A"], [], ["", "x"]]))
    assert rows == [[], ["", "A"], [], ["", "x"]]


def test_the_first_sheet_with_rows_is_read_and_hidden_ones_are_not_offered(tmp_path):
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        workbook.add_worksheet("Vacía")
        workbook.add_worksheet("Socios").write_row(0, 0, ["A"])
        workbook.add_worksheet("Bajas").write_row(0, 0, ["B"])
        workbook.add_worksheet("Oculta").hide()
    reader = WorkbookReader(path)
    assert b"".join(reader) == b"A\r\n"
    assert reader.sheets == (["Vacía", "Socios", "Bajas"], "Socios")
    assert read(path, "Bajas") == [["B"]]
    assert "no longer has this sheet" in refusal(path, sheet="Oculta")


def test_ods_is_read_with_millions_of_repeated_empty_rows(tmp_path):
    empty = '<table:table-row table:number-rows-repeated="1048570"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    path = write_ods(tmp_path / "a.ods", [[], ["A", "B"], ["007", datetime.date(2019, 2, 2)], [1.5, "x"]], empty)  # fmt: skip
    assert read(path) == [[], ["A", "B"], ["007", "2019-02-02"], ["1.5", "x"]]


def test_xls_is_read(tmp_path):
    path = write_xls(tmp_path / "a.xls", [["Nombre", "CP"], ["Íñigo", 6001.0], ["007", 1.5]])
    assert read(path) == [["Nombre", "CP"], ["Íñigo", "6001"], ["007", "1.5"]]


def _sheet(path: Path, old: bytes, new: bytes) -> Path:
    return patch_part(path, "sheet1.xml", lambda content: content.replace(old, new))


def test_a_lie_about_the_size_of_a_sheet_does_not_matter(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [["A", "B"], ["1", "2"]])
    _sheet(path, b'ref="A1:B2"', b'ref="A1:XFD1048576"')
    assert read(path) == [["A", "B"], ["1", "2"]]


def test_a_file_that_aborts_its_reader_is_refused(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [["A"]])
    _sheet(path, b"</row>", b'</row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    assert "too large, or it is damaged" in refusal(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setitem(workbooks._LIMITS, "unpacked", 5 << 20)
    path = write_xlsx(tmp_path / "a.xlsx", [["A"]])
    _sheet(path, b"</sheetData>", b"</sheetData>" + b" " * (6 << 20))
    assert path.stat().st_size < 20_000
    assert "too large" in refusal(path)


def test_a_cell_of_ten_megabytes_is_refused(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [["A"], ["ana"]])
    patch_part(
        path, "sharedStrings.xml", lambda content: content.replace(b"ana", b"y" * 10_000_000)
    )
    assert "too long" in refusal(path)


def test_so_much_text_that_it_fills_the_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(workbooks, "MAX_TEXT", 50)
    assert "too large" in refusal(write_xlsx(tmp_path / "a.xlsx", [["A" * 51]]))


def test_columns_are_limited_and_300_are_read(tmp_path):
    wide = [f"c{number}" for number in range(300)]
    assert read(write_xlsx(tmp_path / "a.xlsx", [wide])) == [wide]
    assert "too many columns" in refusal(write_xlsx(tmp_path / "b.xlsx", [[*range(1001)]]))


def test_xml_entities_are_not_expanded(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [["ana"]])
    patch_part(path, "sharedStrings.xml", lambda content: content.replace(
        b"<sst ", b'<!DOCTYPE sst [<!ENTITY a SYSTEM "file:///etc/passwd">]><sst ').replace(b"ana", b"&a;"))  # fmt: skip
    assert "not a spreadsheet that can be read" in refusal(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04junk" * 99, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600])  # fmt: skip
def test_what_is_no_workbook_is_refused(tmp_path, content):
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    assert "not a spreadsheet that can be read" in refusal(path)


def test_an_encrypted_workbook_is_refused_in_words(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    )
    assert "protected with a password" in refusal(path)
    ods = write_ods(tmp_path / "a.ods", [["A"]], manifest="<encryption-data/>")
    assert "protected with a password" in refusal(ods)


def test_an_empty_workbook_is_refused(tmp_path):
    assert "empty" in refusal(write_xlsx(tmp_path / "a.xlsx", []))


def test_reading_ends_when_it_takes_too_long(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [["A"]])
    assert "takes too long" in refusal(path, max_seconds=0.0)
