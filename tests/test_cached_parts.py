"""Parts that are the same on every page are cached, and yet nobody is given another one's."""

from __future__ import annotations

import pytest

from tests.people import ALICIA, CLARA, DIEGO


@pytest.fixture
def _empty_caches(app):
    for name in ("sidebars", "page_parts"):
        app.extensions.pop(name, None)


@pytest.mark.usefixtures("_empty_caches")
@pytest.mark.parametrize("first", [DIEGO, CLARA, ALICIA], ids=lambda person: person.name)
def test_whoever_comes_first_the_next_sees_the_parts_of_their_own_rights(first, client_as):
    assert client_as(first).get("/account/").status_code == 200

    everything = client_as(ALICIA).get("/account/").text
    nothing = client_as(DIEGO).get("/account/").text

    for address in ('data-face="/accounts/list/"', 'href="/contacts/add"', 'href="/users/list/"'):
        assert address in everything
        assert address not in nothing
