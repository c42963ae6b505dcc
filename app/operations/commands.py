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
from app.crud.actions import ListAction
from app.errors import DomainError
from app.database import reading
from app.extensions import db
from app.i18n.languages import LANGUAGES, current_language
from app.jobs.runner import run_now
from app.operations import running
from app.operations.actions import Action
from app.operations.answers import action_named, dashed, may_use, read_answers, screen_of
from app.operations.jobs import may_act
from app.operations.models import Operation
from app.operations.selection import Selection
from app.operations.services import draft, why_not_undone
from app.operations.serializers import reasons_of, told_action, told_operation, told_preview
from app.security.actor import SYSTEM, Actor, acting_as, load_actor
from app.text import clean

# However many there are, they are done before the command ends.
ALL_AT_ONCE = 2**31 - 1

as_whom = click.option(
    "--as", "name", metavar="USER", help="In whose name, and with whose rights. Default: Padrón's."
)
in_language = click.option("--language", type=click.Choice(LANGUAGES), default=None)


@command
@click.command("actions")
@in_language
@with_appcontext
def actions(language: str | None) -> None:
    """Print what can be done to many rows at once, and what each action asks for, as JSON."""
    with _door(None, language), reading():
        kinds = [kind for kind in ListAction.all() if issubclass(kind, Action)]
        kinds.sort(key=lambda kind: (kind.model.__name__, kind.order))
        _print([{"on": _on(kind)} | told_action(kind) for kind in kinds])


@command
@click.command("action")
@click.argument("action")
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
@as_whom
@in_language
@with_appcontext
def action(
    action: str,
    where: tuple[str, ...],
    everything: bool,
    answers: tuple[str, ...],
    dry_run: bool,
    name: str | None,
    language: str | None,
) -> None:
    """Do something to many rows at once, such as change-status; print one JSON object."""
    with _door(name, language) as actor:
        with reading():
            kind = action_named(action)
            selection = _selection(kind, where, everything)
            if not may_use(actor, kind, selection.view):
                raise DomainError(_("%(name)s may not do this.", name=actor.name))
            form = read_answers(kind, _answers(answers))
            asked, rows = kind(form, actor), selection.rows(actor)
            preview = running.look(asked, rows)
            told: dict[str, Any] = {"action": dashed(kind.action_name()), **told_preview(preview)}
            told |= {"dry_run": dry_run, "operation": None, "job": None, "state": None}
            db.session.rollback()
        if dry_run:
            _print(told)
            return
        operation = draft(db.session(), kind.action_name(), selection, actor)
        job = running.confirm(operation, asked, form, rows, actor, at_once=ALL_AT_ONCE)
        state = run_now(job.id, patience=None)
        done = told_operation(_find(operation.id))
        told["done"] = {
            word: done[word]
            for word in ("matched", "changed", "already", "not_permitted", "skipped", "failed")
        }
        told["reasons"] = reasons_of(db.session(), operation)
        told |= {"operation": operation.id, "job": job.id, "state": state, "error": done["error"]}
        _print(told)
    _end(state, told["error"])


@command
@click.group("operation")
def operation() -> None:
    """Look at what was done to many rows at once, or undo it."""


@operation.command("show")
@click.argument("number", metavar="ID", type=int)
@as_whom
@in_language
@with_appcontext
def show(number: int, name: str | None, language: str | None) -> None:
    """Print an operation, its state and what came of it, as one JSON object."""
    with _door(name, language) as actor, reading():
        found = _reached(number, actor)
        _print(told_operation(found) | {"reasons": reasons_of(db.session(), found)})


@operation.command("undo")
@click.argument("number", metavar="ID", type=int)
@as_whom
@in_language
@with_appcontext
def undo(number: int, name: str | None, language: str | None) -> None:
    """Give back what the rows had before, unless they were changed since; print one JSON object."""
    with _door(name, language) as actor:
        found = _reached(number, actor)
        if why := why_not_undone(found):
            raise DomainError(why)
        if not may_act(actor, found):
            raise DomainError(_("%(name)s may not do this.", name=actor.name))
        job = running.undo(found, actor, at_once=ALL_AT_ONCE)
        state = run_now(job.id, patience=None)
        told = told_operation(_find(number))
        _print(told)
    _end(state, told["undo_error"])


@contextmanager
def _door(name: str | None, language: str | None) -> Iterator[Actor]:
    """Let somebody in by name, and say on stderr why nothing can be done: status 2."""
    try:
        actor = SYSTEM if name is None else _user_called(name)
        spoken = language or actor.language or current_language()
        with force_locale(spoken), acting_as(actor):
            try:
                yield actor
            except DomainError as error:
                # A sentence may be put together only now, and in their language.
                _refuse(str(error))
    except DomainError as error:
        _refuse(str(error))


def _refuse(sentence: str) -> NoReturn:
    db.session.rollback()
    click.echo(sentence, err=True)
    sys.exit(2)


def _user_called(name: str) -> Actor:
    people = User.__table__
    query = select(people.c.id).where(func.lower(people.c.username) == clean(name).lower())
    number = db.session.scalar(query)
    actor = None if number is None else load_actor(db.session(), number)
    if actor is None:
        raise DomainError(_("Nobody called “%(name)s” may sign in.", name=clean(name)[:80]))
    return actor.with_channel("cli")


def _on(kind: type[Action]) -> str:
    return screen_of(kind).route_base.strip("/")


def _selection(kind: type[Action], where: tuple[str, ...], everything: bool) -> Selection:
    if everything and where:
        raise DomainError(_("Say --everything or --where, not both."))
    if not everything and not where:
        raise DomainError(_("Say which with --where FIELD=VALUE, or say --everything."))
    return Selection(screen_of(kind), where=where)


def _answers(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Split every FIELD=VALUE; a field that is said twice has two values."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise DomainError(_("“%(text)s” is not field=value.", text=pair[:80]))
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


def _reached(number: int, actor: Actor) -> Operation:
    """Return a confirmed operation of the actor's own; the house reaches everybody's."""
    found = db.session.get(Operation, number) if 0 < number < 2**31 else None
    if found is None or found.is_draft or not (actor.is_system or found.actor_id == actor.id):
        raise DomainError(_("There is no operation %(number)s within your reach.", number=number))
    return found


def _print(told: Any) -> None:
    click.echo(json.dumps(told, ensure_ascii=False, indent=2))


def _end(state: str, error: str) -> None:
    if state != "done":
        click.echo(error or state, err=True)
        sys.exit(1)
