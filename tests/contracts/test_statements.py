"""Lists, pages of a row, forms and saving them take a limited number of SQL statements."""

from __future__ import annotations

from contextlib import contextmanager
from unittest.mock import patch

import flask_login.utils
import pytest
from sqlalchemy import Engine, event
from wtforms.form import FormMeta

from app.contacts.models import Contact
from app.crud.modelview import ModelView
from app.crud.trashview import TrashView
from app.extensions import db
from app.security import rights
from app.security.actor import SYSTEM, acting_as
from app.settings.cache import get_setting
from tests.contracts.pagereader import Form, parse_forms
from tests.factories import a_contact, an_account, some_contacts, the_entity
from tests.people import ALICIA, BRUNO

pytestmark = pytest.mark.both_databases

# The user with rights, reach, running jobs and settings; count, rows and chips; saved views.
MOST = 5
# Short lists, which are sorted value by value or whose uses in other tables are counted.
MORE = {"RoleView": 8, "UserView": 6, "TagView": 6, "ContactTypeView": 6}
# How often a page looks up its user: by whatever asks for ``current_user``.
MOST_LOOKUPS = 40
# Of the page of a row, its form, or saving that.
MOST_OF_A_ROW = 14
# Whose rows are opened: the pages of the trash show none of these.
SCREENS = [view for view in ModelView.all() if not issubclass(view, TrashView)]


@pytest.fixture(autouse=True)
def _known_settings(session):
    """Read the settings, as the first page of a process does."""
    get_setting("language")


@pytest.mark.parametrize("person", [ALICIA, BRUNO], ids=lambda person: person.name)
@pytest.mark.parametrize("page", ["", "page=last"], ids=["first", "last"])
def test_a_list_takes_as_many_statements_for_200_rows_as_for_a_few(
    person, page, client_as, counting
):
    some_contacts(4)
    browser = client_as(person)
    with counting() as few:
        assert browser.get(f"/contacts/list/?{page}").status_code == 200
    _many_more()
    with counting() as many:
        assert browser.get(f"/contacts/list/?{page}").status_code == 200

    assert len(many) == len(few)
    assert len(few) <= MOST, few


def _many_more() -> None:
    home = the_entity("Norte")
    db.session.add_all(
        Contact(last_name=f"Ruiz {n}", number=f"M{n:05d}", entity=home) for n in range(200)
    )
    db.session.commit()


@pytest.mark.parametrize("view", ModelView.all(), ids=lambda view: view.__name__)
def test_every_list_keeps_to_the_limit(view, app, client_as, counting):
    some_contacts(3)
    base = next(v for v in app.appbuilder.baseviews if type(v) is view).route_base
    browser = client_as(ALICIA)
    with counting() as statements:
        assert browser.get(f"{base}/list/").status_code == 200
    assert len(statements) <= MORE.get(view.__name__, MOST), statements


@pytest.mark.parametrize("person", [ALICIA, BRUNO], ids=lambda person: person.name)
def test_a_list_finds_out_once_what_its_user_may_do(person, client_as):
    some_contacts(3)
    browser = client_as(person)
    with (
        patch.object(rights, "_rights_of", wraps=rights._rights_of) as found_out,
        patch.object(rights, "permission_pairs") as asked,
        patch.object(flask_login.utils, "_get_user", wraps=flask_login.utils._get_user) as looked,
    ):
        assert browser.get("/contacts/list/").status_code == 200

    assert found_out.call_count == 1
    assert asked.call_count == 0
    assert looked.call_count <= MOST_LOOKUPS


@contextmanager
def _prepared_statements():
    """Note (statement, whether PostgreSQL keeps its plan) of what is executed."""
    noted = []

    def note(connection, cursor, statement, parameters, context, many):
        driver = connection.connection.driver_connection
        noted.append((statement, driver.prepare_threshold == 0))

    event.listen(Engine, "after_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(Engine, "after_cursor_execute", note)


@pytest.mark.parametrize("database", ["postgres"], indirect=True, scope="session")
def test_the_plan_of_what_is_found_by_keys_is_kept(client_as):
    address = f"/contacts/edit/{a_contact().id}"
    browser = client_as(BRUNO)
    db.session.expunge_all()
    with _prepared_statements() as noted:
        page = browser.get(address)
        form = _row_form(page).submitted(street="Calle Mayor, 7")
        db.session.expunge_all()
        assert browser.post(address, data=form).status_code == 302
    for part in ("FROM ab_user", "contact.number, contact.salutation", "UPDATE contact"):
        found = [is_kept for statement, is_kept in noted if part in statement]
        assert found, part
        assert all(found), part


@pytest.mark.parametrize("database", ["postgres"], indirect=True, scope="session")
def test_what_depends_on_typed_values_is_planned_for_them(client_as):
    some_contacts(3)
    browser = client_as(BRUNO)
    with _prepared_statements() as noted:
        assert browser.get("/contacts/list/?q=garcia&city__contains=Mad").status_code == 200
    of_list = [is_kept for statement, is_kept in noted if "contact_search" in statement]
    assert of_list
    assert not any(of_list)


@pytest.mark.parametrize("database", ["postgres"], indirect=True, scope="session")
def test_the_list_of_all_rows_has_its_values_in_its_text(client_as):
    some_contacts(3)
    browser = client_as(BRUNO)
    for page in ("", "?page=last", "?sort=email"):
        with _prepared_statements() as noted:
            assert browser.get(f"/contacts/list/{page}").status_code == 200
        of_list = [(s, is_kept) for s, is_kept in noted if "anon_1.row_id" in s]
        assert of_list
        assert all(is_kept and "%(" not in s for s, is_kept in of_list), of_list


def _row_form(page) -> Form:
    """Return the form of a row on a page."""
    return next(f for f in parse_forms(page.text) if any(i.name == "version" for i in f.fields))


def _rows_to_open(view: ModelView) -> list[int]:
    """Return the ids of some rows of a screen that ALICIA sees."""
    with acting_as(SYSTEM):
        query = view.datamodel.visible().with_only_columns(view.datamodel.obj.id)
        return list(db.session.scalars(query.order_by(view.datamodel.obj.id.desc()).limit(1)))


@pytest.mark.parametrize("page", ["show", "edit"])
@pytest.mark.parametrize("view", SCREENS, ids=lambda view: view.__name__)
def test_every_file_and_every_form_keep_to_the_limit(view, page, app, client_as, counting):
    some_contacts(1)
    an_account()
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    browser = client_as(ALICIA)
    for row_id in _rows_to_open(screen):
        db.session.expunge_all()
        with counting() as statements:
            reply = browser.get(f"{screen.route_base}/{page}/{row_id}")
        assert reply.status_code in (200, 302, 404, 405)
        assert len(statements) <= MOST_OF_A_ROW, statements


@pytest.mark.parametrize("view", SCREENS, ids=lambda view: view.__name__)
def test_every_save_keeps_to_the_limit(view, app, client_as, counting):
    some_contacts(1)
    an_account()
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    browser = client_as(ALICIA)
    for row_id in _rows_to_open(screen):
        page = browser.get(f"{screen.route_base}/edit/{row_id}")
        if page.status_code != 200:
            continue
        db.session.expunge_all()
        with counting() as statements:
            browser.post(f"{screen.route_base}/edit/{row_id}", data=_row_form(page).submitted())
        assert len(statements) <= MOST_OF_A_ROW, statements


def test_the_pages_of_a_contact_take_few_statements(client_as, counting):
    contact = a_contact(account=an_account(), manager=a_contact())
    browser = client_as(ALICIA)
    pk = contact.id
    address = f"/contacts/edit/{contact.id}"
    for page, most in (("show", 7), ("edit", 6)):
        db.session.expunge_all()
        with counting() as statements:
            reply = browser.get(f"/contacts/{page}/{pk}")
        assert len(statements) <= most, statements
    form = _row_form(reply).submitted(street="Calle Mayor, 7")
    db.session.expunge_all()
    with counting() as statements:
        saved = browser.post(address, data=form)
    assert saved.status_code == 302
    assert len(statements) <= 6, statements


@pytest.mark.parametrize(("page", "most"), [("edit", 3), ("save", 4)])
def test_a_form_asks_nothing_about_an_entity_in_reach(page, most, client_as, counting):
    """The user; the row with what it is linked to; the values, or the change and its entry."""
    contact = a_contact()
    browser = client_as(BRUNO)
    address = f"/contacts/edit/{contact.id}"
    form = _row_form(browser.get(address)).submitted(street="Calle Mayor, 7")
    db.session.expunge_all()
    with counting() as statements:
        reply = browser.get(address) if page == "edit" else browser.post(address, data=form)
    assert reply.status_code in (200, 302)
    assert len(statements) <= most, statements


def test_the_class_of_a_form_is_made_once(app, client_as, monkeypatch):
    contact = a_contact()
    browser = client_as(ALICIA)
    browser.get(f"/contacts/edit/{contact.id}")
    made = []
    build = FormMeta.__init__
    monkeypatch.setattr(FormMeta, "__init__", lambda cls, *a: made.append(a) or build(cls, *a))
    for page in (f"/contacts/edit/{contact.id}", "/contacts/add", f"/contacts/show/{contact.id}"):
        assert browser.get(page).status_code == 200
    assert not made


def test_there_are_lists_to_count():
    assert any(issubclass(view, TrashView) for view in ModelView.all())
