"""A small population of the tests: contacts who log in with accounts of their own.

Its tables are temporary and not in the metadata of the program, and it is registered only inside
``the_portal``: no other test sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from flask import Flask
from sqlalchemy import Connection, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.extensions import db
from app.security.actor import Actor, contact_actor
from app.security.models import LinkRow, RecoveryCodeRow, SessionRow
from app.security.populations import Population
from app.security.sessions import create_session
from app.types import now

TEMPORARY = {"prefixes": ["TEMPORARY"]}


class Base(DeclarativeBase):
    """The base of the tables."""


class PortalUser(Base):
    """The account of a contact."""

    __tablename__ = "portal_user"
    __table_args__ = TEMPORARY

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int]
    email: Mapped[str] = mapped_column(String(200), default="ana@example.org")
    password: Mapped[str] = mapped_column(String(200), default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    totp_step: Mapped[int | None]

    def as_actor(self) -> Actor:
        """Return the contact as an actor."""
        return contact_actor(self.contact_id, "Ana Ruiz")


class PortalSession(Base, SessionRow):
    """A login session of a contact."""

    __tablename__ = "portal_session"
    __table_args__ = TEMPORARY

    user_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))


class PortalLink(Base, LinkRow):
    """A one-time link of a contact."""

    __tablename__ = "portal_link"
    __table_args__ = TEMPORARY

    user_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))


class PortalCode(Base, RecoveryCodeRow):
    """A recovery code of a contact."""

    __tablename__ = "portal_code"
    __table_args__ = TEMPORARY

    user_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))


class Portal(Population, abstract=True):
    """The contacts, in the pages under /portal."""

    name = "portal"
    url_prefix = "/portal"
    login_endpoint = "portal_login"
    users = PortalUser
    sessions = PortalSession
    links = PortalLink
    recovery_codes = PortalCode


@contextmanager
def the_portal(connection: Connection) -> Iterator[None]:
    """Register the population inside the block, and make its tables."""
    with patch.object(Population, "_registered", [*Population.all(), Portal]):
        Base.metadata.create_all(connection)
        yield
        # What was added last is written while the session still finds the tables.
        db.session.commit()
        Base.metadata.drop_all(connection)


def add_portal_user(contact_id: int) -> PortalUser:
    """Write the account of a contact."""
    user = PortalUser(contact_id=contact_id)
    db.session.add(user)
    db.session.commit()
    return user


def portal_cookie(app: Flask, user_id: int) -> str:
    """Log a contact in; return the value of the cookie."""
    browser = app.test_client()
    token = create_session(db.session(), PortalSession, user_id)
    db.session.commit()
    with browser.session_transaction("/portal/") as cookies:
        cookies["token"], cookies["seen"] = token, int(now().timestamp())
    cookie = browser.get_cookie(Portal.cookie_name(app))
    assert cookie is not None
    return cookie.value
