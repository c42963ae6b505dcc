"""Every response of the API conforms to its OpenAPI document, and none is a 5xx.

A run asks in the name of three of the callers, by the seed; ``PADRON_TEST_FULL=1`` of all.
"""

from __future__ import annotations

import pytest

from tests.fuzzing import CALLERS, NO_KEY, fuzz
from tests.sampling import some

ASKED = ("contacts", "tags", "operations", "actions", "merges", "files")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("caller", some([*CALLERS, NO_KEY], 3, "fuzzing"))
def test_fuzzed_requests_get_responses_that_conform_to_the_openapi_document(caller, app, session):
    assert fuzz(app, caller, examples=1, only=ASKED) >= 20
