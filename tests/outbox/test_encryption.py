"""Mails are sent over TLS with a valid certificate only; otherwise they wait."""

from __future__ import annotations

import ssl
from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.outbox.delivery import deliver_due
from app.types import now
from tests.outbox.conftest import connect
from tests.outbox.smtp_server import smtp_sink
from tests.outbox.test_delivery import add_mail, let_time_pass

STARTTLS, SMTPS = {"MAIL_USE_TLS": True}, {"MAIL_USE_SSL": True}
both = pytest.mark.parametrize("how", [STARTTLS, SMTPS], ids=["starttls", "smtps"])


def certificate(folder, name: str, *, days: int = 1):
    """Write a self-signed certificate for a name and its key to a file; return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    # OpenSSL looks trusted certificates up by subject: give each its own.
    common_name = f"{name} for {days}"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=3))
        .not_valid_after(now() + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{common_name}.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(pem) + secret)
    return file


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Give certificate files by what is wrong with them."""
    folder = tmp_path_factory.mktemp("certificates")
    return {
        "good": certificate(folder, "127.0.0.1"),
        "other name": certificate(folder, "mail.example.org"),
        "expired": certificate(folder, "127.0.0.1", days=-1),
        "unknown": certificate(folder, "127.0.0.1", days=2),
    }


@pytest.fixture
def trusted(certificates, tmp_path, monkeypatch):
    """Trust all certificates but the unknown one."""
    file = tmp_path / "trusted.pem"
    known = [path.read_text() for kind, path in certificates.items() if kind != "unknown"]
    file.write_text("".join(known))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def tls_sink(how, file):
    """Run a server with a certificate, with implicit TLS or STARTTLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if how is SMTPS:
        return smtp_sink(ssl_context=context)
    return smtp_sink(tls_context=context, require_starttls=True)


@both
def test_a_mail_is_sent_over_an_encrypted_connection(
    how, app, session, certificates, trusted, monkeypatch
):
    with tls_sink(how, certificates["good"]) as sink:
        connect(app, monkeypatch, sink.port, **how)
        mail = add_mail()
        assert deliver_due(app) == {"sent": 1}
    assert (mail.state, mail.error) == ("sent", "")
    assert sink.recipients() == ["ana@example.org"]


@both
@pytest.mark.parametrize(
    ("kind", "detail"),
    [("other name", "127.0.0.1"), ("expired", "expired"), ("unknown", "self-signed")],
)
def test_a_mail_waits_while_the_certificate_is_invalid_and_shows_why(
    how, kind, detail, app, session, certificates, trusted, monkeypatch
):
    with tls_sink(how, certificates[kind]) as sink:
        connect(app, monkeypatch, sink.port, **how)
        mail = add_mail()
        assert deliver_due(app) == {"queued": 1}
        assert (mail.attempts, sink.accepted) == (0, [])
        result = app.test_cli_runner().invoke(args=["outbox", "test", "ana@example.org"])
    assert result.exit_code == 1
    for text in (str(mail.reason), result.output):
        assert "mail server’s certificate" in text
        assert detail in text
    with tls_sink(how, certificates["good"]) as sink:
        connect(app, monkeypatch, sink.port, **how)
        let_time_pass(timedelta(minutes=2))
        assert deliver_due(app) == {"sent": 1}


def test_a_port_without_implicit_tls_is_reported(app, session, sink, monkeypatch):
    connect(app, monkeypatch, sink.port, **SMTPS)
    mail = add_mail()
    assert deliver_due(app) == {"queued": 1}
    assert "TLS on this port" in str(mail.reason)
    assert sink.accepted == []
