"""The migrations make the tables the models say, there and back, with data in them."""

from __future__ import annotations

import pytest
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from app.extensions import db
from tests.databases import migrated_app
from tests.factories import a_contact, an_account
from tests.people import seed_people

pytestmark = pytest.mark.both_databases


def test_models_and_migrations_say_the_same(database, tmp_path):
    with migrated_app(database, tmp_path) as app, app.app_context():
        check()


def test_up_down_and_up_again_works_with_data_in_the_tables(database, tmp_path):
    with migrated_app(database, tmp_path) as app, app.app_context():
        seed_people(app.appbuilder.grants())
        a_contact(account=an_account())
        db.session.remove()

        downgrade(revision="base")
        left = set(inspect(db.engine).get_table_names()) - {"alembic_version"}
        upgrade()

        assert left == set()
        assert inspect(db.engine).has_table("contact")
        check()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE log_entry SET actor_name = 'somebody else'", "DELETE FROM log_entry"],
    ids=["update", "delete"],
)
def test_the_log_can_only_be_added_to(session, statement):
    a_contact()
    with pytest.raises(DBAPIError, match="only ever added to"), session.begin_nested():
        session.execute(text(statement))


def test_the_log_cannot_be_emptied_on_postgresql(session):
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(DBAPIError, match="only ever added to"), session.begin_nested():
        session.execute(text("TRUNCATE log_entry"))
