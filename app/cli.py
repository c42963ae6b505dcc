"""The commands of ``flask --app run …``; each room registers its own."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import click

Item = TypeVar("Item", bound=click.Command)
COMMANDS: list[click.Command] = []
Provider = Callable[[], Iterable[click.Command]]
_PROVIDERS: list[Provider] = []


def command(item: Item) -> Item:
    """Register a command or a group (decorator); SIGTERM then ends it like Ctrl-C does."""
    COMMANDS.append(_with_sigterm(item))
    return item


def command_provider(function: Provider) -> Provider:
    """Register a function that returns commands, such as one for each plug (decorator)."""
    _PROVIDERS.append(function)
    return function


def all_commands() -> list[click.Command]:
    """Return the commands of every room, for a new application."""
    provided = [_with_sigterm(item) for provide in _PROVIDERS for item in provide()]
    return [*COMMANDS, *provided]


def _with_sigterm(item: Item) -> Item:
    item.invoke = _ended_by_sigterm(item.invoke)  # type: ignore[method-assign]
    return item


def _ended_by_sigterm(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command give back its locks and close its files when it is asked to end."""

    @wraps(invoke)
    def invoke_until_sigterm(context: click.Context) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return invoke(context)
        is_asked = False

        def end(*_args: Any) -> None:
            nonlocal is_asked
            is_asked = True
            sys.exit(128 + signal.SIGTERM)

        before = signal.signal(signal.SIGTERM, end)
        try:
            return invoke(context)
        except Exception:
            # What was interrupted may fail on the way out, and hide the exit.
            if is_asked:
                sys.exit(128 + signal.SIGTERM)
            raise
        finally:
            signal.signal(signal.SIGTERM, before)

    return invoke_until_sigterm
