"""Create the benchmark databases, once each."""

from __future__ import annotations

import os
import time

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select, text
from werkzeug.security import generate_password_hash

import config
from app import create_app
from app.entities.models import Entity
from app.extensions import db
from app.staff.commands import prepare
from app.staff.models import StaffUser
from bench.seed import seed

PASSWORD = "bench-padron-2026"
FOLDER = os.environ.get("BENCH_DIR", "instance/bench")
SERVER = os.environ.get(
    "PADRON_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)


def database(kind: str, count: int, folder: str, server: str) -> str:
    """Return the URL of a database with ``count`` contacts; create it if it does not exist."""
    if kind == "sqlite":
        return f"sqlite:///{folder}/bench-{count}.sqlite3"
    import psycopg

    name = f"padron_bench_{count}"
    with psycopg.connect(server, autocommit=True) as connection:
        known = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", (name,)
        ).fetchone()
        if not known:
            connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server.rsplit('/', 1)[0]}/{name}"


def application(url: str, folder: str, count: int):
    """Return the app on a seeded database, with one user of each kind."""
    app = create_app(
        config.settings(
            {
                "PADRON_DATABASE_URL": url,
                "PADRON_DATA_DIR": folder,
                "PADRON_ADMIN_PASSWORD": PASSWORD,
                # As a site with two cores would.
                "PADRON_PROCESSES": "1" if url.startswith("sqlite") else "2",
                **{k: v for k, v in os.environ.items() if k == "PADRON_THREADS"},
            }
        )
    )
    with app.app_context():
        prepare(demo=False)
        if not db.session.scalar(
            text("SELECT count(*) FROM (SELECT 1 FROM contact LIMIT 1) AS c")
        ):
            start = time.monotonic()
            db.session.rollback()
            with db.engine.begin() as connection:
                seed(connection, count)
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("ANALYZE"))
                if connection.dialect.name == "postgresql":
                    connection.execute(text("VACUUM ANALYZE"))
            print(f"seeded {count:,} contacts in {time.monotonic() - start:.0f} s")
        if not db.session.scalar(select(StaffUser).where(StaffUser.username == "small")):
            user = StaffUser(
                username="small", first_name="Bruno", last_name="Small", email="small@localhost",
                active=True, password=generate_password_hash(PASSWORD),
                entity=db.session.scalar(select(Entity).where(Entity.name == "One percent")),
            )  # fmt: skip
            user.roles = [db.session.scalar(select(Role).where(Role.name == "Contacts: edit"))]
            db.session.add(user)
            db.session.commit()
        db.session.remove()
    return app
