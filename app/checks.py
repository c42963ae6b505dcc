"""Checks of the configuration, after Django's; each room adds its own and ``doctor`` runs them."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, ClassVar, NamedTuple

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask_babel import force_locale
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app.cli import command
from app.database import reading
from app.extensions import db
from app.registry import Plug

logger = logging.getLogger(__name__)

# To be mended at once; soon; when convenient.
DANGER, WARNING, ADVICE = "danger", "warning", "advice"
SEVERITIES = {DANGER: _l("Critical"), WARNING: _l("Warning"), ADVICE: _l("Recommendation")}
# Names listed in one message.
MAX_NAMES = 5


class CheckMessage(NamedTuple):
    """The result of a check: the severity, the problem, and what to do."""

    severity: str
    sentence: Any
    advice: Any
    check: str = ""


class Check(Plug):
    """A check of the configuration or the data; a room puts its own in ``checks.py``."""

    # Run before the others; if it reports a problem, they are not run.
    is_prerequisite: ClassVar[bool] = False

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        """Return the problem, or None. Must not write."""
        raise NotImplementedError


def run_checks(app: Flask, session: Session) -> list[CheckMessage]:
    """Run every check; return the messages, the most severe first."""
    messages: list[CheckMessage] = []
    for check in sorted(Check.all(), key=lambda check: not check.is_prerequisite):
        try:
            message = check().problem(app, session)
        except Exception:
            session.rollback()
            logger.exception("The check %s failed.", check.__name__)
            message = CheckMessage(
                WARNING,
                _l("The check “%(name)s” could not be completed.", name=check.__name__),
                _l("See the program’s technical log."),
            )
        if message is not None:
            messages.append(message._replace(check=check.__name__))
            if check.is_prerequisite:
                return messages
    order = list(SEVERITIES)
    return sorted(messages, key=lambda message: order.index(message.severity))


def join_names(names: list[str]) -> str:
    """Join names for a message: the first few, and how many more there are."""
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" (+{more})" if more > 0 else "")


@command
@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def doctor(as_json: bool) -> None:
    """Report unsafe settings and what to do about them; status 1 if any is a danger."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with reading(), force_locale("en"):
        messages = run_checks(app, db.session())
        count = {name: sum(m.severity == name for m in messages) for name in SEVERITIES}
        if as_json:
            rows = [{key: str(value) for key, value in m._asdict().items()} for m in messages]
            object_ = {"ok": not count[DANGER], **count, "findings": rows}
            click.echo(json.dumps(object_, ensure_ascii=False, indent=2))
        else:
            _print_messages(messages, count)
    sys.exit(1 if count[DANGER] else 0)


def _print_messages(messages: list[CheckMessage], count: dict[str, int]) -> None:
    colours = {DANGER: "red", WARNING: "yellow", ADVICE: "blue"}
    for message in messages:
        severity = click.style(message.severity.ljust(8), fg=colours[message.severity], bold=True)
        click.echo(f"{severity} {message.sentence}\n         → {message.advice}\n")
    if not messages:
        click.echo("Nothing is set unsafely.")
        return
    parts = [f"{number} {name}" for name, number in count.items() if number]
    click.echo(f"{len(Check.all())} checks: {', '.join(parts)}.")
