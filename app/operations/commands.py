"""``action``, ``actions``, ``operation show`` and ``operation undo``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click
from flask.cli import with_appcontext
from flask_appbuilder.security.sqla.models import User
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import func, select

from app.cli import command
from app.crud.screens import Screen
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.i18n.languages import LANGUAGES, current_language
from app.jobs.runner import run_now
from app.operations import services
from app.operations.action_input import (
    dashed,
    find_action,
    may_run,
    read_answers,
    resource_name,
    screen_actions,
    screens_with_actions,
)
from app.operations.models import Operation
from app.operations.permissions import may_act, why_not_undone
from app.operations.selection import Selection
from app.operations.serializers import (
    action_to_dict,
    count_reasons,
    operation_to_dict,
    preview_to_dict,
)
from app.operations.transactions import commit_and_run
from app.operations.undoers import find_undoer
from app.security.actor import SYSTEM, Actor, acting_as, load_actor
from app.text import clean

# A command runs its job itself, however many rows it has.
NO_LIMIT = 2**31 - 1

as_option = click.option(
    "--as", "name", metavar="USER", help="In whose name, and with whose rights. Default: Padrón's."
)
language_option = click.option("--language", type=click.Choice(LANGUAGES), default=None)


@command
@click.command("actions")
@language_option
@with_appcontext
def actions(language: str | None) -> None:
    """Print the collective actions and the fields of each as JSON."""
    with _acting(None, language), reading():
        _print(
            [
                {"on": resource_name(screen)} | action_to_dict(kind)
                for screen in screens_with_actions()
                for kind in screen_actions(screen)
            ]
        )


@command
@click.command("action")
@click.argument("action")
@click.option(
    "--on",
    default="",
    metavar="RESOURCE",
    help="Such as contacts or accounts. Default: the first of the menu that has the action.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Such as type=member, tag=VIP, entity=North, q=words. Repeat as needed.",
)
@click.option("--everything", is_flag=True, help="All there is: needed where --where is not said.")
@click.option(
    "--set",
    "answers",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Such as status=active or status=none. Repeat as needed.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@as_option
@language_option
@with_appcontext
def action(
    action: str,
    on: str,
    where: tuple[str, ...],
    everything: bool,
    answers: tuple[str, ...],
    dry_run: bool,
    name: str | None,
    language: str | None,
) -> None:
    """Run a collective action, such as change-status; print one JSON object."""
    with _acting(name, language) as actor:
        with reading():
            kind, screen = find_action(action, on)
            selection = _selection(screen, where, everything)
            if not may_run(actor, kind, screen):
                raise DomainError(
                    _("%(name)s doesn’t have permission to do this.", name=actor.name)
                )
            form = read_answers(kind, _answers(answers))
            request, rows = kind(form, actor), selection.rows(actor)
            preview = services.preview(db.session(), request, rows)
            result: dict[str, Any] = {
                "action": dashed(kind.action_name()),
                "on": resource_name(screen),
                **preview_to_dict(preview),
            }
            result |= {"dry_run": dry_run, "operation": None, "job": None, "state": None}
            db.session.rollback()
        if dry_run:
            _print(result)
            return
        operation = services.create_draft(db.session(), kind.action_name(), selection, actor)
        job = services.confirm(db.session(), operation, rows, request, actor, at_once=NO_LIMIT)
        job = commit_and_run(job, NO_LIMIT)
        state = run_now(job.id, wait_seconds=None)
        done = operation_to_dict(_find(operation.id))
        result["done"] = {
            name: done[name]
            for name in ("matched", "changed", "already", "not_permitted", "skipped", "failed")
        }
        result["reasons"] = count_reasons(db.session(), operation)
        result |= {
            "operation": operation.id,
            "job": job.id,
            "state": state,
            "error": done["error"],
        }
        _print(result)
    _end(state, result["error"])


@command
@click.group("operation")
def operation() -> None:
    """Show or undo an operation."""


@operation.command("show")
@click.argument("number", metavar="ID", type=int)
@as_option
@language_option
@with_appcontext
def show(number: int, name: str | None, language: str | None) -> None:
    """Print an operation with its state and its counts as one JSON object."""
    with _acting(name, language) as actor, reading():
        found = _find_visible(number, actor)
        _print(operation_to_dict(found) | {"reasons": count_reasons(db.session(), found)})


@operation.command("undo")
@click.argument("number", metavar="ID", type=int)
@as_option
@language_option
@with_appcontext
def undo(number: int, name: str | None, language: str | None) -> None:
    """Undo an operation, except on rows changed since; print one JSON object."""
    with _acting(name, language) as actor:
        found = _find_visible(number, actor)
        undoer = find_undoer(found)
        why = why_not_undone(found) if undoer is None else str(undoer.why_not(db.session()))
        if why:
            raise DomainError(why)
        if not may_act(actor, found):
            raise DomainError(_("%(name)s doesn’t have permission to do this.", name=actor.name))
        if undoer is not None:
            undoer.undo(db.session(), actor)
            db.session.commit()
            _print(operation_to_dict(_find(number)))
            return
        job = services.undo(db.session(), found, actor, at_once=NO_LIMIT)
        job = commit_and_run(job, NO_LIMIT)
        state = run_now(job.id, wait_seconds=None)
        result = operation_to_dict(_find(number))
        _print(result)
    _end(state, result["undo_error"])


@contextmanager
def _acting(name: str | None, language: str | None) -> Iterator[Actor]:
    """Act as a user, or as the system; print a DomainError on stderr and exit with status 2."""
    try:
        actor = SYSTEM if name is None else _load_user(name)
        spoken = language or actor.language or current_language()
        with force_locale(spoken), acting_as(actor):
            try:
                yield actor
            except DomainError as error:
                # Lazy messages are translated here, into the language of the actor.
                _refuse(str(error))
    except DomainError as error:
        _refuse(str(error))


def _refuse(sentence: str) -> NoReturn:
    db.session.rollback()
    click.echo(sentence, err=True)
    sys.exit(2)


def _load_user(name: str) -> Actor:
    people = User.__table__
    query = select(people.c.id).where(func.lower(people.c.username) == clean(name).lower())
    number = db.session.scalar(query)
    actor = None if number is None else load_actor(db.session(), number)
    if actor is None:
        raise DomainError(_("No active user is called “%(name)s”.", name=clean(name)[:80]))
    return actor.with_channel("cli")


def _selection(screen: Screen, where: tuple[str, ...], everything: bool) -> Selection:
    if everything and where:
        raise DomainError(_("Use --everything or --where, not both."))
    if not everything and not where:
        raise DomainError(_("Use --where FIELD=VALUE, or --everything."))
    return Selection(screen, where=where)


def _answers(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Split every FIELD=VALUE; a field that is said twice has two values."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise DomainError(_("“%(text)s” must have the form field=value.", text=pair[:80]))
        name = name.strip()
        if name in found:
            before = found[name]
            found[name] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            found[name] = value
    return found


def _find(number: int) -> Operation:
    found = db.session.get(Operation, number, populate_existing=True)
    assert found is not None
    return found


def _find_visible(number: int, actor: Actor) -> Operation:
    """Return a confirmed operation of the actor's own; the house reaches everybody's."""
    found = db.session.get(Operation, number) if 0 < number < 2**31 else None
    if found is None or found.is_draft or not (actor.is_system or found.actor_id == actor.id):
        raise DomainError(_("Operation %(number)s not found.", number=number))
    return found


def _print(result: Any) -> None:
    click.echo(json.dumps(result, ensure_ascii=False, indent=2))


def _end(state: str, error: str) -> None:
    if state != "done":
        click.echo(error or state, err=True)
        sys.exit(1)
