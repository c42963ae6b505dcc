"""Every response of the API conforms to its OpenAPI document, and none is a 5xx."""

from __future__ import annotations

import pytest

from tests.fuzzing import CALLERS, NO_KEY, fuzz

ASKED = ("contacts", "tags", "operations", "actions")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("caller", [*CALLERS, NO_KEY])
def test_fuzzed_requests_get_responses_that_conform_to_the_openapi_document(caller, app, session):
    assert fuzz(app, caller, examples=1, only=ASKED) >= 20
