"""Actors of four kinds, and the rows each of them may see."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask_appbuilder.security.sqla.models import Permission
from sqlalchemy import func, select, true

from app.accounts.models import Account
from app.contacts.models import Contact, Tag
from app.crud.interface import ScopedInterface
from app.jobs.services import enqueue
from app.security.actor import NOBODY, SYSTEM, Actor, ActorKind, contact_actor
from app.security.privileges import permissions_of_actor
from app.security.rights import actor_has_permission, common_permissions
from app.security.scope import scope_condition, visible
from tests.factories import a_contact
from tests.people import ALICIA, DIEGO

ANA = contact_actor(7, "Ana Ruiz")


def count(session, model, actor) -> int:
    return session.scalar(select(func.count()).select_from(visible(model, actor).subquery()))


@pytest.mark.parametrize("actor", [ANA, NOBODY], ids=["contact", "visitor"])
@pytest.mark.parametrize("model", [Contact, Account, Tag])
def test_a_model_without_their_scope_shows_a_contact_and_a_visitor_nothing(session, model, actor):
    a_contact()
    assert count(session, model, ALICIA.as_actor()) > 0 or model is Account
    assert count(session, model, actor) == 0


def test_a_model_shows_a_contact_what_its_portal_scope_says_and_a_visitor_nothing(
    session, monkeypatch
):
    mine, _theirs = a_contact(), a_contact()
    scope = classmethod(lambda cls, actor: cls.id == actor.contact_id)
    monkeypatch.setattr(Contact, "portal_scope", scope, raising=False)
    me = contact_actor(mine.id, str(mine))
    assert [row.id for row in session.scalars(visible(Contact, me))] == [mine.id]
    assert count(session, Contact, NOBODY) == 0


def test_a_model_shows_a_visitor_what_its_visitor_scope_says_and_a_contact_nothing(
    session, monkeypatch
):
    monkeypatch.setattr(
        Tag, "visitor_scope", classmethod(lambda cls, actor: true()), raising=False
    )
    assert count(session, Tag, NOBODY) > 0
    assert count(session, Tag, ANA) == 0


def test_a_model_that_does_not_say_what_staff_may_see_is_refused(session):
    for actor in (ALICIA.as_actor(), SYSTEM):
        with pytest.raises(TypeError, match="which of its rows staff may see"):
            scope_condition(Permission, actor)
    with pytest.raises(TypeError, match="which of its rows staff may see"):
        ScopedInterface(Permission)


def test_a_contact_has_no_permission_of_staff_not_even_a_common_one(app, session):
    permission, resource = next(iter(common_permissions()))
    assert actor_has_permission(DIEGO.as_actor(), permission, resource)
    for actor in (ANA, NOBODY):
        assert not actor_has_permission(actor, permission, resource)
        assert permissions_of_actor(actor).pairs == frozenset()
        assert not permissions_of_actor(actor).is_all


@pytest.mark.parametrize(
    "more",
    [
        {"id": 1}, {"entity_ids": None}, {"entity_ids": frozenset({1})}, {"role_ids": frozenset({1})},
        {"is_administrator": True}, {"contact_id": None},
    ],
    ids=lambda more: next(iter(more)),
)  # fmt: skip
def test_a_contact_cannot_be_given_what_only_staff_may_have(more):
    with pytest.raises(ValueError, match="cannot be such an actor"):
        replace(ANA, **more)


def test_only_a_contact_has_the_id_of_a_contact():
    for actor in (SYSTEM, NOBODY):
        with pytest.raises(ValueError, match="cannot be such an actor"):
            replace(actor, contact_id=7)
    with pytest.raises(ValueError, match="cannot be such an actor"):
        Actor(kind=ActorKind.STAFF, id=1, contact_id=7, name="x", entity_ids=frozenset())


def test_a_contact_and_a_visitor_cannot_enqueue_a_job_which_would_run_as_a_user(session):
    for actor in (ANA, NOBODY):
        with pytest.raises(TypeError, match="cannot enqueue"):
            enqueue(session, "action", {}, actor)
