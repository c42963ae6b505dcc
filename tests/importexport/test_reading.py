"""Reading CSV files as other programs write them."""

from __future__ import annotations

from contextlib import suppress

import pytest

from app.errors import DomainError
from app.importexport.formula_escape import escape_formula, unescape_formula
from app.importexport.lookups import join_list
from app.importexport.reading import Source

ROWS = "Apellidos;Nombre;Teléfono\nPeña Ñíguez;José María;+34927211010\nÁlvarez;Lucía;\n"


@pytest.fixture(autouse=True)
def _in_context(app):
    """Push an application context, which messages need for their language."""
    with app.app_context():
        yield


@pytest.fixture
def source(tmp_path):
    """Return a function that opens a file with the given content."""

    def read(content: bytes | str, **options) -> Source:
        path = tmp_path / "file.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Source(path, **options)

    return read


def cells(source: Source) -> list[list[str]]:
    return [row.cells for row in source.rows()]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("cp1252", "cp1252"),
        ("latin-1", "cp1252"),
        ("mac-roman", "mac-roman"),
    ],
)
def test_the_encoding_is_detected(source, encoding, found):
    file = source(ROWS.encode(encoding))
    assert file.encoding == found
    assert file.headers == ["Apellidos", "Nombre", "Teléfono"]
    assert cells(file)[0] == ["Peña Ñíguez", "José María", "+34927211010"]


def test_utf_16_of_either_order_is_read(source):
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        assert cells(source(mark + ROWS.encode(encoding)))[1][0] == "Álvarez"


def test_the_euro_sign_of_latin_9_is_read(source):
    file = source("Apellidos,Notas\nPeña,cuota 5 €\n".encode("iso8859-15"))
    assert cells(file) == [["Peña", "cuota 5 €"]]


def test_one_line_in_another_encoding_does_not_affect_the_others(source):
    lines = ["Apellidos,Nombre", *(f"Muñoz {number},Íñigo" for number in range(30))]
    content = "\n".join(lines).encode() + "\nPeña,José\n".encode("cp1252")
    found = cells(source(content))
    assert found[0] == ["Muñoz 0", "Íñigo"]
    assert found[-1] == ["Peña", "José"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected(source, delimiter):
    content = delimiter.join(("last name", "first name")) + "\n" + delimiter.join(("a", "b"))
    assert source(content).delimiter == delimiter


def test_commas_inside_cells_are_not_taken_for_the_delimiter(source):
    file = source("Apellidos;Dirección\nPeña;C/ Mayor, 3, 2º, A\nRuiz;C/ Sol, 1, 4º, B\n")
    assert file.delimiter == ";"


def test_the_first_line_of_excel_names_the_delimiter(source):
    for options in ({}, {"delimiter": "|"}):
        file = source("sep=|\nlast name|notes\nPeña|a,b,c\n", **options)
        assert (file.delimiter, cells(file)) == ("|", [["Peña", "a,b,c"]])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_accepted(source, end):
    file = source(end.join(("last name,first name", "Peña,Ana", "Ruiz,Eva", "")))
    assert cells(file) == [["Peña", "Ana"], ["Ruiz", "Eva"]]


def test_line_breaks_in_cells_are_kept_and_rows_are_numbered_as_in_a_spreadsheet(source):
    file = source('last name,notes\nPeña,"one\ntwo"\n\nRuiz,x\n')
    assert [(row.number, row.cells[1]) for row in file.rows()] == [(2, "one\ntwo"), (4, "x")]


def test_every_column_gets_a_unique_name(source):
    assert source("phone,,phone\n1,2,3\n").headers == ["phone", "Column 2", "phone (2)"]


def test_a_short_row_is_padded_and_a_long_one_rejected(source):
    short, fitting, long = source("a,b\n1\n1,2,\n1,2,3\n").rows()
    assert (short.cells, short.problem) == (["1", ""], "")
    assert fitting.problem == ""
    assert "3 instead of 2" in long.problem


def test_an_unclosed_quotation_mark_spoils_only_its_own_row(source):
    lines = ["last name,notes", "Peña,x", 'Ruiz,"open', "Vega,y", 'Soler,"fine"', "Mora,z"]
    found = list(source("\n".join(lines)).rows())
    assert [row.cells[0] for row in found if not row.problem] == ["Peña", "Vega", "Soler", "Mora"]
    (broken,) = [row for row in found if row.problem]
    assert (broken.number, broken.cells[0]) == (3, "Ruiz")


def test_reading_stops_after_too_many_unclosed_quotation_marks(source):
    found = list(source("last name,notes\n" + 'Ruiz,"open\n' * 500).rows())
    assert len(found) < 100
    assert "rest of the file" in found[-1].problem


def test_a_cell_of_ten_megabytes_spoils_only_its_own_row(source):
    file = source("last name,notes\nPeña," + "x" * 10_000_000 + "\nRuiz,y\n")
    long, fine = file.rows()
    assert "too long" in long.problem
    assert fine.cells == ["Ruiz", "y"]


def test_three_hundred_columns_are_read(source):
    file = source(",".join(f"c{n}" for n in range(300)) + "\n" + ",".join("1" * 300) + "\n")
    assert len(file.headers) == len(cells(file)[0]) == 300


def test_nul_bytes_are_dropped(source):
    assert cells(source(b"last name,notes\nPe\0ter,x\0\n")) == [["Peter", "x"]]


def test_a_file_with_nothing_but_headers_has_no_rows(source):
    assert cells(source("last name,first name\n")) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n \r\n", "empty"),
        (b"PK\x03\x04rest", "This is a spreadsheet."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "This is a spreadsheet."),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a text file"),
        (bytes(range(256)) * 40, "not a text file"),
        (",".join("c" * 2000).encode(), "too many columns"),
        (b'"never closed\n1,2\n', "headers"),
    ],
)
def test_a_file_that_is_not_csv_is_refused_with_a_reason(source, content, said):
    with pytest.raises(DomainError, match=said):
        source(content)


@pytest.mark.parametrize("name", ["klingon", "base64", "\0"])
def test_an_encoding_that_does_not_exist_is_refused(source, name):
    with pytest.raises(DomainError, match="not a supported encoding"):
        source(ROWS, encoding=name)


@pytest.mark.parametrize("name", ["utf-16", "utf-7", "idna", "unicode-escape", "undefined"])
def test_a_wrong_encoding_raises_nothing_but_domain_errors(source, name):
    # The result is garbled text or a DomainError.
    with suppress(DomainError):
        list(source(ROWS + "\\N{x}+-/é\n", encoding=name).rows())


@pytest.mark.parametrize("delimiter", ["ab", '"', "a", "\n"])
def test_an_invalid_delimiter_is_refused(source, delimiter):
    with pytest.raises(DomainError, match="delimiter"):
        source(ROWS, delimiter=delimiter)


DANGEROUS = ["=1+1", "+34600", "-2", "@x", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x"]


@pytest.mark.parametrize("value", [*DANGEROUS, "'=1", "''+1", "'plain", "plain", "", "'"])
def test_an_escaped_value_is_unescaped_to_the_original(value):
    assert unescape_formula(escape_formula(value)) == value


@pytest.mark.parametrize("value", [*DANGEROUS, "'=1"])
def test_a_value_that_a_spreadsheet_would_compute_is_escaped(value):
    assert escape_formula(value) == f"'{value}"


def test_labels_with_separators_are_quoted_in_a_list():
    assert join_list(["a", "b; c", 'd "e", f']) == 'a; "b; c"; "d ""e"", f"'
