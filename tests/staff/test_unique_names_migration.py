"""Users and roles that shared a name before the database refused it: nobody is lost."""

from __future__ import annotations

from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from app.extensions import db
from tests.databases import migrated_app

USERS = (
    ("bob", "bob@example.org"), ("BOB", "b2@example.org"), ("b\u043eb", "b3@example.org"),
    ("vera", "v@x.org"), ("V@x.org", "v2@x.org"), ("zoe", "BOB@example.org"),
)  # fmt: skip


def test_later_names_get_a_number_and_the_log_says_so(tmp_path):
    with migrated_app("sqlite", tmp_path) as app, app.app_context():
        downgrade(revision="0008")
        with db.engine.begin() as connection:
            for name, email in USERS:
                connection.execute(
                    text(
                        "INSERT INTO ab_user (first_name, last_name, username, email, active,"
                        " version) VALUES ('Ana', 'Vega', :name, :email, true, 1)"
                    ),
                    {"name": name, "email": email},
                )
            for name in ("Treasury", "treasury"):
                connection.execute(
                    text("INSERT INTO ab_role (name, version) VALUES (:name, 1)"), {"name": name}
                )
        upgrade()
        with db.engine.begin() as connection:
            names = connection.scalars(text("SELECT username FROM ab_user ORDER BY id")).all()
            emails = connection.scalars(text("SELECT email FROM ab_user ORDER BY id")).all()
            roles = connection.scalars(text("SELECT name FROM ab_role ORDER BY id")).all()
            logged = connection.scalars(text("SELECT changes FROM log_entry ORDER BY id")).all()
            used = connection.execute(
                text("SELECT key FROM unique_name WHERE user_id IS NOT NULL ORDER BY key")
            )
            keys = used.scalars().all()
        assert names == ["bob", "BOB-2", "b\u043eb-3", "vera", "V@x.org-2", "zoe"]
        assert emails == [email for _name, email in USERS]
        assert roles == ["Treasury", "treasury-2"]
        assert len(logged) == 4
        assert '["BOB", "BOB-2"]' in logged[0]
        assert keys == sorted({
            "bob", "bob-2", "bob-3", "vera", "v@x.org-2", "zoe", "bob@example.org",
            "b2@example.org", "b3@example.org", "v@x.org", "v2@x.org",
        })  # fmt: skip
