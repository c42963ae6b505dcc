"""Hostile values in every field of every form: no 5xx, no leak, nothing lost, nothing that runs.

What is crossed with what: every page with a form is sent as often as there are values, all fields
at once, each with another value; so on CI every field meets every value, one half of them on SQLite
and the other on PostgreSQL (elsewhere every fifth of those, for speed). What comes back refused holds what was typed. Then the fields of plain
text alone are sent with what else the form needs to be saved, and read back.
``PADRON_TEST_FULL=1`` sends every field every value on both databases.
"""

from __future__ import annotations

import io
import os
import re
from itertools import count

import pytest

from app.crud.modelview import ModelView
from app.crud.trashview import TrashView
from app.extensions import db
from app.text import clean
from tests.factories import a_row
from tests.contracts.hostile import ALL_VALUES, VALUES_BY_FAMILY, pick_value
from tests.contracts.url_values import RowPool, url_cases
from tests.contracts.matrix import undo
from tests.contracts.pagereader import Form, parse_forms
from tests.contracts.replies import IS_FULL_RUN, find_fault
from tests.contracts.routes import is_api_rule, methods, rules, get_view
from tests.people import ALICIA

NAMES = list(VALUES_BY_FAMILY)
# What the edge takes away from whatever a browser sends: no database could keep it.
IMPOSSIBLE = re.compile("[\x00\ud800-\udfff]")
FORMLESS = (
    "on", "cols", "size", "default", "next", "language", "theme", "rowid", "action", "word", "name",
    "role", "user", "code", "password", "version", "_next",
)  # fmt: skip
SCREENS = [view for view in ModelView.all() if not issubclass(view, TrashView)]
_turn = count()
# No divisor of the number of values: neighbouring fields get values of other families.
STRIDE = 37


def addresses(app, with_form: bool) -> list[tuple[str, str]]:
    """Return (route, address) of whatever takes a POST, from a form of its own or from elsewhere."""
    found, things = [], RowPool()
    for rule in rules(app):
        known = methods(rule)
        if "POST" not in known or ("GET" in known) is not with_form or is_api_rule(rule):
            continue
        arguments = {}
        if rule.arguments:
            arguments = url_cases(things, get_view(app, rule), rule, ALICIA.user)[0][1]
        with app.test_request_context():
            found.append((rule.rule, app.url_for(rule.endpoint, **arguments)))
    return found


def turns() -> range:
    """Return the turns it takes for every field to meet every value, or this database's half."""
    if IS_FULL_RUN:
        return range(len(ALL_VALUES))
    each = 2 if os.environ.get("CI") else 10
    return range(db.engine.dialect.name == "sqlite", len(ALL_VALUES), each)


def typed(form: Form, turn: int) -> dict[str, str]:
    """Return something hostile for each field, another value each."""
    names = dict.fromkeys(
        f.name for f in form.fields if f.kind not in ("file", "submit", "button")
    )
    names.pop("csrf_token", None)
    # A box in which something is looked up would keep everything else from being saved; what it
    # makes of hostile text is tried in tests/crud/test_without_script.
    names = {name: None for name in names if not name.endswith(("_find", "_found"))}
    return {
        name: ALL_VALUES[(turn + place * STRIDE) % len(ALL_VALUES)][1]
        for place, name in enumerate(names)
    }


def encoded(values: dict[str, str]) -> dict[str, bytes]:
    return {name: value.encode("utf-8", "surrogatepass") for name, value in values.items()}


def as_it_arrives(value: str) -> str:
    """Return a value as a form gets it: bytes that are no letter as %…, and no NUL."""
    sent = value.encode("utf-8", "surrogatepass").decode("utf-8", "werkzeug.url_quote")
    return IMPOSSIBLE.sub("", sent)


def lost(reply, sent: dict[str, str]) -> list[str]:
    """Return the fields of a refused form that no longer hold what was typed."""
    if reply.status_code not in (400, 409, 422) or reply.mimetype != "text/html":
        return []
    back = {f.name: f for form in parse_forms(reply.text) for f in form.fields}
    return [
        name
        for name, value in sent.items()
        if name in back
        and back[name].is_text
        and clean(value)
        and back[name].values[:1] != [as_it_arrives(value)]
    ]


@pytest.mark.parametrize("who", [ALICIA, None], ids=["signed in", "visitor"])
def test_no_form_breaks_or_loses_what_was_typed(who, app, connection, client_as):
    wrong, sent = [], 0
    for route, url in addresses(app, with_form=True):
        browser = client_as(who)
        cookie = browser.get_cookie("padron")
        page = browser.get(url)
        forms = [form for form in parse_forms(page.text) if form.method == "POST" and not form.action]
        for form in forms if page.status_code == 200 else ():
            for turn in turns():
                values = typed(form, turn)
                # Some of these forms sign one out.
                browser.set_cookie("padron", cookie.value if cookie else "")
                with undo(connection):
                    reply = browser.post(url, data=encoded(values), buffered=True)
                sent += 1
                if said := find_fault(reply):
                    wrong.append((route, said, ALL_VALUES[turn]))
                wrong += [(route, name, values[name][:60]) for name in lost(reply, values)]
    assert wrong == []
    assert sent >= (len(turns()) * 15 if who else len(turns()))


def test_no_button_breaks_a_page(app, connection, client_as):
    wrong = []
    for route, url in addresses(app, with_form=False):
        for shift in range(0, len(NAMES), 1 if IS_FULL_RUN else 2):
            values = {
                name: pick_value(NAMES[(place + shift) % len(NAMES)], next(_turn))
                for place, name in enumerate(FORMLESS)
            }
            with undo(connection):
                reply = client_as(ALICIA).post(url, data=encoded(values), buffered=True)
            if said := find_fault(reply):
                wrong.append((route, said, values))
    assert wrong == []


@pytest.mark.parametrize("view", SCREENS, ids=lambda view: view.__name__)
def test_text_is_kept_as_it_was_typed_but_for_what_no_text_needs(view, app, client_as):
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    row, alicia = a_row(view.datamodel.obj), client_as(ALICIA)
    url = f"{screen.route_base}/edit/{row.id}"
    kinds = {
        name: screen.datamodel.field_type(name)
        for name in screen.edit_columns
        if not screen.datamodel.is_relation(name)
        and screen.datamodel.field_type(name).name in ("text", "lines")
        and not screen.datamodel.column(name).unique
    }
    kept = 0
    for _family, value in ALL_VALUES:
        values = {
            name: value
            for name, kind in kinds.items()
            if kind.tidy(value) and len(value) <= (kind.longest or 10_000)
        }
        if not values:
            continue
        form = next(f for f in parse_forms(alicia.get(url).text) if "version" in f.submitted())
        reply = alicia.post(url, data=form.submitted() | encoded(values))
        if reply.status_code != 302:
            assert reply.status_code == 422, (value, reply.status_code)
            continue
        kept += 1
        db.session.expire_all()
        read = {name: getattr(row, name) for name in values}
        assert read == {name: kinds[name].tidy(as_it_arrives(value)) for name in values}
        if not IS_FULL_RUN and kept >= 60:
            break
    assert kept or not kinds


def test_no_name_and_no_header_of_a_file_breaks_an_import(client_as):
    alicia, wrong = client_as(ALICIA), []
    for shift, family in enumerate(NAMES):
        for value in VALUES_BY_FAMILY[family][shift % 3 :: 1 if IS_FULL_RUN else 12]:
            said = IMPOSSIBLE.sub("", value)[:3000]
            cell = '"' + said.replace('"', '""') + '"'
            text = f"{cell};Apellidos;E-mail\n{cell};{cell};{cell}\n"
            upload = (io.BytesIO(text.encode()), f"{said[:200]}.csv")
            form = {"file": upload}
            reply = alicia.post("/contacts/import", data=form, buffered=True)
            wrong += [(value[:80], said) for said in [find_fault(reply)] if said]
            if reply.status_code == 302:
                wrong += [(value[:80], said) for said in _go_on(alicia, reply.location) if said]
    assert wrong == []


def _go_on(browser, url: str) -> list[str]:
    """Go through the steps of an import; return what went wrong."""
    page = browser.get(url)
    found = [find_fault(page)]
    form = next((f for f in parse_forms(page.text) if f.submitted().get("field")), None)
    if form is None:
        return found
    reply = browser.post(url, data=form.submitted(), buffered=True)
    found.append(find_fault(reply))
    if reply.status_code == 302:
        for method, step in (
            ("GET", "check"),
            ("GET", "failed.csv"),
            ("POST", "run"),
            ("GET", "result"),
        ):
            found.append(find_fault(browser.open(f"{url}/{step}", method=method, buffered=True)))
    return found
