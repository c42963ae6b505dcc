"""Mails that waited before the outbox took any recipient go to whom they were meant for."""

from __future__ import annotations

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import select, text

from app.extensions import db
from app.outbox.models import Message, Priority
from app.outbox.services import queue_message
from tests.databases import migrated_app
from tests.people import BRUNO

pytestmark = pytest.mark.both_databases


def test_what_waits_keeps_its_recipient_and_goes_back(database, tmp_path):
    with migrated_app(database, tmp_path, with_people=True) as app, app.app_context():
        bruno = BRUNO.user.id
        for kind, to in (("link", BRUNO.user), ("notice", BRUNO.user), ("reset", None)):
            queue_message(db.session(), kind, to=to, data={"keys": 1})
        queue_message(db.session(), "notice", to="ana@example.org")
        db.session.commit()
        ids = list(db.session.scalars(select(Message.id).order_by(Message.id)))
        db.session.remove()

        downgrade(revision="0025")
        with db.engine.begin() as connection:
            mails = connection.execute(text("SELECT id, kind, user_id FROM mail ORDER BY id"))
            assert [tuple(mail) for mail in mails] == [
                (ids[0], "link", bruno), (ids[1], "notice", bruno), (ids[2], "reset", None),
                (ids[3], "notice", None),
            ]  # fmt: skip
        upgrade()

        messages = db.session.scalars(select(Message).order_by(Message.id)).all()
        assert [(m.id, m.recipient_type, m.recipient_id, m.channel) for m in messages] == [
            (ids[0], "ab_user", bruno, "email"), (ids[1], "ab_user", bruno, "email"),
            (ids[2], None, None, "email"), (ids[3], None, None, "email"),
        ]  # fmt: skip
        assert [m.priority for m in messages] == [
            Priority.URGENT, Priority.NORMAL, Priority.URGENT, Priority.NORMAL,
        ]  # fmt: skip
        later = queue_message(db.session(), "notice", to=BRUNO.user)
        db.session.commit()
        assert later.id > max(ids)
