"""A list takes a fixed number of SQL statements, however long it is."""

from __future__ import annotations

from unittest.mock import patch

import flask_login.utils
import pytest

from app.contacts.models import Contact
from app.crud.modelview import ModelView
from app.crud.trashview import TrashView
from app.extensions import db
from app.security import rights
from tests.factories import a_contact, some_contacts, the_entity
from tests.people import ALICIA, BRUNO

pytestmark = pytest.mark.both_databases

# The user with rights, reach and running jobs; the settings; count, rows and chips; saved views.
MOST = 6
# Short lists, which are sorted value by value or whose uses in other tables are counted.
MORE = {"RoleView": 9, "UserView": 7, "TagView": 7}
# How often a page looks up its user: by whatever asks for ``current_user``.
MOST_LOOKUPS = 40


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


def test_the_form_and_the_file_take_a_fixed_number_of_statements(client_as, counting):
    contact = a_contact()
    browser = client_as(BRUNO)
    for page in ("show", "edit"):
        with counting() as statements:
            assert browser.get(f"/contacts/{page}/{contact.id}").status_code == 200
        assert len(statements) <= 20, statements


def test_there_are_lists_to_count():
    assert any(issubclass(view, TrashView) for view in ModelView.all())
