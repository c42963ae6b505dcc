"""Parts that are the same on every page are cached, and yet nobody is given another one's."""

from __future__ import annotations

import pytest

from app.contacts.models import ContactType
from app.extensions import db
from tests.factories import a_contact, the_value
from tests.people import ALICIA, BRUNO, CLARA, DIEGO


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


@pytest.mark.both_databases
def test_the_same_list_shows_each_reader_their_own_rows_in_their_language(client_as):
    kind = the_value(ContactType, "Member")
    for entity, name in (("Norte", "Norteña"), ("Sur", "Sureña")):
        a_contact(entity, last_name=name).type = kind
    db.session.commit()
    pages = {}
    for _time in range(2):
        for person in (ALICIA, BRUNO, CLARA):
            for language in ("en", "es"):
                headers = {"Accept-Language": language}
                reply = client_as(person).get("/contacts/list/", headers=headers)
                pages[person.name, language] = reply.text

    for (name, language), page in pages.items():
        assert "Norteña" in page
        assert ("Sureña" in page) == (name == "alicia")
        shown = kind.label_en if language == "en" else kind.label_es
        other = kind.label_es if language == "en" else kind.label_en
        assert f"<td>{shown}<td>" in page
        assert f"<td>{other}<td>" not in page
        assert ('id="acts"' in page) == (name != "clara")
        assert f"<b>{PERSON[name].user.get_full_name()}</b>" in page


PERSON = {person.name: person for person in (ALICIA, BRUNO, CLARA)}


def test_what_is_kept_of_a_form_has_no_error_and_no_value_of_another(client_as):
    first, second = (
        a_contact(last_name="Primera", city="Villarriba"),
        a_contact(last_name="Segunda"),
    )
    browser = client_as(BRUNO)
    for _time in range(2):
        wrong = {"version": "1", "last_name": "", "email": "no"}
        refused = browser.post(f"/contacts/edit/{first.id}", data=wrong)
        assert refused.status_code == 422
        assert refused.text.count('aria-invalid="true"') == 2
        page = browser.get(f"/contacts/edit/{second.id}").text
        assert "aria-invalid" not in page
        assert 'value="Segunda"' in page
        assert "Villarriba" not in page
