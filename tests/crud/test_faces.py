"""One face per thing: a row has the same icon, or the same initials, wherever it is shown."""

from __future__ import annotations

import re

import pytest

from app.layout import icon
from app.trash.services import move_to_trash
from tests.factories import a_contact, an_account
from tests.people import ALICIA

pytestmark = pytest.mark.usefixtures("session")


def faces(browser, base: str, row, session) -> list[str]:
    """Return what stands beside a row in the list, on its page, in the search and in the trash."""

    def look(url: str, pattern: str) -> str:
        return re.search(pattern, browser.get(url).text, re.S)[1]

    in_list = r'(<div hidden><svg.*?</svg>|(?<=<i class=a\d )data-i="[^"]*")'
    big = r"avatar-big [^>]*>(.*?)</span>"
    found = [look(f"{base}/list/?q=zubizarreta", in_list), look(f"{base}/show/{row.id}", big)]
    found.append(look("/search?q=zubizarreta", r'class="avatar" aria-hidden="true">(.*?)</span>'))
    move_to_trash(row, ALICIA.as_actor())
    session.commit()
    found.append(look(f"{base}/trash/list/?q=zubizarreta", in_list))
    found.append(look(f"{base}/trash/show/{row.id}", big))
    return found


def test_an_account_has_its_icon_everywhere(client_as, session):
    row = an_account(name="Zubizarreta")
    drawing = re.search("<path.*?/>", str(icon("building")), re.S)[0]
    told = faces(client_as(ALICIA), "/accounts", row, session)
    assert [drawing in one for one in told] == [True] * 5


def test_a_contact_without_a_photo_has_its_initials_everywhere(client_as, session):
    row = a_contact(first_name="Hannah", last_name="Zubizarreta Gil")
    told = faces(client_as(ALICIA), "/contacts", row, session)
    assert [re.sub('data-i=|"', "", one) for one in told] == ["HZ"] * 5
