"""Recipients, priorities and channels: whom a message is for, which goes first, by which way."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text

from app.extensions import db
from app.outbox.delivery import _claim, deliver_due
from app.outbox.kinds import Channel, MessageContent, MessageKind, ServerUnreachable
from app.outbox.models import Message, Priority
from app.outbox.services import queue_message
from app.staff.models import StaffUser
from app.types import now
from tests.people import ALICIA, BRUNO

pytestmark = pytest.mark.both_databases


class Pigeon(Channel):
    """A channel as another room would add it."""

    name = "pigeon"
    sent: list = []
    is_there = True

    def is_configured(self, app):
        return True

    def pack(self, content, message_id):
        return content.to_address, content.text

    def to_text(self, packed):
        return packed[1]

    @contextmanager
    def connect(self, app):
        if not Pigeon.is_there:
            raise ServerUnreachable("moulting")
        yield self

    def open(self):
        pass

    def deliver(self, packed):
        Pigeon.sent.append(packed)


class Note(MessageKind):
    """A kind of message for that channel."""

    name = "note"
    channel = "pigeon"

    def compose(self, session, message):
        row = message.recipient_row(session)
        return MessageContent(to_address=message.recipient or row.username, text="Coo")


@pytest.fixture(autouse=True)
def _pigeon():
    Pigeon.sent, Pigeon.is_there = [], True


def many_waiting(number, **values):
    """Queue many messages at once, due before all others."""
    early = now() - timedelta(days=1)
    row = {"kind": "plain", "state": "queued", "due_at": early, "priority": Priority.BULK} | values
    db.session.execute(insert(Message), [row] * number)
    db.session.commit()


def claimed(channel="email"):
    number, _attempt = _claim(channel)
    return db.session.get(Message, number)


def test_a_password_link_does_not_wait_behind_a_campaign(session):
    many_waiting(2_000)
    notice = queue_message(db.session(), "notice", to=BRUNO.user)
    link = queue_message(db.session(), "link", to=BRUNO.user)
    session.commit()
    assert claimed().id == link.id
    assert claimed().id == notice.id
    assert claimed().priority == Priority.BULK


def test_within_a_priority_the_oldest_goes_first(session):
    for minutes in (5, 9, 1):
        many_waiting(1, due_at=now() - timedelta(minutes=minutes), subject=str(minutes))
    assert [claimed().subject for _time in range(3)] == ["9", "5", "1"]


def test_what_waits_for_a_later_day_does_not_stand_in_the_way(session):
    many_waiting(500, priority=Priority.URGENT, due_at=now() + timedelta(days=1))
    many_waiting(1, subject="now")
    assert claimed().subject == "now"
    assert _claim("email") is None


def test_an_index_gives_the_next_message_without_sorting(session, database):
    many_waiting(3_000)
    db.session.execute(text("ANALYZE outbox_message"))
    query = (
        select(Message.id)
        .where(
            Message.state == "queued", Message.channel == "email",
            Message.priority.in_((Priority.URGENT,)), Message.due_at <= now(),
        )
        .order_by(Message.due_at, Message.id)
        .limit(1)
    )  # fmt: skip
    sql = str(query.compile(db.engine, compile_kwargs={"literal_binds": True}))
    explain = "EXPLAIN QUERY PLAN" if database == "sqlite" else "EXPLAIN"
    plan = " ".join(str(row) for row in db.session.execute(text(f"{explain} {sql}")))
    assert "ix_outbox_message_due" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


def test_the_priority_given_replaces_that_of_the_kind(session):
    assert queue_message(db.session(), "link", to=BRUNO.user).priority == Priority.URGENT
    bulk = queue_message(db.session(), "link", to=BRUNO.user, priority=Priority.BULK)
    assert bulk.priority == Priority.BULK


def test_a_channel_is_one_class_and_carries_the_messages_of_its_kinds(app, session):
    queue_message(db.session(), "note", to=BRUNO.user)
    queue_message(db.session(), "note", to="the loft")
    session.commit()
    assert deliver_due(app) == {"sent": 2}
    assert Pigeon.sent == [("bruno", "Coo"), ("the loft", "Coo")]


def test_a_channel_that_cannot_be_reached_holds_up_no_other(app, session):
    Pigeon.is_there = False
    note = queue_message(db.session(), "note", to=BRUNO.user)
    mail = queue_message(db.session(), "link", to=BRUNO.user)
    session.commit()
    assert deliver_due(app) == {"queued": 1, "kept": 1}
    session.refresh(note)
    assert (note.state, note.error, mail.state) == ("queued", "moulting", "kept")


def test_a_message_to_a_plain_address_is_seen_by_those_who_see_everything(session):
    queue_message(db.session(), "note", to="ana@example.org")
    session.commit()
    seen = {
        person: len(list(session.scalars(select(Message).where(Message.scope(person.as_actor())))))
        for person in (ALICIA, BRUNO)
    }
    assert seen == {ALICIA: 1, BRUNO: 0}


def test_a_message_is_seen_by_those_who_see_its_recipient(session):
    for person in (BRUNO, ALICIA):
        queue_message(db.session(), "note", to=person.user)
    session.commit()
    found = session.scalars(select(Message).where(Message.scope(BRUNO.as_actor())))
    assert [message.recipient_row(db.session()).username for message in found] == ["bruno"]


def test_a_recipient_that_is_gone_leaves_a_message_that_is_not_sent(app, session):
    message = queue_message(db.session(), "notice", to=BRUNO.user, data={"what": "x"})
    message.recipient_id = 999_999
    session.commit()
    assert message.recipient_row(db.session()) is None
    assert deliver_due(app) == {"dropped": 1}
    assert isinstance(BRUNO.user, StaffUser)
