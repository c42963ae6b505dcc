"""A mail is sent once; what fails is tried again, or says why it never will be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.extensions import db
from app.mails import delivery
from app.mails.periodic import ForgetMails
from app.mails.delivery import BACK_OFF, LEASE, deliver_due
from app.mails.models import Mail
from app.mails.services import queue_mail
from app.types import now
from tests.mails.conftest import connect
from tests.mails.smtp_server import CUT, CUT_AT_THE_END, LATER, NEVER, a_sink


def a_mail(to="ana@example.org", kind="plain", **data) -> Mail:
    mail = queue_mail(db.session(), kind, data={"to_address": to} | data)
    db.session.commit()
    return mail


def later(by: timedelta) -> None:
    """Let time pass for every mail."""
    for mail in db.session.scalars(select(Mail)):
        mail.due_at -= by
    db.session.commit()


def test_a_mail_is_sent_once(app, session, sink):
    mail = a_mail()
    assert deliver_due(app) == {"sent": 1}
    assert deliver_due(app) == {}
    assert sink.recipients() == ["ana@example.org"]
    assert (mail.state, mail.attempts, mail.data) == ("sent", 1, None)
    assert mail.sent_at is not None


def test_a_mail_carries_all_that_mail_programs_ask_for(app, session, sink):
    a_mail(subject="Año nuevo", to_name="Íñigo Peña", text=".A dot\n.\nañadido", html="<p>ñ</p>")
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
    assert all(byte < 128 for byte in sink.taken[0][2]), "seven bits go through every server"
    assert sink.taken[0][0] == "padron@example.org"


def test_nothing_is_sent_when_what_it_tells_of_was_undone(app, session, sink):
    queue_mail(db.session(), "plain")
    db.session.rollback()
    assert deliver_due(app) == {}
    assert sink.taken == []


def test_a_mail_refused_for_now_is_tried_again_under_the_same_number(app, session, sink):
    sink.answers["ana@example.org"] = [LATER, LATER]
    mail = a_mail()
    other = a_mail("otra@example.org")
    assert deliver_due(app) == {"queued": 1, "sent": 1}
    assert (mail.state, mail.error) == ("queued", "451 Come again")
    assert other.state == "sent"
    assert deliver_due(app) == {}, "not before its time"
    later(BACK_OFF[0])
    assert deliver_due(app) == {"queued": 1}
    later(BACK_OFF[1])
    assert deliver_due(app) == {"sent": 1}
    assert (mail.state, mail.attempts, mail.error) == ("sent", 3, "")


def test_the_number_of_a_mail_is_the_same_at_every_attempt(app, session, sink):
    sink.answers["ana@example.org"] = [CUT_AT_THE_END]
    a_mail(kind="repeated")
    deliver_due(app)
    later(BACK_OFF[0])
    deliver_due(app)
    first, second = sink.messages()
    assert first["Message-ID"] == second["Message-ID"]


def test_after_five_attempts_it_has_failed(app, session, sink):
    sink.answers["ana@example.org"] = [LATER] * 9
    mail = a_mail()
    for wait in (*BACK_OFF, timedelta(hours=9)):
        deliver_due(app)
        later(wait)
    assert (mail.state, mail.attempts, mail.error) == ("failed", 5, "451 Come again")
    assert deliver_due(app) == {}


def test_a_mail_refused_for_good_has_failed_at_once(app, session, sink):
    sink.answers["ana@example.org"] = [NEVER]
    mail = a_mail()
    other = a_mail("otra@example.org")
    assert deliver_due(app) == {"failed": 1, "sent": 1}
    assert (mail.state, mail.error) == ("failed", "550 Nobody here")
    assert other.state == "sent"


def test_a_line_cut_before_the_end_means_it_was_not_sent(app, session, sink):
    sink.answers["ana@example.org"] = [CUT]
    mail = a_mail()
    other = a_mail("otra@example.org")
    assert deliver_due(app) == {"queued": 1, "sent": 1}, "the next one has a line of its own"
    assert (mail.state, other.state) == ("queued", "sent")
    later(BACK_OFF[0])
    assert deliver_due(app) == {"sent": 1}
    assert sink.recipients().count("ana@example.org") == 1


def test_a_line_cut_at_the_very_end_is_told_and_never_sent_twice(app, session, sink):
    sink.answers["ana@example.org"] = [CUT_AT_THE_END]
    mail = a_mail()
    assert deliver_due(app) == {"failed": 1}
    assert "may have arrived or not" in str(mail.reason)
    later(timedelta(days=1))
    assert deliver_due(app) == {}
    assert len(sink.taken) == 1


def test_when_the_server_is_down_everything_waits_and_no_attempt_is_used_up(
    app, session, monkeypatch
):
    with a_sink() as gone:
        pass
    connect(app, monkeypatch, gone.port)
    mails = [a_mail(f"{number}@example.org") for number in range(3)]
    for _again in range(8):
        assert deliver_due(app) == {"queued": 3}
        later(delivery.OUTAGE)
    assert {(mail.state, mail.attempts) for mail in mails} == {("queued", 0)}
    assert "refused" in mails[0].error
    with a_sink() as sink:
        connect(app, monkeypatch, sink.port)
        assert deliver_due(app) == {"sent": 3}


def test_a_server_without_encryption_gets_nothing(app, session, sink, monkeypatch):
    connect(app, monkeypatch, sink.port, MAIL_USE_TLS=True)
    mail = a_mail()
    assert deliver_due(app) == {"queued": 1}
    assert "STARTTLS" in mail.error
    assert sink.taken == []


@pytest.mark.parametrize(("kind", "state"), [("plain", "failed"), ("repeated", "queued")])
def test_a_mail_whose_sender_was_killed_is_taken_up(app, session, sink, kind, state):
    mail = a_mail(kind=kind)
    assert delivery._claim() == (mail.id, 1)
    assert deliver_due(app) == {}, "its process may be at it still"
    later(LEASE)
    delivery._recover()
    assert mail.state == state
    assert deliver_due(app) == ({"sent": 1} if state == "queued" else {})


def test_whoever_comes_too_late_changes_nothing(app, session, sink):
    mail = a_mail(kind="repeated")
    mail_id, attempt = delivery._claim()
    later(LEASE)
    assert deliver_due(app) == {"sent": 1}
    delivery._finish(mail_id, attempt, "failed", "the zombie")
    assert (mail.state, mail.error) == ("sent", "")


def test_a_mail_of_long_ago_is_of_no_use(app, session, sink):
    mail = a_mail()
    mail.created_at -= timedelta(days=4)
    db.session.commit()
    assert deliver_due(app) == {"failed": 1}
    assert mail.error == "late"
    assert sink.taken == []


@pytest.mark.parametrize("wrong", [{"kind": "unheard of"}, {"no_such_field": 1}])
def test_a_mail_that_cannot_be_written_does_not_stop_the_others(app, session, sink, wrong):
    mail = a_mail(**wrong)
    a_mail("otra@example.org")
    assert deliver_due(app) == {"failed": 1, "sent": 1}
    assert mail.reason
    assert sink.recipients() == ["otra@example.org"]


def test_mails_of_long_ago_are_forgotten(app, session):
    old = now() - timedelta(days=31)
    for state in ("queued", "sent", "kept", "failed", "dropped"):
        db.session.add(Mail(kind="plain", state=state, created_at=old))
        db.session.add(Mail(kind="plain", state=state))
    db.session.commit()
    ForgetMails().run(app)
    left = sorted(db.session.scalars(select(Mail.state)))
    assert left == sorted(["queued", "sent", "kept", "failed", "dropped", "queued"])
