"""The Outbox: for administrators only; with a mail server it never shows the content of a mail."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import select, update

from app.errors import DomainError
from app.extensions import db
from app.outbox.channels import EmailChannel
from app.outbox.delivery import _render, deliver_due
from app.outbox.models import Message
from app.outbox.services import queue_message, retry_message
from app.security.areas import Area, Level
from app.security.rights import ADMINISTRATOR
from app.security.roles import role_name
from tests.outbox.conftest import connect
from tests.outbox.smtp_server import REJECT, TRY_LATER, smtp_sink
from tests.people import ALICIA, BRUNO, Person, add_person

HOSTILE = "<script>alert(1)</script> \"'&amp; https://evil.example/<b>"
NORA = Person("nora", "Norte", ADMINISTRATOR)
EDITS_COMMUNICATION = Person("eva", "Federación", role_name(Area.COMMUNICATION, Level.EDIT))


def add_mail(**data) -> Message:
    values = {"to_address": "ana@example.org", "text": "See https://example.org/x\n"} | data
    mail = queue_message(db.session(), "plain", data=values)
    db.session.commit()
    return mail


def store_mail(app, **data) -> int:
    mail = add_mail(**data)
    deliver_due(app)
    assert mail.state == "kept", mail.error
    return mail.id


def test_without_a_mail_server_mails_are_stored_and_shown(app, client_as):
    number = store_mail(app, subject="Bienvenida", html="<p>Hola</p>")
    browser = client_as(ALICIA)
    page = browser.get("/outbox/").text
    assert "Bienvenida" in page
    assert "Messages are not sent" in page
    page = browser.get(f"/outbox/show/{number}").text
    assert '<a href="https://example.org/x">https://example.org/x</a>' in page
    assert f'src="/outbox/html/{number}" sandbox' in page
    assert "<p>Hola</p>" in browser.get(f"/outbox/html/{number}").text


def test_hostile_content_of_a_mail_is_shown_and_not_executed(app, client_as):
    number = store_mail(app, subject=HOSTILE, text=HOSTILE, to_name=HOSTILE, html=HOSTILE)
    for page in ("/outbox/", f"/outbox/show/{number}"):
        assert "<script>alert" not in client_as(ALICIA).get(page).text
    reply = client_as(ALICIA).get(f"/outbox/html/{number}")
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert policy.endswith("sandbox")
    assert reply.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("page", ["/outbox/", "/outbox/show/{}", "/outbox/html/{}"])
def test_only_administrators_see_the_outbox(app, client_as, page):
    number = store_mail(app, html="<p>Hola</p>")
    add_person(EDITS_COMMUNICATION)
    for person in (BRUNO, EDITS_COMMUNICATION):
        reply = client_as(person).get(page.format(number))
        assert reply.status_code in (302, 403)
        assert "Hola" not in reply.text
    assert "/outbox/" not in client_as(EDITS_COMMUNICATION).get("/search").text


def test_a_local_administrator_sees_only_mails_to_users_of_their_entities(app, client_as):
    """A stored mail may contain a login link of its recipient."""
    add_person(NORA)
    subjects = {BRUNO: "Para Bruno", ALICIA: "Para Alicia", None: "Para nadie"}
    numbers = {}
    for person, subject in subjects.items():
        number = store_mail(app, subject=subject)
        if person is not None:
            db.session.get(Message, number).set_recipient(person.user)
        numbers[person] = number
    db.session.commit()
    nora = client_as(NORA)

    page = nora.get("/outbox/").text

    assert [subject for subject in subjects.values() if subject in page] == ["Para Bruno"]
    for person, number in numbers.items():
        codes = [
            nora.get(f"/outbox/{page_name}/{number}").status_code for page_name in ("show", "html")
        ]
        codes.append(nora.post(f"/outbox/again/{number}").status_code)
        assert (404 in codes[:1] and codes[2] == 404) is (person is not BRUNO), person


def test_with_a_mail_server_no_content_is_stored_or_shown(app, client_as, monkeypatch):
    before = store_mail(app, text="a secret link")
    with smtp_sink() as sink:
        connect(app, monkeypatch, sink.port)
        mail = add_mail(text="a secret link")
        deliver_due(app)
        assert (mail.state, mail.content, mail.data) == ("sent", None, None)
        for number in (before, mail.id):
            assert "a secret link" not in client_as(ALICIA).get(f"/outbox/show/{number}").text
            assert client_as(ALICIA).get(f"/outbox/html/{number}").status_code == 404


def test_a_failed_mail_shows_its_error_and_can_be_retried(app, client_as, sink):
    sink.replies["ana@example.org"] = [REJECT]
    mail = add_mail()
    deliver_due(app)
    browser = client_as(ALICIA)
    assert "550 Nobody here" in browser.get("/outbox/?part=failed").text
    assert f"/outbox/again/{mail.id}" in browser.get(f"/outbox/show/{mail.id}").text
    browser.post(f"/outbox/again/{mail.id}")
    assert deliver_due(app) == {"sent": 1}
    reply = browser.post(f"/outbox/again/{mail.id}", follow_redirects=True)
    assert "Only e-mails that failed" in reply.text
    assert deliver_due(app) == {}


def test_a_waiting_mail_shows_its_last_error(app, client_as, sink):
    sink.replies["ana@example.org"] = [TRY_LATER]
    add_mail()
    deliver_due(app)
    assert "451 Come again" in client_as(ALICIA).get("/outbox/?part=waiting").text
    assert "451 Come again" not in client_as(ALICIA).get("/outbox/?part=failed").text


def test_dropped_mails_are_not_shown(app, client_as):
    mail = add_mail()
    mail.state = "dropped"
    db.session.commit()
    assert "No e-mails" in client_as(ALICIA).get("/outbox/").text
    assert client_as(ALICIA).get(f"/outbox/show/{mail.id}").status_code == 404


def test_every_page_of_a_long_list_takes_the_same_number_of_statements(app, client_as, counting):
    browser = client_as(ALICIA)
    counts = []
    for more in (1, 119):
        db.session.add_all(
            Message(kind="plain", state="sent", subject=f"m{n}") for n in range(more)
        )
        db.session.commit()
        with counting() as statements:
            page = browser.get("/outbox/").text
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 12
    seen, pages = page.count('class="mail"'), 1
    while older := re.search(r'href="(\?part=all&amp;before=\d+)"', page):
        page = browser.get("/outbox/" + older[1].replace("&amp;", "&")).text
        seen, pages = seen + page.count('class="mail"'), pages + 1
    assert (seen, pages) == (120, 3)


@pytest.mark.parametrize("query", ["part=x", "before=x", "before=" + "9" * 30, "before=-1"])
def test_invalid_parameters_are_a_404(client_as, query):
    assert client_as(ALICIA).get(f"/outbox/?{query}").status_code == 404


def run(app, *args):
    return app.test_cli_runner().invoke(args=["outbox", *args])


def test_mails_send_delivers_due_mails(app, session, sink):
    add_mail()
    done = run(app, "send")
    assert json.loads(done.output) == {"sent": 1}
    assert json.loads(run(app, "send").output) == {}
    assert db.session.scalars(select(Message.state)).all() == ["sent"]


def test_mails_test_reports_whether_the_server_accepted_the_mail(app, session, sink):
    assert run(app, "test", "ana@example.org").exit_code == 0
    assert sink.recipients() == ["ana@example.org"]
    sink.replies["bea@example.org"] = [REJECT]
    sink.replies["eva@example.org"] = [TRY_LATER]
    for address, text in (
        ("bea@example.org", "550 Nobody here"),
        ("eva@example.org", "451 Come again"),
        ("nobody", "not an address"),
        ("a@example.org\nBcc: b@example.org", "not an address"),
    ):
        done = run(app, "test", address)
        assert done.exit_code == 1
        assert text in done.output


def test_mails_test_reports_a_missing_or_unreachable_server(app, session, monkeypatch):
    done = run(app, "test", "ana@example.org")
    assert done.exit_code == 1
    assert "PADRON_MAIL_URL is not set" in done.output
    with smtp_sink() as gone:
        pass
    connect(app, monkeypatch, gone.port)
    done = run(app, "test", "ana@example.org")
    assert done.exit_code == 1
    assert "cannot be reached" in done.output


def test_a_mail_that_somebody_else_retried_is_not_sent_twice(session):
    mail = add_mail()
    mail.state = "failed"
    session.commit()
    loaded = session.get(Message, mail.id)
    # Another request retried it since it was read, and a process is sending it.
    session.execute(
        update(Message).where(Message.id == mail.id).values(state="sending", attempts=1),
        execution_options={"synchronize_session": False},
    )

    with pytest.raises(DomainError):
        retry_message(db.session(), loaded)

    assert (mail.state, mail.attempts) == ("sending", 1)


def test_a_mail_claimed_again_is_left_to_the_process_that_has_it(session):
    mail = add_mail()
    mail.state, mail.attempts = "sending", 2
    session.commit()

    assert _render(EmailChannel(), mail.id, 1, should_store=True) == (None, None)

    assert (mail.state, mail.content) == ("sending", None)
