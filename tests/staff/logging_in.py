"""A clock to set, accounts of every kind, and how people sign in."""

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
NEW = "nube cuchara montaña quince"
KINDS = ("existing", "missing", "inactive", "trashed", "left", "locked")
# Everything at the door that asks what time it is.
ASKERS = (browser, sessions, throttle, two_factor)


class Clock:
    """A clock that goes only when it is told to."""

    def __init__(self, monkeypatch) -> None:
        self.moment = now()
        for module in ASKERS:
            monkeypatch.setattr(module, "now", lambda: self.moment)

        class Calendar(datetime):
            @classmethod
            def now(cls, zone=None):
                return self.moment.astimezone(zone or UTC)

        monkeypatch.setattr(calendar, "datetime", Calendar)

    def go(self, **by) -> None:
        self.moment += timedelta(**by)


def give_password(user: StaffUser, text: str = PASSWORD) -> None:
    """Give somebody a password without ending their sessions."""
    db.session.execute(
        StaffUser.__table__.update()
        .where(StaffUser.__table__.c.id == user.id)
        .values(password=hash_password(text))
    )
    db.session.commit()


def give_telephone(user: StaffUser) -> str:
    """Turn on somebody's second factor; return its secret."""
    secret = pyotp.random_base32()
    db.session.execute(
        StaffUser.__table__.update()
        .where(StaffUser.__table__.c.id == user.id)
        .values(totp_secret=encrypt_secret(secret))
    )
    db.session.commit()
    return secret


def code_of(secret: str, moment: datetime | None = None) -> str:
    """Return the code a telephone shows."""
    return pyotp.TOTP(secret).at(moment or two_factor.now())


def account(kind: str) -> str:
    """Make an account of one kind; return its user name, always of five letters."""
    if kind == "missing":
        return "nadia"
    user = add_person(Person("elena", "Norte", BRUNO.role))
    give_password(user)
    if kind == "inactive":
        user.active = False
    elif kind == "trashed":
        move_to_trash(user, ALICIA.as_actor())
    elif kind == "left":
        user.employed_until = date(2020, 1, 1)
    elif kind == "locked":
        for _n in range(throttle_limit()):
            throttle.count_attempt(db.session, throttle.key_for_user("sign-in", user.id), 15)
    db.session.commit()
    return user.username


def throttle_limit() -> int:
    """Return how many wrong passwords an account takes."""
    from app.staff.login import MAX_PER_ACCOUNT

    return MAX_PER_ACCOUNT


def sign_in(client, name="bruno", password=PASSWORD, target="", address="10.1.1.1"):
    """Send the form of the door."""
    return client.post(
        f"/login/?next={target}",
        data={"username": name, "password": password},
        environ_overrides={"REMOTE_ADDR": address},
    )


@contextmanager
def counted_hashes(monkeypatch):
    """Collect the method of every hash that is computed inside the block."""
    from werkzeug import security

    found: list[str] = []
    compute = security._hash_internal

    def note(method, salt, password):
        found.append(method)
        return compute(method, salt, password)

    with monkeypatch.context() as patch:
        patch.setattr(security, "_hash_internal", note)
        yield found
