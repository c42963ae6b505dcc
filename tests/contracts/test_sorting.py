"""Every list can be sorted by every column that it can show, in the reader's alphabet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import cycle
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role
from markupsafe import escape
from sqlalchemy import String, select
from werkzeug.datastructures import MultiDict

from app.contacts.views.contacts import ContactView
from app.crud.columns import ChipsColumn
from app.crud.modelview import ModelView
from app.extensions import db
from app.i18n.labels import Bilingual
from app.security.actor import acting_as, current_actor
from app.states.stateful import Stateful
from app.text import sort_key
from app.trash.services import move_to_trash
from app.types import Scaled
from tests.factories import a_contact, a_row, an_account
from tests.people import ALICIA, BRUNO
from tests.sampling import chance

pytestmark = pytest.mark.both_databases

NUMBER_OF_ROWS = 9
SIZE = 4
# The most statements that one page takes: count, values, rows, labels, chips.
MAX_STATEMENTS = 9
# Bytes, accents and the place of ñ would each give another order.
TEXTS = ["Ñuble", "nzuri", "Ávila", "avila", "Zamora", None, "Oviedo", "", "10"]
DATES = [date(2026, 2, 1), None, date(1999, 12, 31), date(2026, 2, 1)]

views = pytest.mark.parametrize("view", ModelView.all(), ids=lambda view: view.__name__)


@views
def test_a_list_is_sorted_by_every_column_or_says_why_not(view, app, session):
    screen = find(app, view)
    for name, column in screen.table.columns.items():
        assert name in screen.table.sorts or str(column.why_not_sorted) != "", name
    unsorted = [
        column
        for name, column in screen.table.columns.items()
        if name not in screen.table.sorts
        and column.shape not in ("phone", "chips", "uses", "move")
    ]
    assert [column.name for column in unsorted] in ([], ["words"])
    assert not any(
        isinstance(column, ChipsColumn) and name in screen.table.sorts
        for name, column in screen.table.columns.items()
    )


@views
def test_a_list_is_filtered_by_every_column_or_says_why_not(view, app, session, client_as):
    screen = find(app, view)
    unfiltered = [
        c for name, c in screen.table.columns.items() if name not in screen.table.filters
    ]
    stored = {*screen.datamodel.list_properties, *screen.datamodel.computed}
    assert not stored & {column.name for column in unfiltered}
    page = client_as(ALICIA).get(f"{screen.route_base}/filters").text
    for column in unfiltered:
        assert escape(str(column.why_not_filtered)) in page, column.name


@views
def test_paging_visits_every_row_once_in_the_order_of_what_is_shown(view, app, session, counting):
    screen = find(app, view)
    make_rows(screen)
    actor, ids = ALICIA.as_actor(), visible_ids(screen)
    for name in screen.table.sorts:
        for descending in (False, True):
            about = f"{name} {'down' if descending else 'up'}"
            backwards = chance(about).random() < 0.5
            with app.test_request_context(headers={"Accept-Language": "es"}), acting_as(actor):
                rows = pages(screen, name, descending, backwards, counting)
            assert sorted(row for row, _key in rows) == ids, about
            check_order(rows, descending, about)


@pytest.mark.parametrize("walked", [(1, 2), (1, 1, 40)], ids=["then counted", "to the end"])
@pytest.mark.parametrize("name", ["city", "entity"])
def test_a_long_list_is_read_value_by_value(name, walked, app, session, counting, monkeypatch):
    monkeypatch.setattr("app.crud.table.MAX_FILTERED_COUNT", 0)
    monkeypatch.setattr("app.crud.sorting.MAX_WALKED", 1)
    monkeypatch.setattr("app.crud.sorting.WALKED", walked)
    screen = find(app, ContactView)
    make_rows(screen)
    actor, ids = ALICIA.as_actor(), visible_ids(screen)
    for descending, backwards in ((False, False), (True, True)):
        with app.test_request_context(headers={"Accept-Language": "es"}), acting_as(actor):
            rows = pages(screen, name, descending, backwards, counting)
        assert sorted(row for row, _key in rows) == ids
        check_order(rows, descending, name)


def test_no_page_of_a_long_list_counts_its_rows_by_value(app, session, counting, monkeypatch):
    monkeypatch.setattr("app.crud.table.MAX_FILTERED_COUNT", 0)
    monkeypatch.setattr("app.crud.sorting.MAX_WALKED", 1)
    screen = find(app, ContactView)
    make_rows(screen)
    for name in ("name", "city", "postcode", "country", "entity", "type", "email", "account"):
        state = replace(screen.table.read_state(MultiDict({"sort": name}), {}), size=SIZE)
        with app.test_request_context(), acting_as(ALICIA.as_actor()), counting() as statements:
            screen.table.load_page(state, current_actor())
        assert not [one for one in statements if "GROUP BY" in one], name


def test_a_row_whose_linked_row_cannot_be_seen_comes_last(app, session, counting):
    """Its column is empty: the account is in the trash, or of another entity."""
    trashed, foreign = an_account(name="Aaa"), an_account("Sur", name="Aab")
    accounts = [trashed, foreign, None, an_account(name="Zzz"), an_account(name="Ñu")]
    ids = [a_contact(account=account).id for account in accounts]
    move_to_trash(trashed, ALICIA.as_actor())
    session.commit()
    screen, actor = find(app, ContactView), BRUNO.as_actor()
    with app.test_request_context(), acting_as(actor):
        up = [row for row, _key in pages(screen, "account", False, False, counting)]
        down = [row for row, _key in pages(screen, "account", True, True, counting)]
    assert up == [ids[4], ids[3], *ids[:3]]
    assert down == [ids[3], ids[4], *ids[2::-1]]


def check_order(rows: list[tuple[int, Any]], descending: bool, about: str) -> None:
    """Check the order of (id, key): by key, empty keys last, equal keys of one value by id."""
    keys = [key for _id, key in rows]
    filled = [key for key in keys if key not in (None, "")]
    assert filled == sorted(filled, reverse=descending), about
    assert keys[: len(filled)] == filled, f"{about}: empty values come last"


def pages(screen, name, descending, backwards, counting) -> list[tuple[int, Any]]:
    """Return the (id, key) of every row, page by page from one end of the list to the other."""
    order = ("-" if descending else "") + name
    columns = [column for column in screen.table.columns if column == name]
    asked = {"sort": order, "cols": ",".join(columns or [next(iter(screen.table.columns))])}
    state = screen.table.read_state(MultiDict(asked), {})
    state = replace(state, size=SIZE, last=backwards)
    found: list[list[tuple[int, list[Any]]]] = []
    while True:
        with counting() as statements:
            page = screen.table.load_page(state, current_actor())
        assert len(statements) <= MAX_STATEMENTS, (name, statements)
        found.append(page.rows)
        link = page.previous if backwards else page.next
        if not link:
            break
        marks = dict(part.split("=", 1) for part in link[1:].split("&"))
        places = {"after": marks.get("after", ""), "before": marks.get("before", "")}
        state = replace(state, last=False, **places)
        assert len(found) < 50, "paging does not end"
    rows = [row for page in (found[::-1] if backwards else found) for row in page]
    return keys_of(screen, name, rows)


def keys_of(screen, name: str, rows: list[tuple[int, list[Any]]]) -> list[tuple[int, Any]]:
    """Return (id, key) of each row: a stored key, or the text that is shown for it."""
    column, model = screen.table.columns.get(name), screen.datamodel.obj
    stored = {"id": "id", **screen.order_by}.get(name)
    if stored is None and name in screen.datamodel.list_properties:
        is_link = screen.datamodel.is_relation(name)
        if not is_link and not isinstance(screen.datamodel.column(name).type, String):
            stored = name
    parts = [stored] if stored else column.parts[::-1] if column.shape == "title" else []
    if stored or (parts and parts != ["label"] and not issubclass(model, Role)):
        query = select(model.id, *(getattr(model, part) for part in parts))
        found = db.session.execute(query, execution_options={"with_trash": True})
        keys = {row[0]: row[1] if stored else sort_key(" ".join(row[1:])) for row in found}
        return [(row, keys[row]) for row, _cells in rows]
    # The column asked for comes after the name, unless it is the name.
    read = int if name == "holders" else sort_key
    return [(row, read(cells[-1].text)) for row, cells in rows]


def visible_ids(screen) -> list[int]:
    with acting_as(ALICIA.as_actor()):
        query = screen.datamodel.visible()
        return sorted(db.session.scalars(query.with_only_columns(screen.datamodel.obj.id)))


def find(app, view):
    return next(v for v in app.appbuilder.baseviews if type(v) is view)


def make_rows(screen) -> None:
    """Create rows whose shown columns have equal, empty, accented and odd values."""
    model = screen.datamodel.obj
    rows = [a_row(model) for _number in range(NUMBER_OF_ROWS)]
    is_stateful = issubclass(model, Stateful)
    for name in screen.table.columns:
        if name == "state" and is_stateful:
            # Only a transition changes it; all rows are in the first one.
            continue
        for row, value in zip(rows, cycle(values_of(screen, name)), strict=False):
            if value is not None or is_nullable(screen, name):
                setattr(row, name, value)
    # The label of a bilingual row is read from its two columns.
    for part in () if issubclass(model, Bilingual) else getattr(model, "name_parts", ()):
        for row, value in zip(rows, cycle(TEXTS), strict=False):
            setattr(row, part, value or "X")
    if issubclass(model, Bilingual):
        # It has a label in at least one language.
        with db.session.no_autoflush:
            for row in rows:
                row.label_en = row.label_en or row.label_es or "X"
    db.session.commit()
    if screen.datamodel.with_trash:
        for row in rows:
            move_to_trash(row, ALICIA.as_actor())
        db.session.commit()


def is_nullable(screen, name: str) -> bool:
    datamodel = screen.datamodel
    if datamodel.is_relation(name):
        return next(iter(datamodel.list_properties[name].local_columns)).nullable
    return datamodel.column(name).nullable


def values_of(screen, name: str) -> list[Any]:
    """Return values for a column; none for what is unique, many or not stored."""
    datamodel, model = screen.datamodel, screen.datamodel.obj
    if name not in datamodel.list_properties or datamodel.is_relation_many_to_many(name):
        return []
    if datamodel.is_relation(name):
        target = datamodel.get_related_model(name)
        if target is model and hasattr(model, "path"):
            return []
        rows = [a_row(target) for _number in range(3)]
        for row, text in zip(rows, ("Ñora", "Nz", "Ópera"), strict=True):
            if isinstance(row, Bilingual):
                row.label_en, row.label_es = text, text[::-1]
            elif hasattr(row, "sort_name"):
                setattr(row, "name" if not hasattr(row, "last_name") else "last_name", text)
        db.session.commit()
        return [*rows, None, rows[0]]
    info, column = datamodel.get_info(name), datamodel.column(name)
    if (
        column.unique
        or name in screen.order_by
        or name in ("created_at", "updated_at", "trashed_at")
    ):
        return []
    kind = datamodel.field_type(name).name
    if "choices" in info:
        return [*info["choices"], None]
    if kind == "country":
        return ["DE", "ES", None, "AF", "GB"]
    if kind == "province":
        return ["ES-A", "ES-CC", None, "Ávila del Río", "ES-O"]
    if kind in ("day", "whole", "flag", "moment"):
        return {
            "day": DATES, "whole": [3, 20, 100, 3], "flag": [True, False],
            "moment": [datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None), None],
        }[kind]  # fmt: skip
    if isinstance(column.type, Scaled):
        return [Decimal(3), Decimal("-20.5"), None, Decimal(100), Decimal("0.5")]
    if kind in ("email", "phone", "url"):
        return ["b@example.org", "a@example.org", None, "c@example.org"] if kind == "email" else []
    return TEXTS
