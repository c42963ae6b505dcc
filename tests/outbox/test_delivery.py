"""A mail is sent once; a failure is retried or reported."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.extensions import db
from app.outbox import delivery
from app.outbox.delivery import LEASE_DURATION, RETRY_DELAYS, deliver_due
from app.outbox.models import Message
from app.outbox.periodic import DeleteOldMessages
from app.outbox.services import queue_message
from app.types import now
from tests.outbox.conftest import connect
from tests.outbox.smtp_server import DROP, DROP_AFTER_DATA, REJECT, TRY_LATER, smtp_sink

pytestmark = pytest.mark.both_databases


def add_mail(to="ana@example.org", kind="plain", **data) -> Message:
    mail = queue_message(db.session(), kind, data={"to_address": to} | data)
    db.session.commit()
    return mail


def let_time_pass(by: timedelta) -> None:
    """Make every mail due earlier, as if time had passed."""
    for mail in db.session.scalars(select(Message)):
        mail.due_at -= by
    db.session.commit()


def test_a_mail_is_sent_once(app, session, sink):
    mail = add_mail()
    assert deliver_due(app) == {"sent": 1}
    assert deliver_due(app) == {}
    assert sink.recipients() == ["ana@example.org"]
    assert (mail.state, mail.attempts, mail.data) == ("sent", 1, None)
    assert mail.sent_at is not None


def test_a_mail_has_the_standard_headers_and_seven_bit_content(app, session, sink):
    add_mail(subject="Año nuevo", to_name="Íñigo Peña", text=".A dot\n.\nañadido", html="<p>ñ</p>")
    deliver_due(app)
    [message] = sink.messages()
    assert message["From"] == "Federación de Muestra <padron@example.org>"
    assert message["To"].addresses[0].display_name == "Íñigo Peña"
    assert message["Subject"] == "Año nuevo"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.tzinfo is not None
    assert message["Message-ID"].endswith("@127.0.0.1>")
    assert message.get_body(("plain",)).get_content().splitlines() == [".A dot", ".", "añadido"]
    assert message.get_body(("html",)).get_content().strip() == "<p>ñ</p>"
    assert all(byte < 128 for byte in sink.accepted[0][2]), "7-bit content only"
    assert sink.accepted[0][0] == "padron@example.org"


def test_a_rollback_discards_the_mail(app, session, sink):
    queue_message(db.session(), "plain")
    db.session.rollback()
    assert deliver_due(app) == {}
    assert sink.accepted == []


def test_a_temporary_failure_is_retried(app, session, sink):
    sink.replies["ana@example.org"] = [TRY_LATER, TRY_LATER]
    mail = add_mail()
    other = add_mail("otra@example.org")
    assert deliver_due(app) == {"queued": 1, "sent": 1}
    assert (mail.state, mail.error) == ("queued", "451 Come again")
    assert other.state == "sent"
    assert deliver_due(app) == {}, "not before due_at"
    let_time_pass(RETRY_DELAYS[0])
    assert deliver_due(app) == {"queued": 1}
    let_time_pass(RETRY_DELAYS[1])
    assert deliver_due(app) == {"sent": 1}
    assert (mail.state, mail.attempts, mail.error) == ("sent", 3, "")


def test_the_message_id_is_the_same_at_every_attempt(app, session, sink):
    sink.replies["ana@example.org"] = [DROP_AFTER_DATA]
    add_mail(kind="repeated")
    deliver_due(app)
    let_time_pass(RETRY_DELAYS[0])
    deliver_due(app)
    first, second = sink.messages()
    assert first["Message-ID"] == second["Message-ID"]


def test_a_mail_fails_after_five_attempts(app, session, sink):
    sink.replies["ana@example.org"] = [TRY_LATER] * 9
    mail = add_mail()
    for wait in (*RETRY_DELAYS, timedelta(hours=9)):
        deliver_due(app)
        let_time_pass(wait)
    assert (mail.state, mail.attempts, mail.error) == ("failed", 5, "451 Come again")
    assert deliver_due(app) == {}


def test_a_permanent_failure_is_not_retried(app, session, sink):
    sink.replies["ana@example.org"] = [REJECT]
    mail = add_mail()
    other = add_mail("otra@example.org")
    assert deliver_due(app) == {"failed": 1, "sent": 1}
    assert (mail.state, mail.error) == ("failed", "550 Nobody here")
    assert other.state == "sent"


def test_a_mail_is_retried_if_the_connection_breaks_before_its_end(app, session, sink):
    sink.replies["ana@example.org"] = [DROP]
    mail = add_mail()
    other = add_mail("otra@example.org")
    assert deliver_due(app) == {"queued": 1, "sent": 1}, "the next one gets a new connection"
    assert (mail.state, other.state) == ("queued", "sent")
    let_time_pass(RETRY_DELAYS[0])
    assert deliver_due(app) == {"sent": 1}
    assert sink.recipients().count("ana@example.org") == 1


def test_a_mail_is_not_retried_if_the_connection_breaks_after_its_end(app, session, sink):
    sink.replies["ana@example.org"] = [DROP_AFTER_DATA]
    mail = add_mail()
    assert deliver_due(app) == {"failed": 1}
    assert "may or may not have arrived" in str(mail.reason)
    let_time_pass(timedelta(days=1))
    assert deliver_due(app) == {}
    assert len(sink.accepted) == 1


def test_an_unreachable_server_postpones_all_mails_and_counts_as_no_attempt(
    app, session, monkeypatch
):
    with smtp_sink() as gone:
        pass
    connect(app, monkeypatch, gone.port)
    mails = [add_mail(f"{number}@example.org") for number in range(3)]
    for _attempt in range(8):
        assert deliver_due(app) == {"queued": 3}
        let_time_pass(delivery.OUTAGE_DELAY)
    assert {(mail.state, mail.attempts) for mail in mails} == {("queued", 0)}
    assert "refused" in mails[0].error
    with smtp_sink() as sink:
        connect(app, monkeypatch, sink.port)
        assert deliver_due(app) == {"sent": 3}


def test_nothing_is_sent_without_encryption(app, session, sink, monkeypatch):
    connect(app, monkeypatch, sink.port, MAIL_USE_TLS=True)
    mail = add_mail()
    assert deliver_due(app) == {"queued": 1}
    assert "STARTTLS" in mail.error
    assert sink.accepted == []


@pytest.mark.parametrize(("kind", "state"), [("plain", "failed"), ("repeated", "queued")])
def test_a_mail_whose_process_died_is_requeued_or_fails(app, session, sink, kind, state):
    mail = add_mail(kind=kind)
    assert delivery._claim("email") == (mail.id, 1)
    assert deliver_due(app) == {}, "its process may still be sending it"
    let_time_pass(LEASE_DURATION)
    delivery._recover("email")
    assert mail.state == state
    assert deliver_due(app) == ({"sent": 1} if state == "queued" else {})


def test_a_process_that_lost_its_claim_changes_nothing(app, session, sink):
    mail = add_mail(kind="repeated")
    mail_id, attempt = delivery._claim("email")
    let_time_pass(LEASE_DURATION)
    assert deliver_due(app) == {"sent": 1}
    delivery._finish(mail_id, attempt, "failed", "lost claim")
    assert (mail.state, mail.error) == ("sent", "")


def test_a_mail_older_than_its_maximum_age_fails(app, session, sink):
    mail = add_mail()
    mail.created_at -= timedelta(days=4)
    db.session.commit()
    assert deliver_due(app) == {"failed": 1}
    assert mail.error == "late"
    assert sink.accepted == []


@pytest.mark.parametrize("wrong", [{"kind": "unheard of"}, {"no_such_field": 1}])
def test_a_mail_that_cannot_be_composed_does_not_stop_the_others(app, session, sink, wrong):
    mail = add_mail(**wrong)
    add_mail("otra@example.org")
    assert deliver_due(app) == {"failed": 1, "sent": 1}
    assert mail.reason
    assert sink.recipients() == ["otra@example.org"]


def test_old_mails_are_deleted(app, session):
    old = now() - timedelta(days=31)
    for state in ("queued", "sent", "kept", "failed", "dropped"):
        db.session.add(Message(kind="plain", state=state, created_at=old))
        db.session.add(Message(kind="plain", state=state))
    db.session.commit()
    DeleteOldMessages().run(app)
    left = sorted(db.session.scalars(select(Message.state)))
    assert left == sorted(["queued", "sent", "kept", "failed", "dropped", "queued"])
