"""Hostile values in every parameter of every address: no 5xx, no leak, nothing that runs.

What is crossed with what: every filter and every parameter of every list reads one value of each
family, chosen by the seed of the run; those a filter takes are asked of the database, up to twenty
filters at once. The search is asked for a quarter of all values, pickers and tabs for one of each
family, parameters of lists and arguments of paths for four of different families.
``PADRON_TEST_FULL=1`` crosses everything with everything.
"""

from __future__ import annotations

import base64
import contextlib
import json
from urllib.parse import quote, urlencode

import pytest
from werkzeug.datastructures import MultiDict

from app.crud.modelview import ModelView
from app.crud.paging import Cursor
from app.errors import DomainError
from tests.contracts.hostile import ALL_VALUES, VALUES_BY_FAMILY, one_of_each
from tests.contracts.replies import find_fault
from tests.contracts.routes import get_view, methods, rules, rules_app
from tests.contracts.url_values import RowPool, url_cases
from tests.factories import a_contact, some_contacts
from tests.people import ALICIA
from tests.sampling import chance, some

pytestmark = pytest.mark.long
every_view = pytest.mark.parametrize("view", ModelView.all(), ids=lambda view: view.__name__)
PARAMETERS = ("q", "sort", "size", "page", "after", "before", "cols", "view", "on", "filter")
AT_ONCE = 20


def quoted(value: str) -> str:
    return quote(value[:6000].encode("utf-8", "surrogatepass"), safe="")


def asked(pairs: list[tuple[str, str]]) -> str:
    return urlencode([(n, v[:2000].encode("utf-8", "surrogatepass")) for n, v in pairs])


def values_for(purpose: str) -> list[str]:
    """Return one value of each family, chosen for a purpose by the seed; or all of them."""
    return [value for _family, value in one_of_each(purpose)]


def faults(browser, urls) -> list[tuple[str, str]]:
    found = ((url[:200], find_fault(browser.get(url, buffered=True))) for url in urls)
    return [(url, wrong) for url, wrong in found if wrong]


@pytest.mark.both_databases
@every_view
def test_every_filter_takes_or_refuses_every_value(view, app, client_as, monkeypatch):
    monkeypatch.setattr("app.crud.table.MAX_SCANS", AT_ONCE)
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    browser, taken, urls, together = client_as(ALICIA), [], [], []
    some_contacts(3)
    for column in screen.search_columns:
        for filter_ in screen.table.get_filters(column):
            name = f"{column}__{filter_.arg_name}"
            by_family = _taken(app, filter_, urls, f"{screen.route_base}/list/", name)
            taken.append([(name, value) for value in by_family])
    while any(taken):
        pairs = [values.pop() for values in taken if values]
        for start in range(0, len(pairs), AT_ONCE):
            together.append(f"{screen.route_base}/list/?{asked(pairs[start : start + AT_ONCE])}")
    assert faults(browser, urls) == []
    # What is shown of them is in the content of the page, which stands alone in a fragment.
    browser.environ_base["HTTP_X_FRAGMENT"] = "1"
    assert faults(browser, together) == []
    # What each filter takes by itself reaches the database together too.
    assert [url[:200] for url in together[:2] if browser.get(url).status_code != 200] == []


def _taken(app, filter_, urls: list[str], base: str, name: str) -> list[str]:
    """Return values a filter takes; add an address with one it refuses."""
    taken, refused = [], []
    with app.test_request_context():
        for value in values_for(f"{base} {name}"):
            try:
                filter_.read(value)
            except DomainError:
                refused.append(value)
            else:
                taken.append(value)
    if refused:
        urls.append(f"{base}?{asked([(name, chance(name).choice(refused))])}")
    return taken


@every_view
def test_every_parameter_of_a_list_is_read_or_refused(view, app, session):
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    with app.test_request_context():
        for parameter in PARAMETERS:
            for value in values_for(f"{view.__name__} {parameter} read"):
                with contextlib.suppress(DomainError):
                    state = screen.table.read_state(MultiDict([(parameter, value)]), {})
                    Cursor.read(state.after or state.before, str)


@every_view
def test_every_list_takes_or_refuses_whatever_it_is_asked(view, app, client_as):
    base = next(v for v in app.appbuilder.baseviews if type(v) is view).route_base
    pages = ("list/", "filters", "columns", "count", "views/new", "filter")
    urls = [
        f"{base}/{pages[(number + place) % len(pages)]}?{asked([(parameter, value)])}"
        for place, parameter in enumerate((*PARAMETERS, "value", "nope__is"))
        for number, value in enumerate(some(values_for(f"{base} {parameter}"), 4, base))
    ]
    assert faults(client_as(ALICIA), urls) == []


@every_view
def test_a_forged_page_mark_is_refused_or_leads_somewhere(view, app, client_as):
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    values = [*VALUES_BY_FAMILY["controls"][-6:], 10**30, -(2**63), 2**62, 1.5, True, None]
    marks = [
        *([value, 1, None] for value in values),
        ["a", 10**30, None], ["a", 1, 10**30], [1, 1, -(10**30)], ["a", True, None],
        [["a"], 1, 1], [{}, 1, None], ["9999-12-31T23:59:59", 1, None], ["0001-01-01", 1, 1],
    ]  # fmt: skip
    urls = [
        f"{screen.route_base}/list/?sort={column}&{edge}={_mark([value, number, place])}"
        for column in screen.table.sorts
        for edge in ("after", "before")
        for value, number, place in some(marks, 3, f"{view.__name__} {column} {edge}")
    ]
    browser = client_as(ALICIA)
    browser.environ_base["HTTP_X_FRAGMENT"] = "1"
    assert faults(browser, urls) == []


def _mark(parts: list) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def test_the_search_finds_nothing_worse_than_nothing(client_as):
    a_contact()
    browser = client_as(ALICIA)
    pages = [f"/search?{asked([('q', value)])}" for value in values_for("search")]
    assert faults(browser, pages) == []
    browser.environ_base["HTTP_X_FRAGMENT"] = "1"
    each = len(ALL_VALUES) // 4
    urls = [f"/search?{asked([('q', v)])}" for _family, v in some(ALL_VALUES, each, "search")]
    assert faults(browser, urls) == []


@every_view
def test_every_picker_answers_whatever_is_typed(view, app, client_as):
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    names = {*screen.edit_columns, *screen.search_columns}
    urls = [
        f"{screen.route_base}/lookup/{name}?{asked([('q', value)])}"
        for name in sorted(names)
        if screen.datamodel.is_relation(name)
        for value in values_for(f"{view.__name__} {name}")
    ]
    assert faults(client_as(ALICIA), urls) == []


@pytest.mark.parametrize(
    "path", dict.fromkeys(rule.rule for rule in rules(rules_app()) if rule.arguments)
)
def test_no_argument_of_a_path_breaks_a_page(path, app, client_as):
    things, alicia, browser, wrong = RowPool(), ALICIA.user, client_as(ALICIA), []
    for rule in (rule for rule in rules(app) if rule.rule == path):
        own = url_cases(things, get_view(app, rule), rule, alicia)[0][1]
        for argument in sorted(rule.arguments):
            values = values_for(f"{path} {argument}")
            for value in some(values, len(values) // 4, path):
                url = _path(path, own | {argument: value})
                for method in methods(rule):
                    reply = browser.open(url, method=method, buffered=True)
                    if said := find_fault(reply):
                        wrong.append((method, url[:200], said))
    assert wrong == []


def _path(rule: str, arguments: dict) -> str:
    for name, value in arguments.items():
        start = rule.rindex("<", 0, rule.index(f"{name}>"))
        rule = rule[:start] + quoted(str(value)) + rule[rule.index(">", start) + 1 :]
    return rule


@pytest.mark.parametrize(
    "page", ["/contacts/show/{}?tab={}", "/contacts/show/{}?tab=log&before={}"]
)
def test_no_tab_breaks_a_file(page, client_as):
    number = a_contact().id
    urls = [page.format(number, quoted(value)) for value in values_for(page)]
    assert faults(client_as(ALICIA), urls) == []
