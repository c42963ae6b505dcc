"""Helpers for tests of the login: a clock, accounts of every kind, the login form."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pyotp

from app.extensions import db
from app.i18n import clock as calendar
from app.security import browser, sessions, throttle, two_factor
from app.security.passwords import hash_password
from app.security.two_factor import encrypt_secret
from app.staff.models import StaffUser
from app.trash.services import move_to_trash
from app.types import now
from tests.people import ALICIA, BRUNO, Person, add_person

PASSWORD = "lluvia tractor violín nogal"
NEW_PASSWORD = "nube cuchara montaña quince"
ACCOUNT_KINDS = ("existing", "missing", "inactive", "trashed", "left", "locked")
# The modules of the login that read the clock.
CLOCK_MODULES = (browser, sessions, throttle, two_factor)


class Clock:
    """A clock set by the test, which replaces ``now`` in the modules of the login."""

    def __init__(self, monkeypatch) -> None:
        self.moment = now()
        for module in CLOCK_MODULES:
            monkeypatch.setattr(module, "now", lambda: self.moment)

        class Calendar(datetime):
            @classmethod
            def now(cls, zone=None):
                return self.moment.astimezone(zone or UTC)

        monkeypatch.setattr(calendar, "datetime", Calendar)

    def advance(self, **by) -> None:
        self.moment += timedelta(**by)


def set_password(user: StaffUser, text: str = PASSWORD) -> None:
    """Set a user's password without ending their sessions."""
    db.session.execute(
        StaffUser.__table__.update()
        .where(StaffUser.__table__.c.id == user.id)
        .values(password=hash_password(text))
    )
    db.session.commit()


def enable_two_factor(user: StaffUser) -> str:
    """Turn on a user's second factor; return its secret."""
    secret = pyotp.random_base32()
    db.session.execute(
        StaffUser.__table__.update()
        .where(StaffUser.__table__.c.id == user.id)
        .values(totp_secret=encrypt_secret(secret))
    )
    db.session.commit()
    return secret


def current_code(secret: str, moment: datetime | None = None) -> str:
    """Return the TOTP code of a moment."""
    return pyotp.TOTP(secret).at(moment or two_factor.now())


def make_account(kind: str) -> str:
    """Create an account of one kind; return its user name, always of five letters."""
    if kind == "missing":
        return "nadia"
    user = add_person(Person("elena", "Norte", BRUNO.role))
    set_password(user)
    if kind == "inactive":
        user.active = False
    elif kind == "trashed":
        move_to_trash(user, ALICIA.as_actor())
    elif kind == "left":
        user.employed_until = date(2020, 1, 1)
    elif kind == "locked":
        for _n in range(throttle_limit()):
            throttle.count_attempt(
                db.session, throttle.key_for_user("sign-in", StaffUser, user.id), 15
            )
    db.session.commit()
    return user.username


def throttle_limit() -> int:
    """Return the number of wrong passwords allowed per account."""
    from app.staff.login import MAX_PER_ACCOUNT

    return MAX_PER_ACCOUNT


def log_in(client, name="bruno", password=PASSWORD, target="", address="10.1.1.1"):
    """Submit the login form."""
    return client.post(
        f"/login/?next={target}",
        data={"username": name, "password": password},
        environ_overrides={"REMOTE_ADDR": address},
    )


@contextmanager
def record_hashes(monkeypatch):
    """Record the method of every hash computed inside the block."""
    from werkzeug import security

    found: list[str] = []
    compute = security._hash_internal

    def note(method, salt, password):
        found.append(method)
        return compute(method, salt, password)

    with monkeypatch.context() as patch:
        patch.setattr(security, "_hash_internal", note)
        yield found
