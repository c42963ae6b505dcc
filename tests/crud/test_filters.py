"""Each list filter matches the right rows."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from app.contacts.models import Category, Contact, ContactType, Status, Tag
from app.crud import textfilters
from app.crud.columns import make_column
from app.crud.columnvalues import is_indexed
from app.crud.filters import FilterConverter
from app.crud.modelview import ModelView
from app.crud.sorting import GroupSort, KeySort
from app.extensions import db
from tests.factories import a_contact, an_account, the_entity, the_value
from tests.people import ALICIA, BRUNO

pytestmark = pytest.mark.both_databases


@pytest.fixture
def people(session):
    """Create three contacts who differ in every field; return them by name."""
    company = an_account(name="Imprenta Luz")
    tags = [the_value(Tag, "To be completed")]
    ana = a_contact(
        first_name="Ana Belén", last_name="García-Margallo", email="ana@example.org",
        phone="+34927214567", city="Cáceres", province="ES-CC", country="ES", language="es",
        birth_date=date(1978, 3, 14), type=the_value(ContactType, "Member"),
        status=the_value(Status, "Active"), category=the_value(Category, "Board"), tags=tags,
        account=company, notes="Prefers 50% off_ers", entity="Norte", salutation="ms",
    )  # fmt: skip
    brian = a_contact(
        first_name="Brian", last_name="O’Neill", email="brian@example.com", city="Dublin",
        country="IE", language="en", birth_date=date(1990, 12, 31), entity="Bilbao",
        type=the_value(ContactType, "Donor"), status=the_value(Status, "Pending"), manager=ana,
    )  # fmt: skip
    carmen = a_contact(first_name=None, last_name="Ñíguez", entity="Sur")
    carmen.created_at = datetime(2020, 2, 29, 23, 30, tzinfo=UTC)
    session.commit()
    return {"ana": ana, "brian": brian, "carmen": carmen}


def value_of(model, label):
    return str(the_value(model, label).id)


def names_found(browser, people, query) -> set[str]:
    """Return the names that a list shows."""
    reply = browser.get(f"/contacts/list/?{query}")
    assert reply.status_code == 200, query
    shown = set(re.findall(r"/contacts/show/(\d+)", reply.text))
    return {name for name, contact in people.items() if str(contact.id) in shown}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("last_name__contains=garcia", "ana"),
        ("last_name__contains=MARGALLO", "ana"),
        ("last_name__contains=a-m", "ana"),
        # Punctuation is not indexed for the search, but a filter finds it.
        ("last_name__contains=-", "ana"),
        ("last_name__contains=%2B", ""),
        ("last_name__starts=o'n", "brian"),
        ("last_name__is=ñiguez", "carmen"),
        ("last_name__is=niguez", "carmen"),
        ("first_name__empty=1", "carmen"),
        ("first_name__filled=1", "ana brian"),
        ("email__contains=example.org", "ana"),
        ("email__empty=1", "carmen"),
        ("phone__contains=927", "ana"),
        ("phone__contains=927 21-45", "ana"),
        ("province__contains=caceres", "ana"),
        ("province__contains=madrid", ""),
        ("notes__contains=50%25", "ana"),
        ("notes__contains=5_%25", ""),
        ("notes__contains=off_", "ana"),
        ("notes__contains=f%25e", ""),
        ("notes__filled=1", "ana"),
        ("country__is=ES", "ana"),
        ("country__is=ES,IE", "ana brian"),
        ("country__not=ES", "brian carmen"),
        ("country__empty=1", "carmen"),
        ("language__is=en", "brian"),
        ("language__not=en", "ana carmen"),
        ("salutation__filled=1", "ana"),
        ("birth_date__from=1990-12-31", "brian"),
        ("birth_date__to=1978-03-14", "ana"),
        ("birth_date__is=14/03/1978", "ana"),
        ("birth_date__empty=1", "carmen"),
        ("created_at__to=2020-03-01", "carmen"),
        ("created_at__to=2020-02-29", ""),
        ("created_at__from=2020-03-02", "ana brian"),
        ("manager__empty=1", "ana carmen"),
        ("account__empty=1", "brian carmen"),
        ("category__empty=1", "brian carmen"),
        ("tags__empty=1", "brian carmen"),
        ("last_name__contains=e&country__is=IE", "brian"),
        ("last_name__contains=%25", ""),
        ("last_name__contains=_", ""),
        ("last_name__contains=%22", ""),
        ("last_name__contains=%27", "brian"),
        ("last_name__contains=%5C", ""),
        ("last_name__contains=a", "ana"),
        ("last_name__contains=(", ""),
        ("last_name__contains=*", ""),
        ("last_name__contains=AND", ""),
    ],
)
def test_a_filter_matches_the_right_rows(people, client_as, query, names):
    assert names_found(client_as(ALICIA), people, query) == set(names.split())


@pytest.mark.parametrize(
    ("field", "model", "operator", "labels", "names"),
    [
        ("type", ContactType, "is", ["Member"], "ana"),
        ("type", ContactType, "is", ["Member", "Donor"], "ana brian"),
        ("type", ContactType, "not", ["Member"], "brian carmen"),
        ("status", Status, "is", ["Pending"], "brian"),
        ("category", Category, "not", ["Board"], "brian carmen"),
        ("tags", Tag, "is", ["To be completed"], "ana"),
        ("tags", Tag, "not", ["To be completed"], "brian carmen"),
    ],
)
def test_a_filter_on_a_repository_matches_the_right_rows(
    people, client_as, field, model, operator, labels, names
):
    values = ",".join(value_of(model, label) for label in labels)
    query = f"{field}__{operator}={values}"
    assert names_found(client_as(ALICIA), people, query) == set(names.split())


@pytest.mark.parametrize(
    ("operator", "entity", "names"),
    [
        ("under", "Norte", "ana brian"),
        ("under", "Federación", "ana brian carmen"),
        ("is", "Norte", "ana"),
        ("not", "Norte", "brian carmen"),
        ("under", "Sur", "carmen"),
    ],
)
def test_a_filter_on_the_entity_can_include_its_descendants(
    people, client_as, operator, entity, names
):
    query = f"entity__{operator}={the_entity(entity).id}"
    assert names_found(client_as(ALICIA), people, query) == set(names.split())


def test_a_filter_on_account_or_manager_matches_the_right_rows(people, client_as):
    browser = client_as(ALICIA)
    assert names_found(browser, people, f"account__is={people['ana'].account_id}") == {"ana"}
    assert names_found(browser, people, f"manager__is={people['ana'].id}") == {"brian"}


def test_a_filter_never_shows_rows_out_of_scope(people, client_as):
    assert names_found(client_as(BRUNO), people, "country__not=FR") == {"ana", "brian"}
    sur = the_entity("Sur").id
    assert names_found(client_as(BRUNO), people, f"entity__under={sur}") == set()


def test_a_filter_chip_does_not_name_rows_out_of_scope(people, client_as):
    far = an_account(entity="Sur", name="Secreta")
    page = client_as(BRUNO).get(f"/contacts/list/?account__is={far.id}").text
    assert "Secreta" not in page


def test_a_filter_chip_shows_label_operator_and_value(people, client_as):
    page = client_as(ALICIA).get("/contacts/list/?country__is=IE").text
    assert "Ireland" in page


def whose_lists_are_read(view, app, client_as):
    """Return the screen of a view, and a browser that gets its list without the menu around it."""
    browser = client_as(ALICIA)
    browser.environ_base["HTTP_X_FRAGMENT"] = "1"
    return next(v for v in app.appbuilder.baseviews if type(v) is view), browser


@pytest.mark.parametrize("view", ModelView.all(), ids=lambda view: view.__name__)
def test_every_offered_filter_works(view, app, client_as):
    """Each operator of each attribute returns a list on both databases."""
    screen, browser = whose_lists_are_read(view, app, client_as)
    examples = {"text": "1", "day": "2020-02-29", "whole": "1", "pick": "1", "none": "1"}
    for name in screen.search_columns:
        filters = FilterConverter(screen.datamodel).convert(name)
        assert filters, f"{name} is offered as a filter, and has none"
        for each in filters:
            value = examples.get(each.asks) or next(iter(each.options()))
            reply = browser.get(f"{screen.route_base}/list/?{name}__{each.arg_name}={value}")
            assert reply.status_code == 200, (name, each.arg_name)


@pytest.mark.parametrize("view", ModelView.all(), ids=lambda view: view.__name__)
def test_every_offered_column_and_sort_works(view, app, client_as):
    screen, browser = whose_lists_are_read(view, app, client_as)
    every = ",".join(screen.table.columns)
    assert browser.get(f"{screen.route_base}/list/?cols={every}").status_code == 200
    for sort in screen.table.sorts:
        for way in ("", "-"):
            reply = browser.get(f"{screen.route_base}/list/?sort={way}{sort}")
            assert reply.status_code == 200, sort


def test_every_sort_by_a_stored_key_has_an_index(app):
    """Without one the whole table would be read and sorted for every page, as a slow list is."""
    for view in app.appbuilder.baseviews:
        if not isinstance(view, ModelView) or view.datamodel.obj not in (Contact,):
            continue
        table = Contact.__table__
        indexed = {next(iter(index.columns)).name for index in table.indexes if index.columns}
        unique = {column.name for column in table.columns if column.unique or column.primary_key}
        keys = {
            sort.expression().key
            for sort in view.table.sorts.values()
            if isinstance(sort, KeySort) and sort.join is None and not sort.is_scan
        }
        # Few contacts are in the trash.
        assert keys - {"trashed_at"} <= indexed | unique


def test_every_sort_by_value_finds_the_rows_of_an_entity_in_the_index():
    """Else the rows of all other entities are read where an entity has none with a value."""
    (view,) = (one for one in ModelView.all() if one.__name__ == "ContactView")
    table = Contact.__table__
    indexed = {
        next(iter(index.columns)).name
        for index in table.indexes
        if "entity_id"
        in {*index.columns.keys(), *(index.dialect_options["postgresql"]["include"] or ())}
    }
    names = {*view.list_columns, *view.more_columns} - {"name"}
    sorts = (make_column(view.datamodel, name, name, ()).sort() for name in names)
    walked = {
        sort.expression().key
        for sort in sorts
        if isinstance(sort, GroupSort) and sort.candidates is not None
    }
    by_index = {name for name in walked if is_indexed(table.columns[name])}
    assert by_index >= {"type_id", "status_id", "city", "entity_id"}
    assert by_index <= indexed


def test_too_many_filters_at_once_are_refused(client_as):
    query = "&".join(["last_name__contains=a"] * 21)
    assert client_as(ALICIA).get(f"/contacts/list/?{query}").status_code == 400


def test_the_filter_dialog_redirects_to_the_list_with_the_new_filter(people, client_as):
    reply = client_as(ALICIA).get(
        "/contacts/filter?on=q%3Dana&filter=country__is&value=ES&value=IE"
    )
    assert reply.status_code == 302
    assert "country__is=ES%2CIE" in reply.location
    assert "q=ana" in reply.location


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("city__contains=acer", "ana"),
        ("city__starts=dub", "brian"),
        ("city__is=caceres", "ana"),
        ("city__is=cacere", ""),
        ("postcode__starts=10", "ana"),
    ],
)
def test_a_town_is_found_without_folding_those_of_all_rows(
    people, client_as, query, names, counting, monkeypatch
):
    people["ana"].postcode = "10003"
    db.session.commit()
    browser = client_as(ALICIA)
    with counting() as statements:
        found = names_found(browser, people, query)
    assert found == set(names.split())
    assert not any("padron_fold" in statement for statement in statements)
    monkeypatch.setattr(textfilters, "MAX_COMPARED", 0)
    assert names_found(browser, people, query) == found


@pytest.mark.parametrize(
    "query",
    ["phone__contains=214567", "phone__contains=0034 927", "last_name__starts=gar",
     "last_name__is=garcia-margallo", "email__is=ana@example.org"],
)  # fmt: skip
def test_what_the_search_finds_is_filtered_by_its_index(people, client_as, query, counting):
    browser = client_as(BRUNO)
    with counting() as statements:
        assert names_found(browser, people, query) == {"ana"}
    assert any("contact_search" in statement for statement in statements)
