"""Hostile values in every field of every form: no 5xx, no leak, nothing lost, nothing that runs.

What is crossed with what: every page with a form is sent as often as there are families of values,
all fields at once, each with a value of another family; so every field meets one value of each
family, chosen by the seed of the run. What comes back refused holds what was typed. Then the fields
of plain text alone are sent with what else the form needs to be saved, and read back.
``PADRON_TEST_FULL=1`` sends every field every value.
"""

from __future__ import annotations

import io
import re

import pytest

from app.crud.modelview import ModelView
from app.crud.trashview import TrashView
from app.extensions import db
from app.text import clean
from tests.contracts.hostile import VALUES_BY_FAMILY, one_of_each, rounds
from tests.contracts.matrix import undo
from tests.contracts.pagereader import Form, find_post_form, parse_forms
from tests.contracts.replies import find_fault
from tests.contracts.routes import get_view, is_api_rule, methods, rules, rules_app
from tests.contracts.url_values import RowPool, url_cases
from tests.factories import a_row
from tests.people import ALICIA

# What the edge takes away from whatever a browser sends: no database could keep it.
IMPOSSIBLE = re.compile("[\x00\ud800-\udfff]")
FORMLESS = (
    "on", "cols", "size", "default", "next", "language", "theme", "rowid", "action", "word", "name",
    "role", "user", "code", "password", "version", "_next",
)  # fmt: skip
pytestmark = pytest.mark.long
SCREENS = [view for view in ModelView.all() if not issubclass(view, TrashView)]


def posted(with_form: bool) -> list[str]:
    """Return the rules of whatever takes a POST, from a form of its own or from elsewhere."""
    return [
        rule.rule
        for rule in rules(rules_app())
        if "POST" in methods(rule)
        and ("GET" in methods(rule)) is with_form
        and not is_api_rule(rule)
    ]


def address(app, path: str) -> str:
    """Return an address under a rule, of a row of one's own if it takes a number."""
    rule = next(rule for rule in rules(app) if rule.rule == path and "POST" in methods(rule))
    arguments = {}
    if rule.arguments:
        arguments = url_cases(RowPool(), get_view(app, rule), rule, ALICIA.user)[0][1]
    with app.test_request_context():
        return app.url_for(rule.endpoint, **arguments)


def forms_at(browser, url: str) -> list[Form]:
    """Return the forms of a page that are sent to the page itself."""
    page = browser.get(url)
    found = parse_forms(page.text) if page.status_code == 200 else []
    return [form for form in found if form.method == "POST" and not form.action]


def typed_in(form: Form) -> list[str]:
    """Return the names of the fields of a form that something can be typed or chosen in."""
    names = dict.fromkeys(
        f.name for f in form.fields if f.kind not in ("file", "submit", "button")
    )
    names.pop("csrf_token", None)
    # A box in which something is looked up would keep everything else from being saved; what it
    # makes of hostile text is tried in tests/crud/test_without_script.
    return [name for name in names if not name.endswith(("_find", "_found"))]


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
@pytest.mark.parametrize("path", posted(with_form=True))
def test_no_form_breaks_or_loses_what_was_typed(path, who, app, connection, client_as):
    url, browser, wrong = address(app, path), client_as(who), []
    cookie = browser.get_cookie("padron")
    for number, form in enumerate(forms_at(browser, url)):
        for values in rounds(f"{path} {number}", typed_in(form), len(VALUES_BY_FAMILY)):
            # Some of these forms sign one out.
            browser.set_cookie("padron", cookie.value if cookie else "")
            with undo(connection):
                reply = browser.post(url, data=encoded(values), buffered=True)
            if said := find_fault(reply):
                wrong.append((said, values))
            wrong += [(name, values[name][:60]) for name in lost(reply, values)]
    assert wrong == []


def test_there_are_forms_to_send(app, client_as):
    for who, least in ((ALICIA, 20), (None, 2)):
        browser = client_as(who)
        found = [path for path in posted(with_form=True) if forms_at(browser, address(app, path))]
        assert len(found) >= least, found


@pytest.mark.parametrize("path", posted(with_form=False))
def test_no_button_breaks_a_page(path, app, connection, client_as):
    url, wrong = address(app, path), []
    for values in rounds(path, FORMLESS, len(VALUES_BY_FAMILY) // 3):
        with undo(connection):
            reply = client_as(ALICIA).post(url, data=encoded(values), buffered=True)
        if said := find_fault(reply):
            wrong.append((said, values))
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
    form = next(f for f in parse_forms(alicia.get(url).text) if "version" in f.submitted())
    kept = 0
    for _family, value in one_of_each(view.__name__, 2):
        values = {
            name: value
            for name, kind in kinds.items()
            if kind.normalize(value) and len(value) <= (kind.max_length or 10_000)
        }
        if not values:
            continue
        sent = form.submitted(version=str(row.version)) | encoded(values)
        reply = alicia.post(url, data=sent)
        if reply.status_code != 302:
            assert reply.status_code == 422, (value, reply.status_code)
            continue
        kept += 1
        db.session.expire_all()
        read = {name: getattr(row, name) for name in values}
        assert read == {name: kinds[name].normalize(as_it_arrives(value)) for name in values}
    assert kept or not kinds


def test_no_name_and_no_header_of_a_file_breaks_an_import(client_as):
    alicia, wrong = client_as(ALICIA), []
    for _family, value in one_of_each("import", 2):
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
        for step in ("check", "failed.csv"):
            page = browser.get(f"{url}/{step}", buffered=True)
            found.append(find_fault(page))
            if step == "check" and page.status_code == 200:
                confirmed = find_post_form(page.text, f"{url}/run").submitted()
        done = browser.post(f"{url}/run", data=confirmed, buffered=True)
        found += [find_fault(done), find_fault(browser.get(done.location, buffered=True))]
    return found
