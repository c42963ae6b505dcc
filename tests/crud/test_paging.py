"""Paging visits every row once, in order, forwards and backwards."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from app.contacts.models import Contact
from app.crud import paging, table
from app.crud.paging import Cursor, InvalidPage, Order, fetch
from app.extensions import db
from tests.factories import the_entity
from tests.people import ALICIA

pytestmark = pytest.mark.both_databases

SIZES = (1, 2, 3, 5, 7, 50)
SORTS = ("sort_name", "birth_date", "email", "number", "created_at", "id")


@pytest.fixture
def contacts(session):
    """Create 23 contacts with many equal and many missing values."""
    home = the_entity("Norte")
    names = ["Peña", "Ruiz", "Ñíguez", "peña", "Núñez"]
    for number in range(23):
        contact = Contact(
            first_name=None,
            last_name=names[number % 5],
            number=f"P{number:03d}",
            email=f"e{number % 4}@example.org" if number % 3 else None,
            birth_date=date(1980, 1, 1) + timedelta(days=number % 5) if number % 4 else None,
            entity=home,
        )
        session.add(contact)
    session.commit()


def fetch_all_pages(order, size, backwards, condition=None):
    """Return the pages from one end of the list to the other."""

    def run(statement, is_descending):
        return db.session.execute(statement).all()

    query = select(Contact.id.label("row_id"), order.attribute.label("sort"))
    more = {}
    if condition is not None:
        query, more = query.where(condition), {"unfiltered": select(Contact)}
    page = fetch(run, query, order, size, last=backwards, **more)
    pages = [page]
    while page.has_previous if backwards else page.has_next:
        row = page.rows[0] if backwards else page.rows[-1]
        cursor = Cursor.read(str(Cursor(row[1], row[0], None)), type(row[1]))
        way = {"before": cursor} if backwards else {"after": cursor}
        page = fetch(run, query, order, size, **way, **more)
        pages.append(page)
        assert len(pages) < 60, "paging does not end"
    return pages[::-1] if backwards else pages


def expected(sort, descending):
    """Return the ids in the expected order: by value, missing values last, then by id."""
    rows = db.session.execute(select(Contact.id, getattr(Contact, sort))).all()
    filled = sorted((value, number) for number, value in rows if value is not None)
    blank = sorted(number for number, value in rows if value is None)
    if descending:
        filled, blank = filled[::-1], blank[::-1]
    return [number for _value, number in filled] + blank


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("descending", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("backwards", [False, True], ids=["forward", "back"])
def test_every_row_is_visited_once_and_in_order(contacts, sort, descending, backwards):
    attribute = getattr(Contact, sort)
    order = Order(attribute, Contact.id, descending, attribute.expression.nullable)
    for size in SIZES:
        pages = fetch_all_pages(order, size, backwards)
        visited = [row[0] for page in pages for row in page.rows]
        assert visited == expected(sort, descending), size


@pytest.mark.parametrize("walked", [(1, 2), (4, 8), (1_000, 4_000)], ids=["1", "4", "all"])
@pytest.mark.parametrize("sort", ["sort_name", "email", "birth_date"])
@pytest.mark.parametrize("descending", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("backwards", [False, True], ids=["forward", "back"])
def test_a_filtered_list_is_the_same_however_far_is_walked(
    contacts, walked, sort, descending, backwards, monkeypatch
):
    monkeypatch.setattr(paging, "WALKED", walked)
    attribute = getattr(Contact, sort)
    order = Order(attribute, Contact.id, descending, attribute.expression.nullable)
    is_found = Contact.last_name.in_(["Ruiz", "Peña"])
    found = set(db.session.scalars(select(Contact.id).where(is_found)))
    for size in (1, 3, 50):
        pages = fetch_all_pages(order, size, backwards, is_found)
        visited = [row[0] for page in pages for row in page.rows]
        assert visited == [pk for pk in expected(sort, descending) if pk in found], size


@pytest.mark.parametrize("database", ["postgres"], indirect=True, scope="session")
def test_what_stands_at_the_end_is_not_walked_to(contacts, client_as, counting, monkeypatch):
    monkeypatch.setattr(table, "MAX_FILTERED_COUNT", 3)
    browser = client_as(ALICIA)
    near = browser.get("/contacts/list/?size=25&sort=name&q=peña").text
    monkeypatch.setattr(paging, "WALKED", (2, 8))
    with counting() as statements:
        gathered = browser.get("/contacts/list/?size=25&sort=name&q=peña").text
    shown = [re.findall(r"/contacts/show/(\d+)", page) for page in (near, gathered)]
    assert shown[0] == shown[1] != []
    # A look at the first rows, and as they hold few, at all that are found.
    assert sum("walked" in statement for statement in statements) == 1
    assert sum("OFFSET" in statement for statement in statements) == 1


def test_the_first_page_has_no_previous_and_the_last_no_next(contacts):
    order = Order(Contact.sort_name, Contact.id, False, False)
    pages = fetch_all_pages(order, 10, backwards=False)
    assert [(page.has_previous, page.has_next) for page in pages] == [
        (False, True),
        (True, True),
        (True, False),
    ]


@pytest.mark.parametrize("value", ["Peña", None, "", "~", "a/b+c=d", "ñ" * 200])
def test_a_cursor_can_be_parsed_from_its_string(value):
    cursor = Cursor(value, 7, 12)
    assert Cursor.read(str(cursor), str) == cursor
    assert re.fullmatch(r"[\w-]+", str(cursor))


@pytest.mark.parametrize("kind", [str, int, date])
@pytest.mark.parametrize("text", ["", "abc", "W10", "bnVsbA", "e30", "WzEsMl0", "MQ", "_" * 5000])
def test_an_invalid_cursor_is_refused(text, kind):
    with pytest.raises(InvalidPage):
        Cursor.read(text, kind)


def test_the_links_of_the_pager_lead_through_the_whole_list(contacts, client_as):
    """Follow the links of the pager with the smallest page size."""
    home = the_entity("Norte")
    for number in range(60):
        db.session.add(Contact(last_name="Zapata", number=f"Z{number:03d}", entity=home))
    db.session.commit()
    browser = client_as(ALICIA)
    seen, address = [], "?size=25&sort=name"
    while address:
        page = browser.get(f"/contacts/list/{address}").text
        shown = list(dict.fromkeys(re.findall(r"/contacts/show/(\d+)", page)))
        seen += shown
        links = re.findall(r'href="(\?[^"]*after=[^"]*)"', page)
        address = links[0].replace("&amp;", "&") if links else ""
        assert len(seen) <= 83
    assert [int(number) for number in seen] == expected("sort_name", False)


def test_the_last_page_shows_the_last_row(contacts, client_as):
    page = client_as(ALICIA).get("/contacts/list/?size=25&page=last&sort=name").text
    assert f"/contacts/show/{expected('sort_name', False)[-1]}" in page


def test_rows_inserted_while_paging_cause_no_gap_and_no_repetition(contacts):
    order = Order(Contact.sort_name, Contact.id, False, False)

    def run(statement, is_descending):
        return db.session.execute(statement).all()

    query = select(Contact.id, Contact.sort_name)
    first = fetch(run, query, order, 5)
    last = first.rows[-1]
    db.session.add(Contact(last_name="Aaron", number="NEW", entity=the_entity("Norte")))
    db.session.commit()
    second = fetch(run, query, order, 5, after=Cursor(last[1], last[0], None))
    rows = [*first.rows, *second.rows]
    assert all((a[1], a[0]) < (b[1], b[0]) for a, b in pairwise(rows))
    assert len({row[0] for row in rows}) == 10
