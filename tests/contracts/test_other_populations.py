"""A contact's cookie opens nothing of the back-office, and a contact sees no row by default.

A model shows contacts rows by ``portal_scope`` and visitors by ``visitor_scope``; whoever gives a
model one of them takes its tests from there.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
from sqlalchemy import func, select

from app.crud.lookup import lookup_rows
from app.crud.modelview import ModelView
from app.crud.quicksearch import quick_search
from app.extensions import db
from app.search.models import Searchable
from app.security.actor import NOBODY, SYSTEM, acting_as, contact_actor
from app.security.guard import is_public
from app.security.scope import PORTAL_SCOPE, VISITOR_SCOPE, check_scope, visible
from tests.contracts.matrix import undo
from tests.contracts.routes import build_path, methods, rules, rules_app
from tests.factories import a_contact, an_account
from tests.people import BRUNO
from tests.portal import Portal, PortalUser, portal_cookie, the_portal

# The requests are made in so many tests: to make the tables of the portal takes longer than one.
PARTS = 8
REQUESTS = [(method, rule) for rule in rules(rules_app()) for method in methods(rule)]


@lru_cache
def models() -> tuple[type, ...]:
    """Return the models of every screen, and those of its pickers and columns."""
    found = set()
    for view in rules_app().appbuilder.baseviews:
        if isinstance(view, ModelView):
            found.add(view.datamodel.obj)
            for name in {*view.list_columns, *view.edit_columns, *view.search_columns}:
                if view.datamodel.is_relation(name):
                    found.add(view.datamodel.get_related_model(name))
    return tuple(sorted(found, key=lambda model: model.__name__))


@pytest.fixture
def ana(connection):
    """Give a contact who is logged in, with the id of a user of the back-office."""
    with the_portal(connection):
        user = PortalUser(id=BRUNO.user.id, contact_id=a_contact().id)
        db.session.add(user)
        db.session.commit()
        yield user


@pytest.mark.parametrize("part", range(PARTS))
def test_a_contact_s_cookie_is_treated_as_nobody_s(part, app, connection, ana):
    """Under its own name, and under the name of the staff's cookie."""
    name, cookie = app.config["SESSION_COOKIE_NAME"], portal_cookie(app, ana.id)
    for method, rule in REQUESTS[part::PARTS]:
        about = f"{method} {rule.rule}"
        nobody, contact = app.test_client(), app.test_client()
        for cookie_name in (name, Portal.cookie_name(app)):
            contact.set_cookie(cookie_name, cookie)
        with undo(connection):
            expected, reply = (
                browser.open(build_path(rule), method=method) for browser in (nobody, contact)
            )

        assert answer(reply) == answer(expected), about
        if not is_public(app, rule.endpoint):
            sent_to_login = reply.status_code == 302 and reply.location.startswith("/login/")
            assert sent_to_login or reply.status_code == 401, about


def answer(reply) -> tuple:
    return reply.status_code, reply.location, reply.headers.get("WWW-Authenticate")


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_model_of_a_screen_says_which_rows_staff_may_see(model):
    check_scope(model)


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_a_model_without_portal_scope_shows_a_contact_no_row(model, session):
    contact = a_contact(account=an_account())
    ana = contact_actor(contact.id, str(contact))
    actors = [(ana, PORTAL_SCOPE), (NOBODY, VISITOR_SCOPE)]
    for actor, name in actors:
        if not hasattr(model, name):
            assert rows(model, actor) == 0
            with acting_as(actor):
                assert list(lookup_rows(model, "", 10)) == []


def rows(model, actor) -> int:
    return db.session.scalar(select(func.count()).select_from(visible(model, actor).subquery()))


def test_the_models_have_rows_that_the_system_sees(session):
    a_contact(account=an_account())
    seen = [model.__name__ for model in models() if rows(model, SYSTEM)]
    assert {"Account", "Contact", "ContactType", "Entity", "Role", "StaffUser", "Tag"} <= set(seen)


@pytest.mark.parametrize(
    "view",
    [view for view in ModelView.all() if issubclass(view.datamodel.obj, Searchable)],
    ids=lambda view: view.__name__,
)
def test_a_search_finds_nothing_for_a_contact(view, app, session):
    a_contact(last_name="Peña", account=an_account())
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    ana = contact_actor(1, "Ana Ruiz")
    with app.test_request_context(), acting_as(ana):
        for typed in ("Peña", "a"):
            assert quick_search(screen.table, typed, 10, ana) == []


def test_the_session_of_a_contact_is_live_while_the_back_office_refuses_it(app, ana):
    with app.test_request_context("/portal/", headers={"Cookie": cookie_header(app, ana)}):
        assert Portal.current_user() is ana
        assert Portal.current_actor().contact_id == ana.contact_id


def cookie_header(app, user) -> str:
    return f"{Portal.cookie_name(app)}={portal_cookie(app, user.id)}"
