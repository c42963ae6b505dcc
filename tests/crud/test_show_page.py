"""The page of a row: title, questions before an action, the log."""

from __future__ import annotations

import re

import pytest

from app.contacts.models import ContactType, Status, Tag
from app.crud.tabs import LogTab
from app.extensions import db
from tests.contracts.pagereader import find_post_form
from tests.factories import a_contact, a_value, an_account
from tests.people import ALICIA, BRUNO, CLARA

pytestmark = pytest.mark.usefixtures("session")


def title(page: str) -> str:
    return re.search("<title>(.*?)</title>", page, re.S)[1].strip()


def test_the_title_of_the_form_differs_from_that_of_the_row(client_as):
    contact, browser = a_contact(first_name="Ana", last_name="Peña"), client_as(BRUNO)
    assert title(browser.get(f"/contacts/show/{contact.id}").text) == "Ana Peña · Padrón"
    assert title(browser.get(f"/contacts/edit/{contact.id}").text) == "Edit Ana Peña · Padrón"


def test_nothing_is_asked_before_a_deletion_that_can_be_undone(client_as):
    contact, tag, browser = a_contact(), a_value(Tag), client_as(ALICIA)
    page = browser.get(f"/contacts/show/{contact.id}").text
    form = re.search(rf'<form action="/contacts/delete/{contact.id}"[^>]*>', page)[0]
    assert "data-confirm" not in form
    assert "Move to trash" in page
    # Without a trash the question says that it is for good.
    page = browser.get(f"/tags/show/{tag.id}").text
    form = re.search(rf'<form action="/tags/delete/{tag.id}"[^>]*>', page)[0]
    assert f"Permanently delete “{tag}”? This can’t be undone." in form


def test_restoring_a_value_shows_which(client_as):
    contact, browser = a_contact(city="Cáceres", notes=None), client_as(BRUNO)
    form = find_post_form(browser.get(f"/contacts/edit/{contact.id}").text)
    browser.post(f"/contacts/edit/{contact.id}", data=form.submitted(city="Lugo", notes="New"))
    page = browser.get(f"/contacts/show/{contact.id}?tab=log").text
    assert "Restore City to “Cáceres”?" in page
    assert "Restore Notes to empty?" in page


def test_the_log_tab_has_the_number_of_entries(client_as):
    contact, browser = a_contact(), client_as(BRUNO)
    form = find_post_form(browser.get(f"/contacts/edit/{contact.id}").text)
    browser.post(f"/contacts/edit/{contact.id}", data=form.submitted(city="Lugo"))
    page = browser.get(f"/contacts/show/{contact.id}").text
    tab = re.search(r'<a href="[^"]*tab=log"[^>]*>(.*?)</a>', page, re.S)[1]
    assert 'class="badge-count">2<' in tab


def test_the_side_repeats_nothing_of_the_details(client_as):
    contact = a_contact(city="Cáceres")
    page = client_as(BRUNO).get(f"/contacts/show/{contact.id}").text
    side = page.split('class="side-column"', 1)[1].split("</aside>", 1)[0]
    assert "Last changed" in side
    assert "Norte" not in side


def test_only_the_status_is_coloured(client_as):
    contact = a_contact(type=a_value(ContactType), status=a_value(Status), tags=[a_value(Tag)])
    page = client_as(BRUNO).get(f"/contacts/show/{contact.id}").text
    chips = re.findall(r'<span class="(chip(?: [^"]*)?)">([^<]*)</span>', page)
    coloured = {text for classes, text in chips if " tag " not in classes}
    assert coloured == {str(contact.status)}
    assert str(contact.type) in page


def test_a_tab_alone_is_drawn_without_counting_the_others(client_as, monkeypatch):
    contact, browser = a_contact(), client_as(BRUNO)
    counted = []
    monkeypatch.setattr(LogTab, "select_counted", classmethod(lambda cls, _: counted.append(cls)))
    url = f"/contacts/show/{contact.id}?tab=log"
    assert "<html" in browser.get(url).text
    assert len(counted) == 1
    fragment = browser.get(url, headers={"X-Fragment": "1"})
    assert fragment.status_code == 200
    assert "<html" not in fragment.text
    assert len(counted) == 1


def buttons(page: str) -> list[str]:
    """Return what the header of a row offers, but for its menu."""
    head = re.split(r"<details|</div>", page.split('class="head-ways"', 1)[1])[0]
    return re.findall(r'(?:href|action)="([^"]+)"', head)


def test_one_writes_to_the_first_e_mail_and_calls_the_mobile(client_as):
    numbers = {"phone": "+34910000000", "mobile": "+34600000000"}
    contact, browser = a_contact(email="ana@example.org", **numbers), client_as(CLARA)
    page = browser.get(f"/contacts/show/{contact.id}").text
    assert buttons(page) == ["mailto:ana@example.org", "tel:+34600000000"]
    contact.mobile = contact.email = None
    db.session.commit()
    page = browser.get(f"/contacts/show/{contact.id}").text
    assert buttons(page) == ["tel:+34910000000"]
    account = an_account(email="info@example.org")
    page = browser.get(f"/accounts/show/{account.id}").text
    assert buttons(page) == ["mailto:info@example.org"]


def test_the_menu_of_a_user_is_for_who_may_manage_another_one(client_as):
    page = client_as(ALICIA).get(f"/users/show/{BRUNO.user.id}").text
    form = re.search(rf'<form action="/users/link/{BRUNO.user.id}"[^>]*>', page)[0]
    assert "data-calm" in form
    assert "Send Bruno García a link to choose a new password?" in form
    assert "/users/nofactor/" not in page
    BRUNO.user.totp_secret = "x"
    db.session.commit()
    page = client_as(ALICIA).get(f"/users/show/{BRUNO.user.id}").text
    form = re.search(rf'<form action="/users/nofactor/{BRUNO.user.id}"[^>]*>', page)[0]
    assert "data-calm" not in form
    assert "/users/link/" not in client_as(ALICIA).get(f"/users/show/{ALICIA.user.id}").text
