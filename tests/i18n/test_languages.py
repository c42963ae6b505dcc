"""The language of pages, and translated labels, dates and numbers."""

from __future__ import annotations

import pytest
from flask_babel import force_locale
from sqlalchemy import select

from app.contacts.models import Tag
from app.extensions import db
from tests.factories import a_contact, a_value
from tests.people import BRUNO


def page_language(browser, page="/login/", **headers) -> str:
    text = browser.get(page, headers=headers).text
    return text.split('lang="', 1)[1][:2]


@pytest.mark.parametrize(
    ("asked", "language"),
    [("es-MX,es;q=0.9", "es"), ("en-GB", "en"), ("de, es;q=0.5", "es"), ("fr", "en"), ("", "en")],
)
def test_a_visitor_gets_the_language_of_the_browser(client_as, asked, language):
    assert page_language(client_as(None), **{"Accept-Language": asked}) == language


def test_a_visitors_choice_wins_over_the_browser(client_as):
    browser = client_as(None)
    browser.post("/language", data={"language": "es"})
    assert page_language(browser, **{"Accept-Language": "en"}) == "es"


def test_the_language_a_user_chooses_is_stored(client_as):
    client_as(BRUNO).post("/language", data={"language": "es"})
    assert BRUNO.user.language == "es"
    assert page_language(client_as(BRUNO), "/contacts/list/") == "es"


@pytest.mark.parametrize("chosen", ["fr", "", "../es", "e" * 5000])
def test_an_unknown_language_changes_nothing(client_as, chosen):
    reply = client_as(BRUNO).post("/language", data={"language": chosen})
    assert reply.status_code == 302
    assert BRUNO.user.language is None


def test_choosing_a_language_redirects_back_to_the_page(client_as):
    browser = client_as(BRUNO)
    form = {"language": "es", "next": "/contacts/list/?q=ana"}
    assert browser.post("/language", data=form).location == "/contacts/list/?q=ana"
    form["next"] = "https://evil.example/"
    assert "evil" not in browser.post("/language", data=form).location


@pytest.mark.parametrize("chosen", ["dark", "light", "auto"])
def test_the_theme_a_user_chooses_is_stored(client_as, chosen):
    client_as(BRUNO).post("/theme", data={"theme": chosen})
    assert BRUNO.user.theme == chosen


def test_a_repository_value_is_shown_in_the_readers_language(client_as):
    tag = a_value(Tag, label_en="Translation", label_es="Traducción")
    a_contact(tags=[tag])
    browser = client_as(BRUNO)
    assert "Translation" in browser.get("/contacts/list/").text
    browser.post("/language", data={"language": "es"})
    page = browser.get("/contacts/list/").text
    assert "Traducción" in page
    assert "Translation" not in page


def test_a_label_missing_in_one_language_falls_back_to_the_other(session):
    tag = a_value(Tag, label_en="", label_es="Traducción")
    with force_locale("en"):
        assert str(tag) == "Traducción"
        assert db.session.scalar(select(Tag.label).where(Tag.id == tag.id)) == "Traducción"
    assert not tag.is_complete
