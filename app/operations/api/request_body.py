"""Read the body of a request for an operation; unknown or wrong fields are errors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from flask import abort, request
from flask_babel import gettext as _

from app.crud.filterbase import SEPARATOR
from app.crud.screens import Screen
from app.errors import DomainError
from app.operations.action_input import (
    MAX_FIELDS_IN_ERROR,
    WrongAnswers,
    dashed,
    read_answers,
    resource_name,
    screen_actions,
    screens_with_actions,
)
from app.operations.actionbase import Action, ActionForm
from app.operations.selection import MAX_IDS, Selection, to_query_string
from app.security.actor import current_actor
from app.text import clean

Wrong = dict[str, list[str]]
NAMES = (
    "action", "resource", "ids", "filter", "everything", "except", "answers", "dry_run",
)  # fmt: skip
# As many as a list takes, and the search text.
MAX_FILTERS = 21
MAX_KEY_LENGTH = 200


class WrongRequest(DomainError):
    """Some fields of the body are wrong; ``fields`` holds the reasons, by field."""

    def __init__(self, fields: Wrong) -> None:
        super().__init__(_("Nothing was changed. Check the fields."))
        self.fields = fields


class OperationRequest:
    """An action and a selection, read from the body of a request.

    WrongRequest holds what is wrong. Aborts with 403, before reading on, if the user may not run
    the action.
    """

    kind: type[Action]
    screen: Screen
    selection: Selection
    form: ActionForm

    def __init__(self, sent: dict[str, Any]) -> None:
        self.sent = sent
        self.wrong: Wrong = {
            clean(name)[:80]: [_("This field doesn’t exist.")]
            for name in [name for name in sent if name not in NAMES][:MAX_FIELDS_IN_ERROR]
        }
        self._find_action()
        self.is_dry = self._flag("dry_run")
        self.is_everything = self._flag("everything")
        selection = self._selection()
        form = self._form()
        if self.wrong or selection is None or form is None:
            raise WrongRequest(self.wrong)
        self.selection, self.form = selection, form

    def _find_action(self) -> None:
        name, resource = self.sent.get("action"), self.sent.get("resource")
        by_resource = {resource_name(one): one for one in screens_with_actions()}
        screen = by_resource.get(resource) if isinstance(resource, str) else None
        if screen is None:
            known = ", ".join(sorted(by_resource))
            self.wrong["resource"] = [_("Send one of: %(known)s.", known=known)]
            raise WrongRequest(self.wrong)
        kinds = {dashed(kind.action_name()): kind for kind in screen_actions(screen)}
        kind = kinds.get(name.replace("_", "-")) if isinstance(name, str) else None
        if kind is None:
            known = ", ".join(sorted(kinds))
            self.wrong["action"] = [_("Send one of: %(known)s.", known=known)]
            raise WrongRequest(self.wrong)
        if not screen.can_run_action(kind.action_name()):
            abort(403)
        self.screen, self.kind = screen, kind

    def _flag(self, name: str) -> bool:
        value = self.sent.get(name, False)
        if not isinstance(value, bool):
            self.wrong[name] = [_("Send true or false.")]
            return False
        return value

    def _selection(self) -> Selection | None:
        """Return the selected rows: some by id, those that a filter finds, or everything."""
        without = self._ids("except") if "except" in self.sent else ()
        ways: list[str] = [name for name in ("ids", "filter") if name in self.sent]
        ways += ["everything"] if self.is_everything else []
        if len(ways) != 1:
            for name in ways or ["filter"]:
                self.wrong[name] = [_("Send only one of: ids, filter, everything.")]
            return None
        if ways == ["ids"]:
            if "except" in self.sent:
                self.wrong["except"] = [
                    _("“except” can only be used with a filter or with everything.")
                ]
            ids = self._ids("ids")
            return None if ids is None else Selection(self.screen, ids)
        on = self._filter() if ways == ["filter"] else ""
        if on is None or without is None:
            return None
        selection = Selection(self.screen, None, on, without)
        return self._unless_wrong("filter", lambda: self._check_everything(selection))

    def _check_everything(self, selection: Selection) -> Selection:
        if selection.is_everything and not self.is_everything:
            raise DomainError(
                _("This filter selects everything. To confirm, send everything: true.")
            )
        return selection

    def _ids(self, name: str) -> tuple[int, ...] | None:
        value = self.sent[name]
        fewest = 1 if name == "ids" else 0
        is_list = isinstance(value, list) and fewest <= len(value) <= MAX_IDS
        if not is_list or not all(
            isinstance(one, int) and not isinstance(one, bool) and 0 < one < 2**31 for one in value
        ):
            self.wrong[name] = [
                _("Send a list of %(fewest)s to %(most)s IDs.", fewest=fewest, most=MAX_IDS)
            ]
            return None
        return tuple(sorted(set(value)))

    def _filter(self) -> str | None:
        """Return the filter as the query string of a list."""
        value = self.sent["filter"]
        if not isinstance(value, dict):
            self.wrong["filter"] = [_("Send a single JSON value in braces: {…}.")]
            return None
        if len(value) > MAX_FILTERS:
            self.wrong["filter"] = [_("Too many filters.")]
            return None
        pairs, reasons = {}, []
        for name, one in value.items():
            shown = clean(name)
            text = clean(str(one)) if isinstance(one, str | int) else ""
            if shown != name or (name != "q" and SEPARATOR not in name):
                reasons.append(_("Filter “%(name)s” doesn’t exist.", name=shown[:80]))
            elif not text or isinstance(one, bool):
                reasons.append(_("The filter “%(name)s” needs a value.", name=shown[:80]))
            else:
                pairs[name] = text
        if reasons:
            self.wrong["filter"] = reasons
            return None
        return to_query_string(pairs)

    def _form(self) -> ActionForm | None:
        value = self.sent.get("answers", {})
        if not isinstance(value, dict):
            self.wrong["answers"] = [_("Send a single JSON value in braces: {…}.")]
            return None
        try:
            return read_answers(self.kind, value)
        except WrongAnswers as error:
            self.wrong |= {f"answers.{name}": why for name, why in error.fields.items()}
            return None

    def _unless_wrong(self, name: str, read: Callable[[], Selection]) -> Selection | None:
        try:
            return read()
        except DomainError as error:
            self.wrong[name] = [str(error)]
            return None


def request_key() -> str | None:
    """Return a digest of the Idempotency-Key, distinct for each user."""
    sent = request.headers.get("Idempotency-Key")
    if sent is None:
        return None
    if not 0 < len(sent) <= MAX_KEY_LENGTH:
        abort(
            400,
            _(
                "Idempotency-Key must have between 1 and %(number)s characters.",
                number=MAX_KEY_LENGTH,
            ),
        )
    return hashlib.sha256(f"{current_actor().id}:{sent}".encode()).hexdigest()


def request_digest(sent: dict[str, Any]) -> str:
    """Return a digest of a request, to compare it with an earlier one."""
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()
