"""A permission alone shows no stored value, unless it is one to list, show, edit or export.

Each permission is given alone to a user, who requests every route it opens, for rows whose text
fields hold a canary. ``PADRON_TEST_FULL=1`` takes every permission, otherwise some by the seed.
"""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import update

from app.contacts.models import Contact
from app.crud.modelview import ModelView
from app.extensions import db
from app.fieldtypes import get_field_type
from tests.contracts.pagereader import parse_forms
from tests.contracts.routes import get_view, is_api_rule, methods, rules, rules_app
from tests.contracts.url_values import RowPool, url_cases
from tests.factories import a_contact, an_account
from tests.people import Person, add_person, force_login
from tests.sampling import some

CANARY = "Canariensis"
# What these are for is to show stored values.
READING = frozenset({"can_list", "can_show", "can_edit", "can_export", "menu_access"})


class CanaryPool(RowPool):
    """Rows of the Northern entity whose text fields all hold a canary."""

    def row_id(self, model: type, which: str) -> int:
        number = super().row_id(model, which)
        plant(model, number)
        return number


def plant(model: Any, number: int) -> None:
    """Write the canary into every text field of a row, past the listeners."""
    values = {}
    for name, attribute in model.__mapper__.column_attrs.items():
        column = attribute.columns[0]
        if name in ("password", "photo", "colour") or "choices" in column.info:
            continue
        field_type = get_field_type(column)
        if field_type.name in ("text", "lines", "email") and "label" in column.info:
            length = field_type.max_length or 200
            text = f"{CANARY}{number}"
            values[name] = f"{text}@example.org"[:length] if field_type.name == "email" else text
            if length < len(text):
                del values[name]
    if values:
        db.session.execute(update(model.__table__).where(model.id == number).values(values))
        db.session.commit()
        db.session.expire_all()


def guarded(app: Any, permission: str, resource: str) -> list[Any]:
    """Return the rules that need a permission."""
    found = []
    for rule in rules(app):
        view, name = get_view(app, rule), rule.endpoint.rpartition(".")[2]
        handler = getattr(view, name, None)
        if (
            f"can_{getattr(handler, '_permission_name', None)}" == permission
            and view.class_permission_name == resource
            and not is_api_rule(rule)
        ):
            found.append(rule)
    return found


def all_grants() -> list[tuple[str, str]]:
    pairs = {
        (permission, str(resource)) for permission, resource in rules_app().extensions["grants"]
    }
    return sorted(pair for pair in pairs if pair[0] not in READING and guarded(rules_app(), *pair))


def test_there_are_permissions_to_try():
    assert len(all_grants()) > 20


@pytest.fixture
def holder(session, app):
    """Return a function that logs in a user of the Northern entity with some permissions."""

    def log_in(*pairs: tuple[str, str]):
        manager = app.appbuilder.sm
        role = Role(name="One permission")
        role.permissions = [manager.add_permission_view_menu(*pair) for pair in pairs]
        db.session.add(role)
        db.session.commit()
        user = add_person(Person("unica", "Norte", "One permission"))
        db.session.commit()
        browser = app.test_client()
        force_login(browser, user.id)
        return user, browser

    return log_in


@pytest.mark.parametrize("pair", some(all_grants(), 12, "single permissions"), ids=" ".join)
def test_a_permission_alone_shows_no_stored_value(pair, holder, app):
    user, browser = holder(pair)
    pool, wrong = CanaryPool(), []
    linked = [a_contact(), an_account()]
    for row in linked:
        plant(type(row), row.id)
    for rule in guarded(app, *pair):
        view = get_view(app, rule)
        cases = url_cases(pool, view, rule, user) if rule.arguments else [("", {})]
        for which, arguments in cases:
            with app.test_request_context():
                url = app.url_for(rule.endpoint, **arguments)
            for method in methods(rule):
                for data in ({}, *_fillings(view, linked)) if method == "POST" else ({},):
                    reply = browser.open(url, method=method, data=data, buffered=True)
                    shown = reply.text + browser.get("/account/").text
                    if CANARY in shown:
                        wrong.append((method, url, which))
            query = "&".join(f"{name}={row.id}" for name, row in _links(view, linked))
            if "GET" in methods(rule) and query and CANARY in browser.get(f"{url}?{query}").text:
                wrong.append(("GET", url, query))
    assert wrong == []


def _links(view: Any, linked: list[Any]) -> list[tuple[str, Any]]:
    """Return the relations of a form and rows that can be chosen in them."""
    if not isinstance(view, ModelView):
        return []
    names = [name for name in view.add_columns if view.datamodel.is_relation(name)]
    return [
        (name, row)
        for name in names
        for row in linked
        if isinstance(row, view.datamodel.get_related_model(name))
    ]


def _fillings(view: Any, linked: list[Any]) -> list[dict[str, str]]:
    """Return what a form is sent with to make it name related rows."""
    return [
        sent
        for name, row in _links(view, linked)
        for sent in ({name: str(row.id)}, {"_find": name, f"{name}_find": ""})
    ]


def test_duplicating_needs_the_right_to_show(holder, session):
    contact = a_contact(notes="Very private")
    _user, browser = holder(("can_add", "ContactView"))
    assert browser.get(f"/contacts/duplicate/{contact.id}").status_code == 403


@pytest.mark.parametrize("more", ["", "can_show", "can_edit"])
def test_trying_out_an_import_shows_old_values_only_to_who_may_see_them(more, holder, session):
    contact = a_contact(city=CANARY, last_name=f"{CANARY} López")
    pairs = [("can_import", "ContactView")] + ([(more, "ContactView")] if more else [])
    _user, browser = holder(*pairs)
    file = io.BytesIO(f"Nº socio;Ciudad\n{contact.number};Lugo\n".encode())
    started = browser.post("/contacts/import", data={"file": (file, "a.csv")}).location
    form = next(f for f in parse_forms(browser.get(started).text) if "header" in f.submitted())
    reply = browser.post(started, data=form.submitted(), follow_redirects=True)
    assert reply.request.path.endswith("/check")
    assert (CANARY in reply.text) is bool(more)
    assert "Lugo" in reply.text or not more


def test_the_canary_is_seen_by_who_may_show_it(holder, app):
    """The test above would find a value that is shown."""
    _user, browser = holder(("can_show", "ContactView"))
    number = CanaryPool().row_id(Contact, "own")
    assert CANARY in browser.get(f"/contacts/show/{number}").text
