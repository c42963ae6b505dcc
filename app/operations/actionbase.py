"""The base of collective actions: one class gives menu entry, form, API and command."""

from __future__ import annotations

from types import SimpleNamespace, new_class
from typing import Any, ClassVar

from flask import flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import inspect
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from wtforms.widgets import TextInput

from app.crud.actions import ListAction, get_action
from app.crud.fields import SwitchField, TypedField
from app.crud.forms import LookupForm
from app.crud.modelfields import ModelChoiceField, ModelMultipleChoiceField
from app.crud.screens import Screen, screen_of, screens
from app.errors import DomainError
from app.extensions import db
from app.fieldtypes import FieldType
from app.operations.batch import Batch
from app.operations.models import OUTCOMES, Operation
from app.operations.selection import OutOfScope, Selection, build_list_url
from app.operations.services import create_draft, record_out_of_scope
from app.repositories.models import Repository
from app.security.actor import Actor, current_actor
from app.states.locks import lock_text
from app.states.rules import rule_text

# The reasons that any action may give for leaving a row out.
REASONS = {
    "gone": _l("It has been deleted."),
    "reach": _l("You no longer have access to it."),
    "state": _l("This can’t be done in its state."),
    "since": _l("It has changed since."),
    "used": _l("It is in use."),
    "vanished": _l("The previous value no longer exists."),
    "error": _l("Something went wrong. Tell your administrator."),
}
NONE = "none"


class ActionForm(LookupForm):
    """The form of an action: what it needs to know. ``model`` is that of the rows."""

    model: ClassVar[Any]


class RepositoryField(ModelChoiceField):
    """One value of a repository, or none of them where ``or_none`` allows it."""

    def __init__(self, model: Any, label: Any, *, or_none: bool = False, **kwargs: Any) -> None:
        super().__init__(label, model=model, lookup="", required=True, **kwargs)
        self.or_none = or_none

    def options(self) -> list[tuple[Any, str, bool]]:
        """Return (id, label, is chosen), with an option for none of the values."""
        options = super().options()
        if self.or_none:
            options.append((NONE, _("No value"), self.typed == NONE))
        return options

    def pre_validate(self, form: Any) -> None:
        if self.or_none and self.typed == NONE:
            self.data = None
            return
        super().pre_validate(form)


class RelationField(RepositoryField):
    """A row that the rows of the form's model may be linked to by a relation.

    The relation has the name of the field, if ``relation`` names no other. If rows need not be
    linked to any, none is an answer, too.
    """

    def __init__(
        self, label: Any, *, relation: str = "", name: str = "", _form: Any = None, **kwargs: Any
    ) -> None:
        relation = relation or name
        linked = inspect(_form.model).relationships[relation]
        target = linked.mapper.class_
        or_none = not linked.uselist and all(column.nullable for column in linked.local_columns)
        super().__init__(target, label, or_none=or_none, name=name, _form=_form, **kwargs)
        if not issubclass(target, Repository):
            self.lookup_url = f"{screen_of(_form.model).route_base}/lookup/{relation}"


class ReasonField(TypedField):
    """Why something is done: a line of text that the operation stores."""

    def __init__(self, label: Any = None, *, required: bool = True, **kwargs: Any) -> None:
        kind = FieldType()
        kind.max_length = 200
        kwargs.setdefault("widget", TextInput())
        super().__init__(label or _l("Reason"), field_type=kind, required=required, **kwargs)


class Action(ListAction, abstract=True):
    """A change to the rows of a selection, described once in ``apply``.

    ``reasons`` holds the sentence of each reason that ``apply`` gives for leaving rows out.
    """

    Form: ClassVar[type[ActionForm]] = ActionForm
    # The text of the button that confirms: verb, object, and the number of rows as ``rows``.
    button: ClassVar[Any] = _l("Apply to %(rows)s")
    # A sentence above the form.
    help: ClassVar[Any] = ""
    reasons: ClassVar[dict[str, Any]] = {}
    # What the preview and the result call rows that need no change.
    unchanged_label: ClassVar[Any] = _l("Already have it")
    unchanged_outcome: ClassVar[Any] = _l("Already had it")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "model"):
            cls.Form = _make_form(cls.Form, model=cls.model)

    def __init__(self, form: ActionForm | None = None, actor: Actor | None = None) -> None:
        self.form = form
        self.actor = actor or current_actor()
        fields = {} if form is None else {f.short_name: f.data for f in form}
        self.answers = SimpleNamespace(**fields)

    def apply(self, batch: Batch) -> None:
        """Add verbs to a batch; the answers are valid."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise a DomainError, with the field, for answers that this actor may not give."""

    def undo_row(self, session: Session, row: Any, before: Any) -> tuple[str, str]:
        """Undo what ``Batch.each`` did to one row; return (old, new) for the log.

        A DomainError leaves the row as it is.
        """
        raise NotImplementedError

    @classmethod
    def build_form(cls, answers: dict[str, list[str]] | None = None) -> ActionForm:
        """Return the form, filled in with stored answers; nothing is read from the request."""
        if answers is None:
            return cls.Form(formdata=None, meta={"csrf": False})
        meta = {"csrf": False, "is_stored": True}
        return cls.Form(formdata=MultiDict(answers), meta=meta)

    @classmethod
    def has_questions(cls) -> bool:
        """Return True if the form has any field."""
        return bool(answer_fields(cls.build_form()))

    def batch(self) -> Batch:
        """Return the batch that ``apply`` describes."""
        batch = Batch(self.model, self.actor)
        self.apply(batch)
        return batch

    @classmethod
    def reason_text(cls, reason: str | None) -> str:
        """Return the sentence of a reason's code; any other text is a sentence already."""
        if not reason:
            return ""
        known = cls.reasons.get(reason) or REASONS.get(reason)
        return str(known or rule_text(reason) or lock_text(reason) or reason)

    @classmethod
    def button_text(cls, rows: str) -> str:
        """Return the text of the button that confirms; ``rows`` is such as “4 contacts”."""
        return str(cls.button) % {"rows": rows}

    @classmethod
    def outcome_text(cls, outcome: str) -> str:
        """Return the label of an outcome in this action's words."""
        return str(cls.unchanged_outcome if outcome == "already" else OUTCOMES[outcome])

    def title(self, rows: str) -> str:
        """Return the title of the job: action, answers and number: “Add a tag: VIP (4 contacts)”."""
        answers = short_answers(self._form())
        action = f"{self.label}: {answers}" if answers else str(self.label)
        return f"{action} ({rows})"

    def answers_to_json(self) -> dict[str, list[str]]:
        """Return the valid answers as JSON, for ``build_form``."""
        return answers_to_json(self._form())

    def describe_answers(self) -> str:
        """Return the valid answers for people: “New status: Active”."""
        return describe_answers(self._form())

    def _form(self) -> ActionForm:
        assert self.form is not None, "an action without its form cannot be confirmed"
        return self.form

    @classmethod
    def begin(cls, screen: Screen) -> Any:
        """Create a draft for the ticked rows and redirect to its page."""
        try:
            selection = Selection.from_form(screen, request.form)
            selection.check(current_actor())
        except OutOfScope as refused:
            record_out_of_scope(db.session(), cls.action_name(), selection, current_actor())
            db.session.commit()
            list_url = f"{screen.route_base}/list/"
            page = render_template("operations/refused.html", text=str(refused), list_url=list_url)
            return page, 403
        except DomainError as missing:
            flash(str(missing), "warning")
            return redirect(build_list_url(screen, request.form.get("on", "")))
        operation = create_draft(db.session(), cls.action_name(), selection, current_actor())
        db.session.commit()
        return redirect(f"/operations/{operation.id}/")


class ChangeRelation(Action, abstract=True):
    """Set the link of rows to one row of a repository, or remove it where it may be empty.

    ``relation`` names it, and the field of the form, whose label is ``field_label``.
    """

    relation: ClassVar[str]
    field_label: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "relation" in vars(cls) and "Form" not in vars(cls):
            cls.Form = _make_form(ActionForm, **{cls.relation: RelationField(cls.field_label)})
        super().__init_subclass__(**kwargs)

    def apply(self, batch: Batch) -> None:
        row = getattr(self.answers, self.relation)
        batch.set(_foreign_key(self.model, self.relation), None if row is None else row.id)


def _make_form(base: type[ActionForm], **names: Any) -> Any:
    """Return a form class with more attributes."""
    return new_class("Form", (base,), {}, lambda namespace: namespace.update(names))


def _foreign_key(model: Any, relation: str) -> Any:
    """Return the attribute that holds the id of a many-to-one relation."""
    mapper = inspect(model)
    (column,) = mapper.relationships[relation].local_columns
    return getattr(model, mapper.get_property_by_column(column).key)


def find_operation_action(operation: Operation) -> type[Action] | None:
    """Return the action of an operation, or None if the program no longer has it."""
    models = [screen.table.model for screen in screens()]
    found = [model for model in models if model.__tablename__ == operation.subject_type]
    action = get_action(operation.action, found[0]) if found else None
    return action if action is not None and issubclass(action, Action) else None


def answer_fields(form: ActionForm) -> list[Any]:
    """Return the fields of a form that people fill in."""
    return [field for field in form if field.name != "csrf_token"]


def answers_to_json(form: ActionForm) -> dict[str, list[str]]:
    """Return a valid form's answers as JSON, for ``Action.build_form``."""
    stored = {}
    for field in answer_fields(form):
        if isinstance(field, ModelMultipleChoiceField):
            stored[field.name] = [str(row.id) for row in field.data]
        elif isinstance(field, ModelChoiceField):
            stored[field.name] = [NONE if field.data is None else str(field.data.id)]
        elif isinstance(field, SwitchField):
            stored[field.name] = ["1"] if field.data else []
        elif isinstance(field, TypedField):
            stored[field.name] = ["" if field.data is None else field.field_type.write(field.data)]
        else:
            stored[field.name] = [str(field.data or "")]
    return stored


def describe_answers(form: ActionForm) -> str:
    """Return a valid form's answers for people: “New status: Active”."""
    return " · ".join(
        f"{label}: {shown}" for label, shown in _labelled_answers(answer_fields(form))
    )


def short_answers(form: ActionForm) -> str:
    """Return the answers in a title: without reasons, and without the label of a single field."""
    fields = [field for field in answer_fields(form) if not isinstance(field, ReasonField)]
    answers = _labelled_answers(fields)
    if len(fields) == 1:
        return "".join(shown for _label, shown in answers)
    return " · ".join(f"{label}: {shown}" for label, shown in answers)


def _labelled_answers(fields: list[Any]) -> list[tuple[str, str]]:
    """Return (label, answer) of each field that was answered."""
    answers = []
    for field in fields:
        value = field.data
        if isinstance(field, ModelMultipleChoiceField):
            shown = ", ".join(map(str, value))
        elif isinstance(field, ModelChoiceField):
            shown = _("No value") if value is None else str(value)
        elif isinstance(field, SwitchField):
            shown = _("Yes") if value else _("No")
        elif isinstance(field, TypedField):
            shown = "" if value is None else field.field_type.show(value)
        else:
            choices = dict(getattr(field, "choices", None) or ())
            shown = str(choices.get(value, value)) if value else ""
        if shown:
            answers.append((str(field.label.text), shown))
    return answers
