"""Collective actions: a plug each; one class is the menu entry, the form, the API and the command."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from flask import flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from wtforms.widgets import TextInput

from app.crud.actions import ListAction, action_called
from app.crud.fields import SwitchField, TypedField
from app.crud.modelfields import ModelChoiceField, ModelMultipleChoiceField
from app.crud.forms import LookupForm
from app.errors import DomainError
from app.extensions import db
from app.fieldtypes import FieldType
from app.operations.batch import Batch
from app.operations.models import Operation
from app.operations.selection import OutOfReach, Selection, list_address
from app.operations.services import draft, note_refused
from app.security.actor import Actor, current_actor

# What is told of a row whatever the action.
REASONS = {
    "gone": _l("It was deleted meanwhile."),
    "reach": _l("It is no longer within reach."),
    "since": _l("It was changed since."),
    "vanished": _l("What it had before is no longer there."),
    "error": _l("Something went wrong; the program's own log says what."),
}
NONE = "none"


class ActionForm(LookupForm):
    """The questions of an action."""


class RepositoryField(ModelChoiceField):
    """One value of a repository, or none of them where ``or_none`` allows it."""

    def __init__(self, model: Any, label: Any, *, or_none: bool = False, **kwargs: Any) -> None:
        super().__init__(label, model=model, lookup="", required=True, **kwargs)
        self.or_none = or_none

    def options(self) -> list[tuple[Any, str, bool]]:
        """Return (id, label, chosen), with a way to empty the field."""
        found = super().options()
        if self.or_none:
            found.append((NONE, _("(none)"), self.typed == NONE))
        return found

    def pre_validate(self, form: Any) -> None:
        if self.or_none and self.typed == NONE:
            self.data = None
            return
        super().pre_validate(form)


class ReasonField(TypedField):
    """Why something is done, in a line that stays with the operation."""

    def __init__(self, label: Any = None, *, required: bool = True, **kwargs: Any) -> None:
        kind = FieldType()
        kind.max_length = 200
        kwargs.setdefault("widget", TextInput())
        super().__init__(label or _l("Reason"), field_type=kind, required=required, **kwargs)


class Action(ListAction, abstract=True):
    """Something done to a selection, described once in ``apply``.

    ``reasons`` holds the sentence for each reason ``apply`` gives for leaving rows out.
    """

    Form: ClassVar[type[ActionForm]] = ActionForm
    # A sentence above the form.
    help: ClassVar[Any] = ""
    reasons: ClassVar[dict[str, Any]] = {}
    # What is said, below their number, of rows that are as they would be.
    already: ClassVar[Any] = _l("already have it")

    def __init__(self, form: ActionForm | None = None, actor: Actor | None = None) -> None:
        self.form = form
        self.actor = actor or current_actor()
        fields = {} if form is None else {f.short_name: f.data for f in form}
        self.answers = SimpleNamespace(**fields)

    def apply(self, batch: Batch) -> None:
        """Say what is to be done; the answers are valid."""
        raise NotImplementedError

    def check(self) -> None:
        """Refuse answers that this actor may not give: a DomainError, with the field."""

    def put_back(self, session: Session, row: Any, before: Any) -> tuple[str, str]:
        """Undo what ``Batch.each`` did to one row; return (old, new) for the log.

        A DomainError leaves the row as it is.
        """
        raise NotImplementedError

    @classmethod
    def form_of(cls, answers: dict[str, list[str]] | None = None) -> ActionForm:
        """Return the form, filled in with answers as they were kept (nothing is from the request)."""
        if answers is None:
            return cls.Form(formdata=None, meta={"csrf": False})
        return cls.Form(formdata=MultiDict(answers), meta={"csrf": False})

    @classmethod
    def asks(cls) -> bool:
        """Say whether there is anything to answer."""
        return bool(answer_fields(cls.form_of()))

    def batch(self) -> Batch:
        """Return what is to be done."""
        batch = Batch(self.model, self.actor)
        self.apply(batch)
        return batch

    @classmethod
    def reason_text(cls, reason: str | None) -> str:
        """Return the sentence of a reason; what is no code is a sentence already."""
        if not reason:
            return ""
        return str(cls.reasons.get(reason) or REASONS.get(reason) or reason)

    @classmethod
    def begin(cls, view: Any) -> Any:
        """Draft an operation on the ticked rows and lead to its page."""
        try:
            selection = Selection.from_form(view, request.form)
            selection.check(current_actor())
        except OutOfReach as refused:
            note_refused(db.session(), cls.action_name(), selection, current_actor())
            db.session.commit()
            back = f"{view.route_base}/list/"
            page = render_template("operations/refused.html", text=str(refused), back=back)
            return page, 403
        except DomainError as missing:
            flash(str(missing), "warning")
            return redirect(list_address(view, request.form.get("on", "")))
        operation = draft(db.session(), cls.action_name(), selection, current_actor())
        db.session.commit()
        return redirect(f"/operations/{operation.id}/")


def action_of(operation: Operation) -> type[Action] | None:
    """Return the action of an operation, unless the program no longer has it."""
    found = action_called(operation.action)
    return found if found is not None and issubclass(found, Action) else None


def answer_fields(form: ActionForm) -> list[Any]:
    """Return the fields of a form that people fill in."""
    return [field for field in form if field.name != "csrf_token"]


def kept_answers(form: ActionForm) -> dict[str, list[str]]:
    """Return a valid form's answers as JSON can hold them, for ``Action.form_of``."""
    kept = {}
    for field in answer_fields(form):
        if isinstance(field, ModelMultipleChoiceField):
            kept[field.name] = [str(row.id) for row in field.data]
        elif isinstance(field, ModelChoiceField):
            kept[field.name] = [NONE if field.data is None else str(field.data.id)]
        elif isinstance(field, SwitchField):
            kept[field.name] = ["1"] if field.data else []
        elif isinstance(field, TypedField):
            kept[field.name] = ["" if field.data is None else field.field_type.write(field.data)]
        else:
            kept[field.name] = [str(field.data or "")]
    return kept


def answers_in_words(form: ActionForm) -> str:
    """Return a valid form's answers for people: “New status: Active”."""
    return " · ".join(f"{label}: {shown}" for label, shown in _in_words(answer_fields(form)))


def answers_in_short(form: ActionForm) -> str:
    """Return what a job is called after: no reason, and of a single question the value alone."""
    fields = [field for field in answer_fields(form) if not isinstance(field, ReasonField)]
    told = _in_words(fields)
    if len(fields) == 1:
        return "".join(shown for _label, shown in told)
    return " · ".join(f"{label}: {shown}" for label, shown in told)


def _in_words(fields: list[Any]) -> list[tuple[str, str]]:
    """Return (question, answer) of what was answered."""
    told = []
    for field in fields:
        value = field.data
        if isinstance(field, ModelMultipleChoiceField):
            shown = ", ".join(map(str, value))
        elif isinstance(field, ModelChoiceField):
            shown = _("(none)") if value is None else str(value)
        elif isinstance(field, SwitchField):
            shown = _("yes") if value else _("no")
        elif isinstance(field, TypedField):
            shown = "" if value is None else field.field_type.show(value)
        else:
            choices = dict(getattr(field, "choices", None) or ())
            shown = str(choices.get(value, value)) if value else ""
        if shown:
            told.append((str(field.label.text), shown))
    return told
