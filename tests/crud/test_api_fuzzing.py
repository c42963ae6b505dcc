"""Whatever is sent, the API answers as its description says, and never with a 5xx."""

from __future__ import annotations

import pytest

from tests.fuzzing import CALLERS, NO_KEY, fuzz

ASKED = ("contacts", "tags", "operations", "actions")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("caller", [*CALLERS, NO_KEY])
def test_the_api_answers_as_described_whatever_is_sent(caller, app, session):
    assert fuzz(app, caller, examples=1, only=ASKED) >= 20
