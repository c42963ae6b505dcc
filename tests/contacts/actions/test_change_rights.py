"""Change rights: nobody grants what they do not have, nor changes users with more rights."""

from __future__ import annotations

from itertools import count, product

import pytest
from flask_appbuilder.security.sqla.models import PermissionView, Role
from sqlalchemy import select

from app.contacts.actions.change_rights import ChangeRights
from app.contacts.models import Contact
from app.errors import DomainError
from app.extensions import db
from app.log.models import SECURITY_SUBJECT, LogEntry
from app.security.rights import ADMINISTRATOR
from app.staff.models import StaffUser
from tests.factories import a_contact
from tests.operations.run_actions import do, items_of, preview, undo
from tests.people import ALICIA, Person, add_person, force_login
from tests.sampling import some
from tests.staff.test_privileges import CUSTOM, EDIT, IN_REACH, PLACES, RANKS, READ, SECURITY, role

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]

_number = count(1)
# Actors that may run the action, with the rights they hold.
ACTORS = {
    "lists": ((CUSTOM, SECURITY), {"list", "security"}),
    "both": RANKS["both"],
    "all": RANKS["all"],
}
# Answers: with the rights they grant, the roles they replace and the roles they add.
GRANTS = {
    "none": ({"contacts": "forbidden"}, set(), {READ, EDIT}, set()),
    "read": ({"contacts": "read"}, {"list", "read"}, {READ, EDIT}, {READ}),
    "edit": ({"contacts": "edit"}, {"list", "read", "edit"}, {READ, EDIT}, {EDIT}),
    "security": ({"security": "edit"}, {"security"}, {SECURITY}, {SECURITY}),
    "read, no security": (
        {"contacts": "read", "security": "forbidden"},
        {"list", "read"},
        {READ, EDIT, SECURITY},
        {READ},
    ),
}


def somebody(roles: tuple[str, ...], entity: str = "Norte") -> StaffUser:
    user = add_person(Person(f"somebody-{next(_number)}", entity, None))
    user.roles = [role(name) for name in roles]
    db.session.commit()
    return user


def names(user: StaffUser) -> set[str]:
    return {each.name for each in user.roles}


@pytest.fixture(autouse=True)
def custom(session):
    """Write the role that only shows the list of contacts."""
    right = session.scalars(
        select(PermissionView).where(
            PermissionView.permission.has(name="can_list"),
            PermissionView.view_menu.has(name="ContactView"),
        )
    ).one()
    session.add(Role(name=CUSTOM, permissions=[right]))
    session.commit()


@pytest.fixture
def targets(custom) -> dict[tuple[str, str], Contact]:
    """Write contacts of the Northern entity who are users of each rank in each place."""
    return {
        (rank, place): a_contact(user=somebody(RANKS[rank][0], entity))
        for rank, (place, entity) in product(RANKS, PLACES.items())
    }


@pytest.mark.parametrize("rank", ACTORS)
def test_a_grant_is_allowed_if_the_actor_holds_it_and_all_the_target_holds(
    rank, targets, database
):
    roles, mine = ACTORS[rank]
    actor = somebody(roles).as_actor()
    before = {key: names(row.user) for key, row in targets.items()}
    grants = list(GRANTS.values())
    for answers, gives, replaced, given in (
        grants if database == "sqlite" else some(grants, 3, rank)
    ):
        if gives <= mine:
            expected = expected_items(before, mine, replaced, given)
            grant_and_undo(actor, targets, answers, expected)
        else:
            with pytest.raises(DomainError):
                do(ChangeRights, actor, [*targets.values()], **answers)
            db.session.rollback()
        # Whatever was granted was undone: the next answers find the same rights.
        assert {key: names(row.user) for key, row in targets.items()} == before, answers


def expected_items(
    before: dict[tuple[str, str], set[str]], mine: set[str], replaced: set[str], given: set[str]
) -> dict[tuple[str, str], tuple[str, str | None, set[str]]]:
    """Return by target the outcome, its reason and the names of the roles afterwards."""
    expected = {}
    for (target, place), had in before.items():
        after = had - replaced | given
        if place not in IN_REACH or not RANKS[target][1] <= mine:
            expected[target, place] = ("refused", "above", had)
        elif target == "all":
            expected[target, place] = ("skipped", "administrator", had)
        else:
            expected[target, place] = ("already" if after == had else "changed", None, after)
    return expected


def grant_and_undo(actor, targets, answers, expected) -> None:
    """Preview, run and undo the action; check each row and the counts."""
    told = preview(ChangeRights, actor, [*targets.values()], **answers)
    operation = do(ChangeRights, actor, [*targets.values()], **answers)
    items = items_of(operation)
    found = {
        key: (items[row.id].outcome, items[row.id].reason, names(row.user))
        for key, row in targets.items()
    }
    assert found == expected, answers
    assert (told.will_change, told.already, told.not_permitted, told.left_out) == (
        operation.changed, operation.already, operation.refused, operation.skipped,
    )  # fmt: skip
    if operation.changed:
        operation = undo(operation, actor)
    assert operation.undone == operation.changed


def test_own_rights_and_administrators_cannot_be_changed():
    me, other = a_contact(user=ALICIA.user), somebody((ADMINISTRATOR,), "Federación")
    operation = do(ChangeRights, ALICIA.as_actor(), [me], contacts="forbidden")
    assert items_of(operation)[me.id].reason == "self"
    operation = do(ChangeRights, other.as_actor(), [me], contacts="forbidden", security="read")
    assert items_of(operation)[me.id].reason == "administrator"
    assert names(ALICIA.user) == {ADMINISTRATOR}


def test_contacts_without_an_active_user_are_skipped():
    nobody, gone = a_contact(), a_contact(user=somebody(()))
    gone.user.trashed_at = gone.created_at
    db.session.commit()
    rows = [nobody, gone]
    told = preview(ChangeRights, ALICIA.as_actor(), rows, contacts="read")
    assert (told.will_change, told.left_out) == (0, 2)
    operation = do(ChangeRights, ALICIA.as_actor(), rows, contacts="read")
    assert {item.reason for item in items_of(operation).values()} == {"no_user"}


def test_sessions_end_only_for_users_whose_rights_changed(app):
    changed, already = a_contact(user=somebody(())), a_contact(user=somebody((READ,)))
    browsers = [app.test_client(), app.test_client()]
    for browser, row in zip(browsers, (changed, already), strict=True):
        force_login(browser, row.user.id)
    assert [browser.get("/account/sessions/").status_code for browser in browsers] == [200, 200]

    operation = do(ChangeRights, ALICIA.as_actor(), [changed, already], contacts="read")
    assert [browser.get("/account/sessions/").status_code for browser in browsers] == [302, 200]

    force_login(browsers[0], changed.user.id)
    undo(operation, ALICIA.as_actor())
    assert [browser.get("/account/sessions/").status_code for browser in browsers] == [302, 200]


def test_changed_rights_are_in_the_security_log_and_in_the_log_of_the_contact():
    row = a_contact(user=somebody((CUSTOM,)))
    operation = do(ChangeRights, ALICIA.as_actor(), [row], contacts="edit")
    query = select(LogEntry).where(LogEntry.operation_id == operation.id)
    told = {entry.subject_type: entry for entry in db.session.scalars(query)}
    assert told[SECURITY_SUBJECT].event == "rights_changed"
    assert told[SECURITY_SUBJECT].subject_id == row.user.id
    assert told[SECURITY_SUBJECT].changes["roles"] == [CUSTOM, f"{EDIT}, {CUSTOM}"]
    assert told["contact"].subject_id == row.id
    assert told["contact"].changes["change_rights"][1] == "Contacts: Edit"


def test_undo_keeps_rights_that_were_changed_since_or_rose_above_the_actor():
    since, above = a_contact(user=somebody(())), a_contact(user=somebody(()))
    back = a_contact(user=somebody(()))
    actor = somebody((SECURITY, EDIT)).as_actor()
    operation = do(ChangeRights, actor, [since, above, back], contacts="read")
    since.user.roles = [role(EDIT)]
    above.user.roles = [*above.user.roles, role(ADMINISTRATOR)]
    db.session.commit()

    operation = undo(operation, actor)

    assert (operation.undone, operation.kept) == (1, 2)
    assert names(since.user) == {EDIT}
    assert names(above.user) == {READ, ADMINISTRATOR}
    assert names(back.user) == set()


def test_the_log_of_the_file_shows_the_label_of_the_action(client_as):
    row = a_contact(user=somebody(()))
    do(ChangeRights, ALICIA.as_actor(), [row], contacts="read")
    page = client_as(ALICIA).get(f"/contacts/show/{row.id}?tab=log").text
    assert "change_rights" not in page
    assert "Change rights" in page


def test_a_valid_level_must_be_chosen():
    row = a_contact(user=somebody(()))
    with pytest.raises(DomainError):
        do(ChangeRights, ALICIA.as_actor(), [row])
    for level in ("admin", "2", "READ", "none"):
        assert not ChangeRights.build_form({"contacts": [level]}).validate()
