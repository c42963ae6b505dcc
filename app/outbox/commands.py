"""``outbox send`` delivers due messages; ``outbox test`` sends a mail to test the mail server."""

from __future__ import annotations

import json
import secrets
from urllib.parse import urlsplit

import click
from flask import current_app
from flask.cli import AppGroup
from flask_babel import gettext as _

from app.cli import command
from app.outbox.delivery import deliver_due
from app.outbox.kinds import (
    EmailContent,
    PermanentFailure,
    ServerUnreachable,
    TemporaryFailure,
    UnknownOutcome,
)
from app.outbox.models import describe_error
from app.outbox.transport import build_envelope, is_development, open_connection

outbox = command(AppGroup("outbox", help="Messages to be sent."))


@outbox.command("send")
def send() -> None:
    """Deliver due messages; print one JSON object: their number by resulting state."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    click.echo(json.dumps(dict(deliver_due(app))))


@outbox.command("test")
@click.argument("address")
def test(address: str) -> None:
    """Send a mail to ADDRESS at once and print the result."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if is_development(app):
        raise click.ClickException(
            "PADRON_MAIL_URL is not set: nothing is sent, mails are kept on the page "
            "Communication → Outbox."
        )
    content = EmailContent(
        to_address=address,
        to_name="",
        subject=_("Test e-mail"),
        text=_("This is a test e-mail. E-mail is working."),
    )
    host = urlsplit(app.config["PUBLIC_URL"]).hostname
    try:
        envelope = build_envelope(
            content, app.config["MAIL_DEFAULT_SENDER"], f"<{secrets.token_hex(12)}@{host}>"
        )
        with open_connection(app) as connection:
            connection.deliver(envelope)
    except ServerUnreachable as error:
        reason = describe_error(str(error))
        raise click.ClickException(f"The mail server cannot be reached: {reason}") from None
    except PermanentFailure as error:
        reason = "it is not an address." if str(error) in ("address", "characters") else str(error)
        raise click.ClickException(f"The mail to {address} was refused: {reason}") from None
    except (TemporaryFailure, UnknownOutcome) as error:
        raise click.ClickException(f"The mail to {address} was not taken: {error}") from None
    click.echo(f"The mail server took the mail to {address}.")
