"""Privilege checks in the session listeners, for every pair of ranks and every entity."""

from __future__ import annotations

from itertools import product

import pytest
from flask_appbuilder.security.sqla.models import Group, PermissionView, Role, User
from sqlalchemy import insert, select

from app.entities.models import Entity
from app.errors import DomainError
from app.extensions import db
from app.log.models import LogEntry
from app.security.actor import acting_as
from app.security.areas import Area, Level
from app.security.rights import ADMINISTRATOR
from app.security.roles import LIMITED_ADMINISTRATOR, role_name
from app.staff.models import StaffUser
from tests.factories import the_entity
from tests.people import ALICIA, BRUNO, Person, add_person
from tests.sampling import some

READ, EDIT = (role_name(Area.CONTACTS, level) for level in (Level.READ, Level.EDIT))
SECURITY = role_name(Area.SECURITY, Level.EDIT)
CUSTOM = "Sees the list of contacts"
# What each set of roles amounts to, said here once more and by hand.
RANKS: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "nothing": ((), set()),
    "custom": ((CUSTOM,), {"list"}),
    "reads": ((READ,), {"list", "read"}),
    "edits": ((EDIT,), {"list", "read", "edit"}),
    "security": ((SECURITY,), {"security"}),
    "both": ((SECURITY, EDIT), {"list", "read", "edit", "security"}),
    "limited": ((LIMITED_ADMINISTRATOR,), {"limited"}),
    "all": ((ADMINISTRATOR,), {"list", "read", "edit", "security", "limited", "all"}),
}
PLACES = {"own": "Norte", "below": "Bilbao", "beside": "Sur", "above": "Federación"}
IN_REACH = {"own", "below"}


def role(name: str) -> Role:
    return db.session.scalars(select(Role).where(Role.name == name)).one()


def assign_by_backref(name: str, user: StaffUser) -> None:
    """Assign a role through ``Role.user``, as no page does."""
    given = role(name)
    given.user.append(user)
    db.session.flush()


def user_of_rank(rank: str, entity: str, name: str = "") -> StaffUser:
    user = add_person(Person(name or f"{rank}-{entity.lower()}", entity, None))
    user.roles = [role(each) for each in RANKS[rank][0]]
    return user


@pytest.fixture
def custom(session):
    """Write the custom role."""
    right = session.scalars(
        select(PermissionView).where(
            PermissionView.permission.has(name="can_list"),
            PermissionView.view_menu.has(name="ContactView"),
        )
    ).one()
    session.add(Role(name=CUSTOM, permissions=[right]))
    session.commit()


@pytest.fixture
def ranks(session, custom):
    """Write a user of each rank in each entity."""
    users = {
        (rank, place): user_of_rank(rank, entity)
        for rank, (place, entity) in product(RANKS, PLACES.items())
    }
    session.commit()
    return users


def stored_rows() -> list:
    """Return the rows of every table that a change of rights could affect."""
    tables = ("ab_user", "ab_user_role", "ab_role", "ab_permission_view_role", "entity")
    contents = [
        sorted(map(str, db.session.execute(select(db.metadata.tables[name])))) for name in tables
    ]
    return [*contents, db.session.scalar(select(LogEntry.id).order_by(LogEntry.id.desc()))]


def is_allowed(change) -> bool:
    """Try a change and roll it back; return False if it was refused."""
    with db.session.begin_nested() as attempt:
        try:
            change()
            db.session.flush()
        except DomainError:
            attempt.rollback()
            return False
        attempt.rollback()
        return True


@pytest.mark.parametrize("rank", RANKS)
def test_a_grant_requires_the_permissions_of_the_role_and_of_the_user(rank, ranks):
    actor, mine = user_of_rank(rank, "Norte", "actor").as_actor(), RANKS[rank][1]
    db.session.commit()
    before, wrong = stored_rows(), []
    by_name = {name: role(name) for names, _permissions in RANKS.values() for name in names}
    crossed = list(product(ranks, RANKS))
    # Every pair of ranks in the actor's own entity; elsewhere a sample of them.
    here = [pair for pair in crossed if pair[0][1] == "own"]
    elsewhere = [pair for pair in crossed if pair[0][1] != "own"]
    for (target, place), granted in here + some(elsewhere, len(elsewhere) // 4, rank):
        if granted == target:
            continue
        expected = place in IN_REACH and RANKS[target][1] <= mine and RANKS[granted][1] <= mine
        user, roles = ranks[target, place], [by_name[name] for name in RANKS[granted][0]]
        with acting_as(actor):
            if (
                is_allowed(lambda user=user, roles=roles: setattr(user, "roles", roles))
                != expected
            ):
                wrong.append((target, place, granted, expected))
    assert stored_rows() == before
    assert wrong == []


@pytest.mark.parametrize("rank", RANKS)
def test_users_above_or_elsewhere_cannot_be_changed(rank, ranks):
    actor, mine = user_of_rank(rank, "Norte", "actor").as_actor(), RANKS[rank][1]
    db.session.commit()
    changes = {
        "active": False, "password": "x", "email": "x@example.org", "username": "x",
        "totp_secret": "x",
    }  # fmt: skip
    wrong = []
    for (target, place), (name, value) in product(ranks, changes.items()):
        user = ranks[target, place]
        expected = place in IN_REACH and RANKS[target][1] <= mine
        with acting_as(actor):
            if is_allowed(lambda u=user, n=name, v=value: setattr(u, n, v)) != expected:
                wrong.append((target, place, name))
    assert wrong == []


@pytest.mark.parametrize("rank", RANKS)
def test_a_new_user_gets_no_more_permissions_than_their_creator(rank, session, custom):
    actor, mine = user_of_rank(rank, "Norte", "actor").as_actor(), RANKS[rank][1]
    db.session.commit()
    wrong = []
    for granted, (place, entity) in product(RANKS, PLACES.items()):
        with acting_as(actor):
            done = is_allowed(lambda g=granted, e=entity: user_of_rank(g, e, "new"))
        if done != (place in IN_REACH and RANKS[granted][1] <= mine):
            wrong.append((granted, place))
    assert wrong == []


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize(
    "change",
    [
        lambda me: setattr(me, "roles", []),
        lambda me: setattr(me, "roles", [*me.roles, role(CUSTOM), role(READ)]),
        lambda me: setattr(me, "active", False),
        lambda me: setattr(me, "entity", the_entity("Bilbao")),
        lambda me: setattr(me, "entity_id", the_entity("Federación").id),
        lambda me: assign_by_backref(CUSTOM if me.roles[:1] != [role(CUSTOM)] else READ, me),
        lambda me: db.session.delete(me),
    ],
    ids=["no roles", "more roles", "locked", "lower", "higher", "from the role", "gone"],
)
def test_nobody_changes_their_own_rights(rank, change, custom):
    me = user_of_rank(rank, "Norte", "actor")
    db.session.commit()
    if rank == "edits":
        me.roles = [role(READ)]
        db.session.commit()
    if (
        rank == "nothing"
        and not me.roles
        and change(me) is None
        and not db.session.is_modified(me)
    ):
        return
    db.session.rollback()
    with acting_as(me.as_actor()):
        assert not is_allowed(lambda: change(me))


def test_an_entity_is_checked_whether_set_by_id_or_by_object(ranks):
    """The loaded relationship still shows the old entity."""
    user, actor = ranks["nothing", "own"], user_of_rank("both", "Norte", "actor").as_actor()
    assert user.entity.name == "Norte"
    sur = the_entity("Sur")
    with acting_as(actor):
        assert not is_allowed(lambda: setattr(user, "entity_id", sur.id))
        assert not is_allowed(lambda: setattr(user, "entity", sur))
        assert not is_allowed(lambda: setattr(user, "entity", None))
        assert is_allowed(lambda: setattr(user, "entity", the_entity("Bilbao")))


def test_a_role_cannot_be_assigned_through_the_backref(ranks):
    user, actor = ranks["nothing", "own"], user_of_rank("security", "Norte", "actor").as_actor()
    number = user.id
    db.session.expire_all()
    with acting_as(actor):
        assert not is_allowed(lambda: assign_by_backref(EDIT, user))
        assert not is_allowed(lambda: assign_by_backref(EDIT, ranks["all", "own"]))
    db.session.expunge_all()
    plain = db.session.get(User, number)
    with acting_as(actor):
        assert not is_allowed(lambda: setattr(plain, "active", False))


def test_groups_grant_no_permissions(client_as):
    number, admin, actor = BRUNO.user.id, role(ADMINISTRATOR), BRUNO.as_actor()
    with acting_as(actor):
        assert not is_allowed(lambda: db.session.add(Group(name="Everybody", roles=[admin])))
    group = Group(name="Everybody", roles=[admin])
    db.session.add(group)
    db.session.flush()
    values = {"user_id": number, "group_id": group.id}
    db.session.execute(insert(db.metadata.tables["ab_user_group"]).values(values))
    db.session.commit()
    assert client_as(BRUNO).get("/users/list/").status_code in (302, 403)
    assert not BRUNO.as_actor().is_administrator


@pytest.mark.parametrize("rank", ["security", "both", "limited"])
def test_users_cannot_change_a_role_they_have(rank, custom, session):
    me, mine = user_of_rank(rank, "Norte", "actor"), role(CUSTOM)
    me.roles = [*me.roles, mine]
    db.session.commit()
    with acting_as(me.as_actor()):
        assert not is_allowed(lambda: setattr(mine, "permissions", []))
        assert not is_allowed(lambda: db.session.delete(mine))


def test_a_role_of_users_above_or_elsewhere_cannot_be_changed(ranks, session):
    for name in ("custom", "all"):
        session.delete(ranks[name, "own"])
    mine = Role(name="Mine", permissions=list(role(CUSTOM).permissions))
    session.add(mine)
    ranks["nothing", "own"].roles = [mine]
    session.commit()
    actor = user_of_rank("both", "Norte", "actor").as_actor()
    with acting_as(actor):
        assert is_allowed(lambda: setattr(mine, "permissions", []))
        assert not is_allowed(lambda: session.delete(mine)), "somebody has it"
    for user in (ranks["nothing", "beside"], ranks["all", "below"]):
        user.roles = [*user.roles, mine]
        session.commit()
        with acting_as(actor):
            assert not is_allowed(lambda: setattr(mine, "permissions", []))
        user.roles = [each for each in user.roles if each is not mine]
        session.commit()


@pytest.mark.parametrize("name", [ADMINISTRATOR, LIMITED_ADMINISTRATOR, READ])
def test_seeded_roles_can_only_require_a_second_factor(name, session):
    seeded = role(name)
    right = session.scalars(select(PermissionView).limit(1)).one()
    lower = user_of_rank("all", "Norte").as_actor()
    with acting_as(ALICIA.as_actor()):
        assert is_allowed(lambda: setattr(seeded, "needs_second_factor", True))
        assert not is_allowed(lambda: setattr(seeded, "name", "Anything"))
        assert not is_allowed(lambda: setattr(seeded, "permissions", [right]))
        assert not is_allowed(lambda: session.delete(seeded))
    with acting_as(lower):
        assert not is_allowed(lambda: setattr(seeded, "needs_second_factor", True))


def test_nobody_widens_a_scope_by_moving_entities(session):
    norte, bilbao, sur = the_entity("Norte"), the_entity("Bilbao"), the_entity("Sur")
    with acting_as(user_of_rank("all", "Norte", "actor").as_actor()):
        assert is_allowed(lambda: setattr(bilbao, "name", "Bilbo"))
        assert not is_allowed(lambda: setattr(norte, "parent_id", None))
        assert not is_allowed(lambda: setattr(norte, "parent", None))
        assert not is_allowed(lambda: setattr(norte, "parent", sur))
        assert not is_allowed(lambda: setattr(bilbao, "parent_id", sur.id))
        assert not is_allowed(lambda: setattr(sur, "parent", norte))
        assert not is_allowed(lambda: session.add(Entity(name="New", parent_id=sur.id)))
        assert not is_allowed(lambda: session.add(Entity(name="New")))
        assert is_allowed(lambda: session.add(Entity(name="New", parent_id=bilbao.id)))
    with acting_as(ALICIA.as_actor()):
        assert not is_allowed(lambda: setattr(norte, "parent", None))
        assert is_allowed(lambda: setattr(bilbao, "parent", sur))
