"""The room of ``tests/sample/room.py`` passes the contract tests, which know nothing of it.

They run in a process of their own, in which the application has that room. A run takes the tests
of the screen, its trash, its API and its importer; ``PADRON_TEST_FULL=1`` all that are about it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES = 80
pytestmark = pytest.mark.long


def test_it_is_written_in_few_lines_and_in_no_file_of_the_program():
    text = (ROOT / "tests/sample/room.py").read_text(encoding="utf-8")
    lines = [
        line for line in text.splitlines() if line and not line.startswith(("from", "import"))
    ]
    assert len(lines) <= MAX_LINES
    names = re.compile(r"\bboats?\b", re.IGNORECASE)
    assert [path for path in (ROOT / "app").rglob("*.py") if names.search(path.read_text())] == []


# A hundred tests, beside the other workers.
@pytest.mark.timeout(1200)
def test_it_passes_every_contract_test():
    environ = os.environ | {"PADRON_TEST_SAMPLE_ROOM": "1"}
    environ.pop("PYTEST_XDIST_WORKER", None)
    # The hostile values do not depend on the model: other rooms meet them. The word “postgres”
    # here would run every test on it.
    chosen = "boat and not hostile"
    if os.environ.get("PADRON_TEST_FULL"):
        chosen = "boat"
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", chosen]
    run = subprocess.run(
        [*command, "tests/contracts"], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-8000:]
    assert int(re.search(r"(\d+) passed", run.stdout)[1]) > 150
