"""An application whose contacts have the added fields."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import text

from app.extensions import db
from app.security.roles import sync_roles
from tests.databases import migrated_app

if os.environ.get("PADRON_TEST_ADDED_FIELDS"):
    import tests.added_fields.declared  # noqa: F401 - it declares the fields
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def app(database, tmp_path_factory):
    with migrated_app(database, tmp_path_factory.mktemp("data"), with_people=True) as app:
        with app.app_context():
            db.session.execute(text("ALTER TABLE contact ADD COLUMN shirt VARCHAR(2)"))
            db.session.execute(text("ALTER TABLE contact ADD COLUMN fee BIGINT"))
            sync_roles(app.appbuilder.grants())
            db.session.commit()
        yield app
