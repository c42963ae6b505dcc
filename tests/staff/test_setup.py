"""The commands ``setup`` and ``sync`` are idempotent."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.contacts.models import Contact
from app.extensions import db
from app.security.roles import sync_roles
from app.staff.models import StaffUser
from tests.databases import empty_database, make_app

pytestmark = pytest.mark.both_databases


def contents() -> dict:
    """Return every row of every table."""
    db.session.rollback()
    return {
        table.name: sorted(map(str, db.session.execute(select(table))))
        for table in db.metadata.sorted_tables
    }


def test_setting_up_twice_changes_nothing(database, tmp_path):
    with empty_database(database, tmp_path) as url:
        app = make_app(url, tmp_path)
        first = app.test_cli_runner().invoke(args=["setup"])
        assert first.exit_code == 0, first.output
        with app.app_context():
            before = contents()
            assert db.session.scalar(select(func.count(Contact.id))) > 100
            assert db.session.scalars(select(StaffUser.username)).all() == ["admin"]
        second = app.test_cli_runner().invoke(args=["setup"])
        with app.app_context():
            after = contents()
            db.session.remove()
            db.engine.dispose()

    assert "password" in first.output
    assert second.exit_code == 0
    assert "password" not in second.output
    assert after == before


def test_without_demo_data_there_are_no_contacts(tmp_path):
    with empty_database("sqlite", tmp_path) as url:
        app = make_app(url, tmp_path)
        assert app.test_cli_runner().invoke(args=["setup", "--no-demo"]).exit_code == 0
        with app.app_context():
            assert db.session.scalar(select(func.count(Contact.id))) == 0
            db.session.remove()
            db.engine.dispose()


def test_a_second_sync_changes_nothing(app, session):
    before = contents()
    result = sync_roles(app.appbuilder.grants())
    assert set(result.values()) == {0}
    assert contents() == before


def test_a_custom_role_keeps_its_permissions(app, session):
    from flask_appbuilder.security.sqla.models import PermissionView, Role

    some = session.scalars(select(PermissionView).limit(3)).all()
    role = Role(name="Secretaría", permissions=list(some))
    session.add(role)
    session.commit()
    sync_roles(app.appbuilder.grants())
    session.commit()
    assert set(role.permissions) == set(some)
