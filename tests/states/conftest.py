"""An application with the sample model of this folder."""

from __future__ import annotations

import pytest

from tests.people import BRUNO
from tests.sample import sample_app
from tests.states.sample import declare


@pytest.fixture(scope="module")
def app(database, tmp_path_factory):
    with sample_app(database, tmp_path_factory.mktemp("sample"), declare) as app:
        yield app


@pytest.fixture
def bruno(client_as):
    return client_as(BRUNO)
