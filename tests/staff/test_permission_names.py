"""The permissions that modules name without importing a view are those that views declare."""

from __future__ import annotations

from app.staff import permissions


def test_every_named_permission_is_declared_by_a_view(app):
    declared = {(grant.permission, grant.resource) for grant in app.appbuilder.grants()}
    named = {pair for pair in vars(permissions).values() if isinstance(pair, tuple)}
    assert len(named) == 5
    assert named <= declared
