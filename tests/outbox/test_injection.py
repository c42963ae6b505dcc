"""User input never becomes a header or a recipient of a mail."""

from __future__ import annotations

from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import getaddresses

import pytest

from app.extensions import db
from app.outbox.delivery import deliver_due
from app.outbox.kinds import EmailContent
from app.outbox.models import Message
from app.outbox.services import queue_message
from app.outbox.transport import PermanentFailure, build_envelope
from tests.outbox.conftest import connect
from tests.outbox.smtp_server import smtp_sink

BREAKS = (
    "\r\n", "\n", "\r", "\x00", "\r\n ", "\n\t", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85",
    "\u2028", "\u2029", "\ud800",
)  # fmt: skip
HOSTILE_NAMES = (
    "Ana, Bea <eva@evil.example>", 'Ana" <eva@evil.example>, "', "=?utf-8?q?=0D=0ABcc:_x?=",
    "Ana; Bea:", "O'Neil (hija)", "李小龍", "🎉", "a" * 300, "ñ" * 300, "Ana\u202egnivas", "\\", "",
    "ñandú, \"Íñigo\" <x@y.z>" * 5,
)  # fmt: skip
FIELDS = ("to_address", "to_name", "subject")
ALLOWED = {
    "from", "to", "subject", "date", "message-id", "auto-submitted", "x-auto-response-suppress",
    "content-type", "content-transfer-encoding", "mime-version", "x-peer", "x-mailfrom", "x-rcptto",
}  # fmt: skip


def add_mail(**data) -> Message:
    mail = queue_message(db.session(), "plain", data=data)
    db.session.commit()
    return mail


@pytest.mark.parametrize("field", FIELDS)
def test_a_line_break_in_a_header_fails_only_that_mail(app, session, sink, field):
    usual = {"to_address": "ana@example.org", "to_name": "Ana", "subject": "Hi"}
    # PostgreSQL cannot store these two in JSON.
    breaks = [it for it in BREAKS if it not in ("\x00", "\ud800")]
    bad = []
    for it in breaks:
        bad.append(add_mail(**{field: f"{usual[field]}{it}Bcc: eva@evil.example"}))
        add_mail(to_address=f"good{len(bad)}@example.org")
    deliver_due(app)
    assert {mail.state for mail in bad} == {"failed"}
    assert len(sink.accepted) == len(breaks)
    assert all(to.startswith("good") for to in sink.recipients())
    for message in sink.messages():
        assert {name.lower() for name in message} <= ALLOWED


@pytest.mark.parametrize("it", BREAKS, ids=ascii)
@pytest.mark.parametrize("field", FIELDS)
def test_no_envelope_is_built_with_a_line_break_of_any_kind(app, session, it, field):
    usual = {"to_address": "ana@example.org", "to_name": "Ana", "subject": "Hi", "text": "x"}
    content = EmailContent(**usual | {field: f"a{it}Bcc: eva@evil.example"})
    with pytest.raises(PermanentFailure):
        build_envelope(content, ("Padrón", "padron@example.org"), "<1@x>")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_arrives_unchanged_and_adds_no_recipient(app, session, sink, name):
    add_mail(to_name=name, subject=name or "Hi")
    assert deliver_due(app) == {"sent": 1}
    # Parsed with the older API: the newer one puts spaces into long names.
    message = message_from_bytes(sink.accepted[0][2])
    assert sink.recipients() == ["ana@example.org"]
    [(shown, address)] = getaddresses([message["To"]])
    wanted = name.replace("=?", "= ?")
    assert (_decoded(shown), address) == (wanted, "ana@example.org")
    assert _decoded(message["Subject"]) == (wanted or "Hi")
    assert {each.lower() for each in message} <= ALLOWED


def _decoded(text: str) -> str:
    return str(make_header(decode_header(text)))


@pytest.mark.parametrize(
    "address",
    ["", "ana", "@example.org", "ana@", "ana@example.org, eva@evil.example", "ana@@example.org",
     "<ana@example.org>", "ana@example.org>", "ana@example..org", "a b@example.org",
     "ana@example.org\\r\\nRCPT TO:<eva@evil.example>"],
)  # fmt: skip
def test_only_a_single_valid_address_is_accepted(app, session, sink, address):
    mail = add_mail(to_address=address)
    assert deliver_due(app) == {"failed": 1}
    assert mail.error in ("address", "characters")
    assert sink.accepted == []


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("ana@peña.example", "ana@xn--pea-8ma.example"),
        ("peña@example.org", "peña@example.org"),
        ("peña@peña.example", "peña@xn--pea-8ma.example"),
        ("ana+altas@Example.ORG", "ana+altas@example.org"),
    ],
)
def test_international_addresses_are_encoded_for_smtp(app, session, sink, address, written):
    add_mail(to_address=address)
    assert deliver_due(app) == {"sent": 1}
    assert sink.recipients() == [written]


def test_without_smtputf8_an_international_local_part_fails(app, session, monkeypatch):
    with smtp_sink(enable_SMTPUTF8=False) as sink:
        connect(app, monkeypatch, sink.port)
        mail = add_mail(to_address="peña@example.org")
        add_mail(to_address="ana@peña.example")
        assert deliver_due(app) == {"failed": 1, "sent": 1}
    assert mail.error == "utf8"
