"""``mails send`` and ``mails test``: deliver what waits, and see whether the mail server works."""

from __future__ import annotations

import json
import secrets
from urllib.parse import urlsplit

import click
from flask import current_app
from flask.cli import AppGroup
from flask_babel import gettext as _

from app.cli import command
from app.mails.delivery import deliver_due
from app.mails.kinds import Letter
from app.mails.models import in_words
from app.mails.transport import (
    Refused,
    Uncertain,
    Unreachable,
    Unsendable,
    is_development,
    open_line,
    sealed,
)

mails = command(AppGroup("mails", help="Mails."))


@mails.command("send")
def send() -> None:
    """Deliver what is due; print one JSON object: how many ended in which state."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    click.echo(json.dumps(dict(deliver_due(app))))


@mails.command("test")
@click.argument("address")
def test(address: str) -> None:
    """Send a mail to ADDRESS at once, and say how that went."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if is_development(app):
        raise click.ClickException(
            "PADRON_MAIL_URL is not set: nothing is sent, mails are kept on the page "
            "Communication → Outbox."
        )
    letter = Letter(
        to_address=address,
        to_name="",
        subject=_("A test"),
        text=_("This mail was sent to see whether mails arrive. They do."),
    )
    host = urlsplit(app.config["PUBLIC_URL"]).hostname
    try:
        envelope = sealed(
            letter, app.config["MAIL_DEFAULT_SENDER"], f"<{secrets.token_hex(12)}@{host}>"
        )
        with open_line(app) as line:
            line.hand_over(envelope)
    except Unreachable as error:
        said = in_words(str(error))
        raise click.ClickException(f"The mail server cannot be reached: {said}") from None
    except Unsendable as error:
        said = "it is not an address." if str(error) in ("address", "characters") else str(error)
        raise click.ClickException(f"The mail to {address} was refused: {said}") from None
    except (Refused, Uncertain) as error:
        raise click.ClickException(f"The mail to {address} was not taken: {error}") from None
    click.echo(f"The mail server took the mail to {address}.")
