"""Paging a list that is sorted by a datetime visits every row once."""

from __future__ import annotations

import re

import pytest

from app.extensions import db
from tests.factories import a_contact
from tests.people import ALICIA

pytestmark = pytest.mark.both_databases


def test_a_list_sorted_by_a_datetime_shows_every_row_once(client_as):
    made = [a_contact() for _number in range(60)]
    for number, contact in enumerate(made):
        contact.created_at = contact.created_at.replace(hour=number // 60, minute=number % 60)
    db.session.commit()
    alicia, seen, url = client_as(ALICIA), [], "/contacts/list/?sort=-created_at&size=25"
    for _page in range(3):
        page = alicia.get(url).text
        seen += re.findall(r'href="?/contacts/show/(\d+)', page)
        following = re.search(r'href="?(\?[^" >]*after=[^" >]*)', page)
        url = "/contacts/list/" + following[1].replace("&amp;", "&") if following else ""
        if not url:
            break
    assert list(dict.fromkeys(seen)) == [str(contact.id) for contact in reversed(made)]
