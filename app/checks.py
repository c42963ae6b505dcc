"""Checks: what is set unsafely, found by each room for itself and told by ``doctor``."""

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
from app.extensions import db, reading
from app.registry import Plug

logger = logging.getLogger(__name__)

# What must be mended at once, what should be soon, and what would be better.
DANGER, WARNING, ADVICE = "danger", "warning", "advice"
SEVERITIES = {DANGER: _l("danger"), WARNING: _l("warning"), ADVICE: _l("advice")}
# Names given at most in one sentence.
MOST_NAMED = 5


class Finding(NamedTuple):
    """Something set unsafely: how bad, what it is, and what to do; in the reader's language."""

    severity: str
    sentence: Any
    advice: Any
    check: str = ""


class Check(Plug):
    """One thing that may be set unsafely; a room puts its own in ``checks.py``."""

    # What the others stand on: if this one finds something, they are not made.
    is_basis: ClassVar[bool] = False

    def problem(self, app: Flask, session: Session) -> Finding | None:
        """Return what is wrong, or nothing. Only reads."""
        raise NotImplementedError


def findings(app: Flask, session: Session) -> list[Finding]:
    """Return what every check finds, the worst first."""
    found: list[Finding] = []
    for check in sorted(Check.all(), key=lambda check: not check.is_basis):
        try:
            finding = check().problem(app, session)
        except Exception:
            session.rollback()
            logger.exception("The check %s failed.", check.__name__)
            finding = Finding(
                WARNING,
                _l("The check “%(name)s” could not be made.", name=check.__name__),
                _l("The program's own log says why."),
            )
        if finding is not None:
            found.append(finding._replace(check=check.__name__))
            if check.is_basis:
                return found
    order = list(SEVERITIES)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def named(names: list[str]) -> str:
    """Return names for a sentence: the first few, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" (+{more})" if more > 0 else "")


@command
@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def doctor(as_json: bool) -> None:
    """Say what is set unsafely, and what to do; status 1 if anything is a danger."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with reading(), force_locale("en"):
        found = findings(app, db.session())
        count = {name: sum(f.severity == name for f in found) for name in SEVERITIES}
        if as_json:
            told = [{key: str(value) for key, value in f._asdict().items()} for f in found]
            object_ = {"ok": not count[DANGER], **count, "findings": told}
            click.echo(json.dumps(object_, ensure_ascii=False, indent=2))
        else:
            _tell(found, count)
    sys.exit(1 if count[DANGER] else 0)


def _tell(found: list[Finding], count: dict[str, int]) -> None:
    colours = {DANGER: "red", WARNING: "yellow", ADVICE: "blue"}
    for finding in found:
        severity = click.style(finding.severity.ljust(8), fg=colours[finding.severity], bold=True)
        click.echo(f"{severity} {finding.sentence}\n         → {finding.advice}\n")
    if not found:
        click.echo("Nothing is set unsafely.")
        return
    parts = [f"{number} {name}" for name, number in count.items() if number]
    click.echo(f"{len(Check.all())} checks: {', '.join(parts)}.")
