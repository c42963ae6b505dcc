"""The permission matrix is a file, so that every change of it is seen in review."""

from __future__ import annotations

from tests.contracts.matrix import FILE, Matrix


def test_the_matrix_is_the_one_we_agreed_on_and_no_refusal_changes_anything(app, connection):
    matrix = Matrix(app, connection).ask_everything()
    assert matrix.changed == []
    assert matrix.lines == FILE.read_text(encoding="utf-8").splitlines(), (
        "run `make permissions` and have the change reviewed"
    )
