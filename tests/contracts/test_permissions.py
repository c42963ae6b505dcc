"""The permission matrix is a reviewed file: ``permissions.txt`` must match the program."""

from __future__ import annotations

from tests.contracts.matrix import FILE, Matrix


def test_the_matrix_matches_the_file_and_no_refusal_changes_anything(app, connection):
    matrix = Matrix(app, connection).request_everything()
    assert matrix.changed == []
    assert matrix.lines == FILE.read_text(encoding="utf-8").splitlines(), (
        "run `make permissions` and have the change reviewed"
    )
