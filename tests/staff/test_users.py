"""Pages of users: creation, access rights, trash."""

from __future__ import annotations

from datetime import date

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.errors import DomainError
from app.extensions import db
from app.outbox.models import Message
from app.security.areas import Area, Level
from app.security.rights import ADMINISTRATOR
from app.security.roles import role_name
from app.staff.access import used_areas
from app.staff.models import StaffUser
from app.trash.services import move_to_trash
from tests.contracts.pagereader import find_post_form
from tests.factories import the_entity
from tests.people import ALICIA, BRUNO, CLARA, DIEGO, EDITS_CONTACTS, Person, add_person

SECURITY = Person("sofia", "Norte", role_name(Area.SECURITY, Level.EDIT))


def role(name: str) -> Role:
    return db.session.scalars(select(Role).where(Role.name == name)).one()


def user_form(**more):
    form = {
        "first_name": "Eva", "last_name": "Gil", "username": "eva", "email": "eva@example.org",
        "entity": the_entity("Norte").id, "roles": "", "active": "1",
    }  # fmt: skip
    return form | more


def eva() -> StaffUser | None:
    return db.session.scalar(select(StaffUser).where(StaffUser.first_name == "Eva"))


@pytest.fixture
def sofia(client_as):
    """Return the browser of a user who may only edit the users and roles of the North."""
    add_person(SECURITY)
    return client_as(SECURITY)


def test_a_new_user_has_no_password_and_is_invited_by_mail(client_as):
    reply = client_as(ALICIA).post("/users/add", data=user_form())
    assert reply.status_code == 302, reply.text
    user = eva()
    assert user.password is None
    mail = db.session.scalars(select(Message)).one()
    assert (mail.kind, mail.recipient_id) == ("welcome", user.id)


def test_a_user_who_may_not_log_in_is_not_invited(client_as):
    client_as(ALICIA).post("/users/add", data=user_form(active=""))
    assert eva() is not None
    assert db.session.scalars(select(Message)).all() == []


def test_a_form_never_asks_for_a_password(client_as):
    browser = client_as(ALICIA)
    for page in ("add", f"edit/{BRUNO.user.id}"):
        assert 'type="password"' not in browser.get(f"/users/{page}").text


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "BRUNO"},
        {"email": "Bruno@Example.org"},
        {"entity": ""},
        {"username": ""},
        {"username": "x" * 300},
        {"roles": "abc"},
        {"roles-contacts": "999999"},
    ],
    ids=str,
)
def test_invalid_values_of_a_user_are_refused_beside_the_field(client_as, wrong):
    reply = client_as(ALICIA).post("/users/add", data=user_form(**wrong))
    assert reply.status_code == 422
    assert eva() is None


@pytest.mark.parametrize("field", ["username", "email"])
def test_a_name_in_the_trash_is_still_taken_and_the_form_says_so(client_as, field):
    user = CLARA.user
    move_to_trash(user, ALICIA.as_actor())
    db.session.commit()
    taken = user_form(**{field: getattr(user, field).upper()})
    page = client_as(ALICIA).post("/users/add", data=taken)
    assert page.status_code == 422
    assert "belongs to a user in the trash" in page.text


@pytest.mark.parametrize(
    "names",
    [
        {"username": "Bruno@example.org", "email": "eva@example.org"},
        {"username": "eva", "email": "name@example.org"},
    ],
)
def test_a_login_name_in_use_is_refused(client_as, names):
    BRUNO.user.username = "name@example.org"
    db.session.commit()
    page = client_as(ALICIA).post("/users/add", data=user_form(**names))
    assert page.status_code == 422
    assert "is already in use" in page.text
    assert eva() is None


def test_area_levels_and_checkboxes_are_combined_into_roles(client_as):
    level = role(role_name(Area.SALES, Level.READ))
    form = user_form(**{"roles-sales": level.id, "roles": ["", role(EDITS_CONTACTS).id]})
    assert client_as(ALICIA).post("/users/add", data=form).status_code == 302
    assert {each.name for each in eva().roles} == {level.name, EDITS_CONTACTS}


def test_users_cannot_change_their_own_rights_with_the_form(client_as):
    user, browser = ALICIA.user, client_as(ALICIA)
    page = browser.get(f"/users/edit/{user.id}").text
    assert 'name="roles"' not in page
    assert 'name="active"' not in page
    assert "You can’t change your own rights" in page
    form = {
        "version": user.version, "first_name": "Alice", "last_name": "Gil", "username": "alicia",
        "email": "alicia@example.org", "active": "", "roles": "",
        "entity": the_entity("Norte").id,
    }  # fmt: skip
    assert browser.post(f"/users/edit/{user.id}", data=form).status_code == 302
    changed = ALICIA.user
    assert (changed.first_name, changed.active, changed.entity.name) == (
        "Alice",
        True,
        "Federación",
    )
    assert [each.name for each in changed.roles] == [ADMINISTRATOR]
    assert browser.post(f"/users/rights/{user.id}", data=form).status_code == 403
    browser.post(f"/users/delete/{user.id}")
    assert not ALICIA.user.is_trashed


def test_a_user_above_is_read_only(sofia):
    page = sofia.get(f"/users/show/{BRUNO.user.id}?tab=access").text
    assert "This person has rights that you don’t have." in page
    assert "Save rights" not in page
    before = BRUNO.user.version
    form = user_form(version=before, username="bruno", email="mine@example.org", first_name="B")
    sofia.post(f"/users/edit/{BRUNO.user.id}", data=form)
    assert (BRUNO.user.email, BRUNO.user.first_name) == ("bruno@example.org", "Bruno")
    assert BRUNO.user.roles != []
    assert sofia.post(f"/users/rights/{BRUNO.user.id}", data=form).status_code == 403
    sofia.post(f"/users/delete/{BRUNO.user.id}")
    assert not BRUNO.user.is_trashed


def test_roles_the_user_lacks_are_disabled_and_refused(sofia):
    user, wanted = DIEGO.user, role(EDITS_CONTACTS)
    page = sofia.get(f"/users/show/{user.id}?tab=access").text
    assert "You can’t give permissions" in page
    form = {"version": user.version, "entity": user.entity_id, "active": "1", "roles": ""}
    reply = sofia.post(f"/users/rights/{user.id}", data=form | {"roles-contacts": wanted.id})
    assert reply.status_code == 422
    assert "You can only give rights that you have." in reply.text
    assert DIEGO.user.roles == []
    mine = role(SECURITY.role)
    reply = sofia.post(f"/users/rights/{user.id}", data=form | {"roles-security": mine.id})
    assert reply.status_code == 302
    assert DIEGO.user.roles == [mine]


def test_a_stale_form_of_rights_changes_nothing_and_keeps_the_choices(client_as):
    user, wanted, browser = DIEGO.user, role(EDITS_CONTACTS), client_as(ALICIA)
    form = {"version": user.version, "entity": user.entity_id, "active": "1", "roles": wanted.id}
    user.first_name = "Santiago"
    db.session.commit()
    reply = browser.post(f"/users/rights/{user.id}", data=form)
    assert reply.status_code == 409
    assert f'value="{wanted.id}" checked' in reply.text
    assert DIEGO.user.roles == []
    assert (
        browser.post(
            f"/users/rights/{user.id}", data=form | {"version": DIEGO.user.version}
        ).status_code
        == 302
    )
    assert DIEGO.user.roles == [wanted]


def test_saving_rights_redirects_within_the_site_only(client_as):
    user = DIEGO.user
    form = {"version": user.version, "entity": user.entity_id, "active": "1", "roles": ""}
    reply = client_as(ALICIA).post(
        f"/users/rights/{user.id}", data=form | {"next": "https://evil.example/"}
    )
    assert "evil" not in reply.location


def test_the_tab_shows_the_roles_behind_each_level(client_as):
    secretary = Role(name="Secretaría", permissions=role("Contacts: read").permissions[:3])
    db.session.add(secretary)
    BRUNO.user.roles = [*BRUNO.user.roles, secretary]
    db.session.commit()
    page = client_as(ALICIA).get(f"/users/show/{BRUNO.user.id}?tab=access").text
    assert "Also from: Secretaría" in page
    everything = client_as(ALICIA).get(f"/users/show/{ALICIA.user.id}?tab=access").text
    assert everything.count('<td class="mute">Administrator</td>') == len(used_areas())


def test_a_role_of_an_area_without_pages_is_kept_when_rights_are_saved(client_as):
    unused = next(area for area in Area if area not in used_areas())
    held, user = role(role_name(unused, Level.READ)), BRUNO.user
    user.roles = [*user.roles, held]
    db.session.commit()
    browser = client_as(ALICIA)
    page = browser.get(f"/users/show/{user.id}?tab=access").text
    form = find_post_form(page, f"/users/rights/{user.id}")
    assert str(unused.label) not in page[page.index("change-rights") :]
    assert browser.post(form.action, data=form.submitted()).status_code == 302
    assert held in user.roles


def test_a_trashed_user_is_logged_out_and_can_be_restored(client_as):
    user, alicia, bruno = BRUNO.user, client_as(ALICIA), client_as(BRUNO)
    assert bruno.get("/contacts/list/").status_code == 200
    alicia.post(f"/users/delete/{user.id}")
    assert bruno.get("/contacts/list/").status_code == 302
    assert "Bruno" in alicia.get("/users/trash/list/").text
    assert alicia.post(f"/users/restore/{user.id}").status_code == 302
    assert not BRUNO.user.is_trashed
    assert bruno.get("/contacts/list/").status_code == 302, "the old session stays ended"


def test_restoring_a_user_requires_their_permissions(client_as, sofia):
    above, other = BRUNO.user, DIEGO.user
    for user in (above, other):
        move_to_trash(user, ALICIA.as_actor())
    db.session.commit()
    sofia.post(f"/users/restore/{above.id}")
    ticked = {"action": "restore", "rowid": [above.id, other.id]}
    sofia.post("/users/trash/action_post", data=ticked)
    found = {
        user.username: user.is_trashed
        for user in db.session.scalars(select(StaffUser).execution_options(with_trash=True))
    }
    assert found["bruno"]
    assert found["diego"]
    sofia.post(f"/users/restore/{other.id}")
    assert not DIEGO.user.is_trashed


def test_the_trash_of_users_cannot_be_emptied(client_as):
    assert client_as(ALICIA).post("/users/trash/empty").status_code in (404, 405)


@pytest.mark.parametrize(
    "change",
    [
        {"active": ""},
        {"roles": ""},
        {"employed_until": "2030-01-01"},
        {"entity": "Norte"},
    ],
    ids=str,
)
def test_the_last_administrator_cannot_be_demoted(client_as, change):
    """Demoting an administrator requires that another one remains."""
    second = add_person(Person("second", "Federación", ADMINISTRATOR))
    db.session.commit()
    user, browser = ALICIA.user, client_as(Person("second", "Federación", ADMINISTRATOR))
    form = {
        "version": user.version, "entity": user.entity_id, "active": "1",
        "roles": role(ADMINISTRATOR).id,
    }  # fmt: skip
    if "entity" in change:
        change = {"entity": the_entity(change["entity"]).id}
    reply = browser.post(f"/users/rights/{user.id}", data=form | change)
    assert reply.status_code == 302, "there are two"
    # The one that is left is out of everybody's reach, the house's own commands included.
    second = db.session.get(StaffUser, second.id)
    for name, value in (("active", False), ("roles", []), ("entity", the_entity("Norte"))):
        assert is_last(lambda name=name, value=value: setattr(second, name, value))
    assert is_last(lambda: move_to_trash(second, ALICIA.as_actor()))
    assert is_last(lambda: db.session.delete(second))
    assert is_last(lambda: setattr(second, "employed_until", date(2030, 1, 1)))


def is_last(change) -> bool:
    """Try a change as the system; return True if it is refused for the last administrator."""
    change()
    try:
        db.session.flush()
    except DomainError as error:
        db.session.rollback()
        return "last administrator" in str(error)
    return False
