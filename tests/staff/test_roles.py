"""Pages of roles: plain labels, privilege checks, seeded roles are read-only."""

from __future__ import annotations

import pytest
from flask_appbuilder.security.sqla.models import PermissionView, Role
from sqlalchemy import select

from app.extensions import db
from app.log.models import LogEntry
from app.security.areas import Area, Level
from app.security.rights import ADMINISTRATOR
from app.security.roles import LIMITED_ADMINISTRATOR, area_permission, is_seeded, role_name
from app.staff.access import used_areas
from tests.people import ALICIA, BRUNO, DIEGO, EDITS_CONTACTS, Person, add_person, force_login

SECURITY = Person("sofia", "Norte", role_name(Area.SECURITY, Level.EDIT))


def role(name: str) -> Role | None:
    return db.session.scalar(select(Role).where(Role.name == name))


def right(permission: str, resource: str) -> PermissionView:
    return db.session.scalars(
        select(PermissionView).where(
            PermissionView.permission.has(name=permission),
            PermissionView.view_menu.has(name=resource),
        )
    ).one()


def a_role(name: str = "Secretaría", *rights: PermissionView) -> Role:
    row = Role(name=name, permissions=list(rights))
    db.session.add(row)
    db.session.commit()
    return row


def test_a_role_is_created_with_permissions_by_area(client_as):
    ticked = [right("can_list", "ContactView").id, right("can_show", "ContactView").id]
    form = {"name": " Secretaría ", "permissions": ["", *ticked], "needs_second_factor": "1"}
    reply = client_as(ALICIA).post("/roles/add", data=form)
    assert reply.status_code == 302, reply.text
    made = role("Secretaría")
    assert {each.id for each in made.permissions} == set(ticked)
    assert made.needs_second_factor


def test_the_form_labels_permissions_in_plain_words(client_as):
    page = client_as(ALICIA).get("/roles/add").text
    for technical in ("ContactView", "can_list", "can list", "menu_access", "Area contacts"):
        assert f">{technical}" not in page
        assert f" {technical}<" not in page
    for area in used_areas():
        assert str(area.label) in page
    legend = page.index("role-rights")
    for area in {*Area}.difference(used_areas()):
        assert str(area.label) not in page[legend:]
    assert "including future features" in page


def test_administrator_permissions_are_in_no_role(app, client_as):
    alone = next(grant for grant in app.appbuilder.grants() if grant.level is Level.ADMIN)
    barred = right(alone.permission, alone.resource).id
    browser = client_as(ALICIA)
    assert f'value="{barred}"' not in browser.get("/roles/add").text
    reply = browser.post("/roles/add", data={"name": "Sly", "permissions": ["", barred]})
    assert reply.status_code == 422
    assert role("Sly") is None


@pytest.mark.parametrize(
    "name", [role_name(Area.SALES, Level.EDIT), ADMINISTRATOR, LIMITED_ADMINISTRATOR]
)
def test_the_form_of_a_seeded_role_changes_only_the_second_factor(client_as, name):
    row, browser = role(name), client_as(ALICIA)
    page = browser.get(f"/roles/edit/{row.id}").text
    assert 'name="permissions"' not in page
    assert 'name="name"' not in page
    rights = {each.id for each in row.permissions}
    form = {"version": row.version, "name": "Mine", "permissions": "", "needs_second_factor": "1"}
    assert browser.post(f"/roles/edit/{row.id}", data=form).status_code == 302
    row = role(name)
    assert row.needs_second_factor
    assert {each.id for each in row.permissions} == rights
    browser.post(f"/roles/delete/{row.id}")
    assert role(name) is not None


@pytest.mark.parametrize("name", ["Admin", "Public", "Contacts: read", "SECRETARÍA", ""])
def test_a_name_that_is_taken_or_empty_is_refused(client_as, name):
    a_role()
    count = len(db.session.scalars(select(Role)).all())
    browser = client_as(ALICIA)
    typed = "Secretaría" if name.isupper() else name
    assert browser.post("/roles/add", data={"name": typed, "permissions": ""}).status_code == 422
    assert len(db.session.scalars(select(Role)).all()) == count


def test_a_copied_role_has_the_same_permissions(client_as):
    original = role(EDITS_CONTACTS)
    page = client_as(ALICIA).get(f"/roles/duplicate/{original.id}").text
    assert 'value="Copy of Contacts: Edit"' in page
    for each in original.permissions:
        assert f'value="{each.id}"' in page
    assert page.count(" checked") >= len(original.permissions)


def test_users_can_grant_only_permissions_they_have(client_as):
    add_person(SECURITY)
    browser = client_as(SECURITY)
    mine, above = right("can_list", "UserView").id, right("can_list", "ContactView").id
    page = browser.get("/roles/add").text
    assert f'value="{above}" data-level="1" disabled' in page
    assert f'value="{mine}" data-level="1" disabled' not in page
    reply = browser.post("/roles/add", data={"name": "Sly", "permissions": ["", above]})
    assert reply.status_code == 422
    assert "You can only give rights that you have." in reply.text
    reply = browser.post("/roles/add", data={"name": "Fair", "permissions": ["", mine]})
    assert reply.status_code == 302


def test_a_role_above_or_of_ones_own_is_read_only(client_as):
    user = add_person(SECURITY)
    above, own = a_role("Above", right("can_list", "ContactView")), a_role("Own")
    user.roles = [*user.roles, own]
    db.session.commit()
    browser = client_as(SECURITY)
    for row, why in ((above, "rights that you don’t have"), (own, "You can’t change your own")):
        page = browser.get(f"/roles/edit/{row.id}").text
        assert why in page
        form = {"version": row.version, "name": "x", "permissions": "", "needs_second_factor": "1"}
        browser.post(f"/roles/edit/{row.id}", data=form)
        db.session.refresh(row)
        assert (row.name, row.needs_second_factor) != ("x", True)
        browser.post(f"/roles/delete/{row.id}")
        assert db.session.scalar(select(Role.id).where(Role.id == row.id))


def test_a_role_in_use_cannot_be_deleted_even_if_its_user_is_trashed(client_as):
    row, user, browser = a_role(), DIEGO.user, client_as(ALICIA)
    user.roles = [row]
    db.session.commit()
    browser.post(f"/users/delete/{user.id}")
    page = browser.post(f"/roles/delete/{row.id}", follow_redirects=True).text
    assert "“Secretaría” can’t be deleted. It is used by: items in the trash" in page
    assert role("Secretaría") is not None


def test_a_stale_form_of_a_role_is_a_conflict(client_as):
    row, browser = a_role("Secretaría", right("can_list", "ContactView")), client_as(ALICIA)
    stale = {"version": row.version, "name": "Mine", "permissions": ""}
    row.name = "Theirs"
    db.session.commit()
    reply = browser.post(f"/roles/edit/{row.id}", data=stale)
    assert reply.status_code == 409
    assert "Theirs" in reply.text
    assert role("Theirs") is not None


def test_a_changed_role_logs_its_users_out_but_not_the_editor(app, client_as):
    row = a_role("Secretaría", right("can_list", "ContactView"))
    for user in (DIEGO.user, ALICIA.user):
        user.roles = [*user.roles, row]
    db.session.commit()
    diego, alicia, elsewhere = client_as(DIEGO), client_as(ALICIA), app.test_client()
    force_login(elsewhere, ALICIA.user.id)
    form = {"version": row.version, "name": "Secretaría", "permissions": ""}
    assert alicia.post(f"/roles/edit/{row.id}", data=form).status_code == 302
    assert diego.get("/contacts/list/").status_code == 302
    assert alicia.get("/contacts/list/").status_code == 200
    assert elsewhere.get("/contacts/list/").status_code == 302


def test_the_list_shows_permissions_and_users_of_a_role(client_as):
    a_role("Secretaría", right("can_list", "ContactView"))
    page = client_as(ALICIA).get("/roles/list/?size=200").text
    assert "Contacts: View (partial)" in page
    assert "Full access" in page


def test_the_log_of_a_role_labels_permissions(client_as):
    row, browser = a_role("Secretaría", right("can_list", "ContactView")), client_as(ALICIA)
    whole = right(*area_permission(Area.CONTACTS, Level.READ))
    form = {"version": row.version, "name": "Secretaría", "permissions": ["", whole.id]}
    browser.post(f"/roles/edit/{row.id}", data=form)
    page = browser.get(f"/roles/show/{row.id}?tab=log").text
    assert "Contacts: View list" in page
    assert "Contacts: View everything here" in page
    assert "can_list" not in page
    entries = db.session.scalars(select(LogEntry).where(LogEntry.subject_id == row.id)).all()
    assert any(entry.event == "role_changed" or entry.changes for entry in entries)


def test_a_long_change_of_permissions_is_logged_as_additions_and_removals(client_as, counting):
    many = db.session.scalars(select(PermissionView).order_by(PermissionView.id).limit(40)).all()
    row, browser = a_role("Secretaría", *many), client_as(ALICIA)
    kept, gone = many[1:], many[0]
    row.permissions = list(kept)
    db.session.commit()
    with counting() as statements:
        page = browser.get(f"/roles/show/{row.id}?tab=log").text
    assert page.count(f"<del>{gone}</del>") == 1
    assert len(statements) <= 20


def test_every_seeded_role_is_one_that_sync_keeps(session):
    names = session.scalars(select(Role.name)).all()
    assert [name for name in names if not is_seeded(name)] == []
    assert BRUNO.role in names
