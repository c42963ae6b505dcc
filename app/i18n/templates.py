"""The translations of templates: ``_("…")`` costs a look-up in a dictionary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask_babel import Domain
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

from app.i18n.languages import current_locale

# The messages of all templates are fewer; a template may also translate a text of the database.
MAX_MESSAGES = 5_000


def init_app(app: Flask, messages: Domain) -> None:
    """Replace the ``_`` of Jinja's extension, which goes through six calls for each message."""
    translate = _translator(messages)
    app.jinja_env.globals.update(_=translate, gettext=translate)


def _translator(messages: Domain) -> Callable[..., str]:
    formats: dict[tuple[str, str], Markup] = {}
    texts: dict[tuple[str, str], Markup] = {}

    @pass_eval_context
    def translate(context: EvalContext, message: Any, **variables: Any) -> str:
        """Return a message in the language of the reader; it is always a format."""
        locale = current_locale()
        key = ("" if locale is None else locale.language, str(message))
        if not context.autoescape:
            return messages.get_translations().ugettext(key[1]) % variables
        if not variables and key in texts:
            return texts[key]
        if key not in formats:
            found = Markup(messages.get_translations().ugettext(key[1]))
            if len(formats) >= MAX_MESSAGES:
                return found % variables
            formats[key] = found
        text = formats[key] % variables
        if not variables:
            texts[key] = text
        return text

    return translate
