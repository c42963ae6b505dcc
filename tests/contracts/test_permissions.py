"""The permission matrix is a reviewed file: ``permissions.txt`` must match the program."""

from __future__ import annotations

import pytest

from tests.contracts.matrix import FILE, Matrix, MatrixRequest, all_requests
from tests.contracts.routes import rules_app
from tests.sampling import IS_FULL

PARTS = 12
ADVICE = "run `make permissions` and have the change reviewed"
pytestmark = pytest.mark.long


LINES = FILE.read_text(encoding="utf-8").splitlines()


def line_of(request: MatrixRequest) -> str:
    """Return the line of the file about a route and method, or ""."""
    return next((line for line in LINES if line.startswith(request.label.rstrip() + " ")), "")


@pytest.mark.parametrize("part", range(PARTS))
def test_the_matrix_matches_the_file_and_no_refusal_changes_anything(part, app, connection):
    """Compare every twelfth route, so that all parts take about as long."""
    requests = list(all_requests(app))[part::PARTS]
    matrix = Matrix(app, connection, None if IS_FULL else line_of).request_all(requests)
    assert matrix.changed == []
    assert matrix.lines == [line_of(request) for request in requests], ADVICE


def test_the_file_has_a_line_for_every_route_and_action_and_no_others():
    in_file = [line_of(request) for request in all_requests(rules_app())]
    assert in_file == LINES, ADVICE
