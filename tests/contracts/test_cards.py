"""What every card of the start page keeps to: few statements, the numbers of its list, rights."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.datastructures import MultiDict

from app.crud.models import SavedView
from app.crud.screens import registered_view, screens
from app.crud.startpage import Card, ContentCard, Figure, ListCard, ListTodo
from app.extensions import db
from app.jobs.services import enqueue
from app.outbox.models import Message
from app.trash.services import move_to_trash
from tests.factories import a_contact, an_account, some_contacts
from tests.people import ALICIA, BRUNO, CLARA, DIEGO

MOST_STATEMENTS = 12
LISTED = [card for card in Card.all() if issubclass(card, Figure | ListTodo)]
every_list = pytest.mark.parametrize("card", LISTED, ids=lambda card: card.__name__)


def fill(app, monkeypatch) -> None:
    """Give every card something to show."""
    monkeypatch.setitem(app.config, "TRASH_DAYS", 5)
    some_contacts(6)
    an_account()
    for entity in ("Norte", "Sur"):
        move_to_trash(a_contact(entity), ALICIA.as_actor())
    db.session.add_all(
        [
            SavedView(list_name="contacts", name="Mine", query="q=a", owner_id=ALICIA.user.id),
            Message(kind="notice", recipient="a@example.org", state="failed"),
        ]
    )
    enqueue(db.session(), "sample", {}, ALICIA.as_actor(), title="A job")
    db.session.commit()


def numbers(html: str) -> list[int]:
    """Return the numbers in the text of a piece of a page."""
    return [int(number) for number in re.findall(r"\d+", re.sub(r"<[^>]*>", " ", html))]


def test_the_start_page_keeps_to_its_statements(app, client_as, counting, monkeypatch):
    fill(app, monkeypatch)
    browser = client_as(ALICIA)
    browser.post(f"/contacts/delete/{a_contact().id}")
    with counting() as statements:
        page = browser.get("/").text
    assert len(statements) <= MOST_STATEMENTS, statements
    for words in ("To do", "Saved views", "Your processes", "could not be sent", "permanently"):
        assert words in page


@pytest.mark.parametrize("person", [ALICIA, BRUNO], ids=lambda person: person.name)
@every_list
def test_a_number_is_that_of_the_list_it_leads_to(card, person, client_as, app):
    some_contacts(3)
    a_contact(email="a@example.org")
    a_contact("Sur")
    an_account("Sur")
    db.session.commit()
    browser = client_as(person)
    page = browser.get("/").text
    with app.test_request_context("/"):
        url = card.url().replace("&", "&amp;")
    link = re.search(rf'<a [^>]*href="{re.escape(url)}">(.*?)</a>', page, re.S)
    reply = browser.get(url.replace("&amp;", "&"))
    if link is None:
        # Nothing to do, or not for this person.
        assert issubclass(card, ListTodo) or reply.status_code == 403
        assert reply.status_code == 403 or "No results" in reply.text
        return
    counted = re.search(r'<p class="count">(.*?)</p>', reply.text, re.S)
    assert numbers(link[1]) == [numbers(counted[1])[-1] if counted else 0]


@every_list
def test_no_number_needs_a_text_of_every_row(card, app, session):
    with app.test_request_context("/"):
        args = MultiDict(parse_qsl(urlsplit(card.url()).query))
        state = registered_view(card.screen).table.read_state(args)
    assert not any(active.is_scan for active in state.filters)


def test_every_card_with_contents_is_loaded_alone_too(client_as, session, app, monkeypatch):
    fill(app, monkeypatch)
    browser = client_as(ALICIA)
    names = [card.name for card in ContentCard.all()]
    assert len(set(names)) == len(names)
    for name in names:
        reply = browser.get(f"/cards/{name}", headers={"X-Fragment": "1"})
        assert reply.status_code == 200
        assert "<html" not in reply.text
        assert "<html" in browser.get(f"/cards/{name}").text
    assert browser.get("/cards/nope").status_code == 404


def test_who_may_not_open_a_list_has_no_card_of_it(client_as, session):
    some_contacts(2)
    with_rows = [card for card in ContentCard.all() if issubclass(card, ListCard)]
    assert with_rows
    for card in with_rows:
        assert client_as(CLARA).get(f"/cards/{card.name}").status_code == 200
        assert client_as(DIEGO).get(f"/cards/{card.name}").status_code == 404
    page = client_as(DIEGO).get("/").text
    assert "There is nothing here for you yet" not in client_as(CLARA).get("/").text
    for screen in screens():
        assert f'href="{screen.route_base}/list/' not in page.split("<main")[1]
