"""The permission matrix is a reviewed file: ``permissions.txt`` must match the program."""

from __future__ import annotations

import pytest

from tests.contracts.matrix import FILE, Matrix, all_requests
from tests.contracts.routes import rules_app

PARTS = 12
ADVICE = "run `make permissions` and have the change reviewed"
pytestmark = pytest.mark.long


def lines_of_file() -> list[str]:
    return FILE.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("part", range(PARTS))
def test_the_matrix_matches_the_file_and_no_refusal_changes_anything(part, app, connection):
    """Compare every twelfth line, so that all parts take about as long."""
    matrix = Matrix(app, connection).request_all(list(all_requests(app))[part::PARTS])
    assert matrix.changed == []
    assert matrix.lines == lines_of_file()[part::PARTS], ADVICE


def test_the_file_has_a_line_for_every_route_and_action():
    labels = [request.label.rstrip() for request in all_requests(rules_app())]
    lines = lines_of_file()
    assert len(lines) == len(labels), ADVICE
    pairs = zip(lines, labels, strict=True)
    assert [line for line, label in pairs if not line.startswith(label)] == [], ADVICE
