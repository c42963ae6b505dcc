"""Measure the login: ``python -m bench.login [samples]``.

Sends a wrong password to six kinds of account in turn, at the real cost of a hash, and prints the
median of each. The time must not reveal which accounts exist: the medians should lie within 10 %
of each other. The throttle counters are reset before each sample, except for the locked account.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import date
from typing import Any

from flask_appbuilder.security.sqla.models import Role
from flask_migrate import upgrade
from sqlalchemy import delete

from app import create_app
from app.entities.services import ensure_root
from app.extensions import db
from app.security.models import AttemptCounter
from app.security.passwords import hash_password
from app.security.throttle import count_attempt, key_for_user
from app.staff.models import StaffUser
from app.types import now
from config import settings

PASSWORD = "lluvia tractor violín nogal"
KINDS = ("existing", "missing", "inactive", "trashed", "left", "locked")


def make_accounts() -> dict[str, int]:
    """Write an account of each kind but the missing one; return their ids."""
    top = ensure_root(db.session(), "Federación")
    role = Role(name="Bench")
    states: dict[str, dict[str, Any]] = {
        "inactive": {"active": False},
        "trashed": {"trashed_at": now()},
        "left": {"employed_until": date(2020, 1, 1)},
    }
    users = {}
    for kind in KINDS:
        if kind == "missing":
            continue
        user = StaffUser(
            username=kind, first_name="Elena", last_name="Gil", email=f"{kind}@example.org",
            password=hash_password(PASSWORD), entity=top, **{"active": True} | states.get(kind, {}),
        )  # fmt: skip
        user.roles = [role]
        db.session.add(user)
        users[kind] = user
    db.session.commit()
    return {kind: user.id for kind, user in users.items()}


def measure(samples: int) -> dict[str, list[float]]:
    """Return the response times in seconds, by kind of account."""
    config = settings({"PADRON_DATA_DIR": tempfile.mkdtemp()})
    app = create_app(config | {"WTF_CSRF_ENABLED": False})
    with app.app_context():
        upgrade()
        user_ids = make_accounts()
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for sample in range(samples + 5):
        for kind in KINDS:
            with app.app_context():
                db.session.execute(delete(AttemptCounter))
                for _n in range(6 if kind == "locked" else 0):
                    count_attempt(
                        db.session(), key_for_user("sign-in", StaffUser, user_ids[kind]), 15
                    )
                db.session.commit()
            started = time.perf_counter()
            reply = app.test_client().post(
                "/login/", data={"username": kind, "password": "wrong password"}
            )
            seconds = time.perf_counter() - started
            assert reply.status_code == 401
            if sample >= 5:
                times[kind].append(seconds)
    with app.app_context():
        db.engine.dispose()
    return times


if __name__ == "__main__":
    medians = {
        kind: statistics.median(seconds) * 1000
        for kind, seconds in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 200).items()
    }
    for kind, median in medians.items():
        print(f"{kind:10} {median:7.1f} ms")
    print(f"apart by {(max(medians.values()) / min(medians.values()) - 1) * 100:.1f} %")
