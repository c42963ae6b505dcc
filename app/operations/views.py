"""From ticked rows to a job: the questions of an action, what it would do, the go-ahead, undo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import abort, current_app, flash, make_response, redirect, render_template, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from sqlalchemy import func, select, update

from app.crud.interface import parse_id
from app.crud.listpages import show_count
from app.crud.page import Page
from app.crud.paging import MAX_COUNT
from app.errors import DomainError
from app.extensions import db
from app.i18n.formats import show_number
from app.operations import running
from app.operations.actions import (
    Action,
    ActionForm,
    action_of,
    answer_fields,
    answers_in_words,
    kept_answers,
)
from app.operations.jobs import is_theirs_to_undo, may_undo
from app.operations.models import Operation
from app.operations.selection import Selection
from app.operations.services import (
    DRAFT_DAYS,
    UNDO_DAYS,
    SelectionChanged,
    draft_of,
    why_not_undone,
)
from app.security.actor import current_actor
from app.text import digits
from app.types import now


@dataclass(frozen=True)
class Draft:
    """An operation that is not confirmed yet, with what its pages need."""

    operation: Operation
    kind: type[Action]
    selection: Selection

    @property
    def back(self) -> str:
        """Return the address of the list the rows were picked from, as it was narrowed."""
        return self.selection.back

    @property
    def at(self) -> str:
        """Return the address of the draft itself."""
        return f"/operations/{self.operation.id}/"

    def in_words(self, matched: int | None = None) -> str:
        """Say what is selected, and how much that is: counted as far as a list counts."""
        words = self.selection.in_words()
        if self.selection.ids is not None:
            return words
        return f"{words}: {self._count() if matched is None else show_number(matched)}"

    def _count(self) -> str:
        rows = self.selection.rows(current_actor())
        ids = rows.with_only_columns(self.selection.model.id).limit(MAX_COUNT + 1).subquery()
        found = db.session.scalar(
            select(func.count()).select_from(ids), execution_options=rows.get_execution_options()
        )
        return show_count(found or 0)


class OperationsView(Page):
    """The pages of a collective action; whoever asked for it sees them, and nobody else."""

    route_base = "/operations"

    @expose("/<pk>/", methods=["GET", "POST"])
    @has_access
    @permission_name("own")
    def ask(self, pk: str):
        """Ask what the action needs to know."""
        draft = self._draft(pk, is_sent=request.method == "POST")
        if not draft.kind.asks():
            return redirect(f"{draft.at}preview")
        if request.method == "POST":
            form = draft.kind.Form()
            wrong = _wrongs(draft.kind, form)
            if not wrong:
                _keep(draft.operation, form)
                return redirect(f"{draft.at}preview")
            return self._form_page(draft, form, wrong), 422
        return self._form_page(draft, draft.kind.form_of(draft.operation.answers or None), [])

    @expose("/<pk>/preview")
    @has_access
    @permission_name("own")
    def preview(self, pk: str):
        """Show what the action would do."""
        draft = self._draft(pk)
        if draft.kind.asks() and not draft.operation.answers:
            return redirect(draft.at)
        form = draft.kind.form_of(draft.operation.answers)
        if wrong := _wrongs(draft.kind, form):
            if not draft.kind.asks():
                raise DomainError(wrong[0][1])
            return self._form_page(draft, form, wrong)
        return self._preview_page(draft, form)

    @expose("/<pk>/confirm", methods=["GET", "POST"])
    @has_access
    @permission_name("own")
    def confirm(self, pk: str):
        """Run what was previewed; confirmed twice, it is done once."""
        draft = self._draft(pk, is_sent=request.method == "POST")
        if request.method == "GET":
            return redirect(f"{draft.at}preview")
        form, actor = draft.kind.Form(), current_actor()
        if wrong := _wrongs(draft.kind, form):
            if not draft.kind.asks():
                raise DomainError(wrong[0][1])
            return self._form_page(draft, form, wrong), 422
        expected = parse_id(request.form.get("matched", ""))
        if expected is None:
            abort(400)
        if draft.selection.is_everything and digits(request.form.get("typed", "")) != str(
            expected
        ):
            error = _("This is not the number. Type it to go on.")
            return self._preview_page(draft, form, error=error), 422
        rows = draft.selection.rows(actor)
        action = draft.kind(form, actor)
        try:
            job = running.confirm(draft.operation, action, form, rows, actor, expected=expected)
        except SelectionChanged as changed:
            db.session.rollback()
            return self._preview_page(draft, form, notice=str(changed)), 409
        return redirect(f"/jobs/{job.id}/")

    @expose("/<pk>/undo", methods=["POST"])
    @has_access
    @permission_name("own")
    def undo(self, pk: str):
        """Undo an operation; asked for twice, it is undone once."""
        operation = db.session.get(Operation, parse_id(pk) or 0)
        actor = current_actor()
        if operation is None or not is_theirs_to_undo(actor, operation):
            abort(404)
        if operation.is_undone:
            return redirect(f"/jobs/{operation.undo_job_id}/")
        if may_undo(actor, operation):
            return redirect(f"/jobs/{running.undo(operation, actor).id}/")
        flash(why_not_undone(operation) or _("You no longer have the right to do this."), "danger")
        return redirect(f"/jobs/{operation.job_id}/" if operation.job_id else "/jobs/")

    def _draft(self, pk: str, *, is_sent: bool = False) -> Draft:
        """Return a draft of one's own; otherwise answer with its job, or with what became of it."""
        operation = draft_of(db.session(), parse_id(pk) or 0, current_actor())
        if operation is None:
            _gone(404)
        if is_sent:
            # Of two tabs, one confirms; the other finds that out here.
            db.session.refresh(operation, with_for_update=True)
        kind = action_of(operation)
        if kind is None:
            _gone(410)
        draft = Draft(operation, kind, Selection.of(operation))
        if not operation.is_draft:
            if operation.job_id is None:
                _gone(410, draft.back)
            abort(redirect(f"/jobs/{operation.job_id}/"))
        if operation.created_at < now() - timedelta(days=DRAFT_DAYS):
            _gone(410, draft.back)
        if not draft.selection.view.can_run_action(operation.action):
            abort(403)
        return draft

    def _form_page(self, draft: Draft, form: ActionForm, wrong: list[tuple[Any, str]]):
        return self.render_template(
            "operations/form.html",
            title=draft.kind.label,
            draft=draft,
            fields=answer_fields(form),
            wrong=wrong,
        )

    def _preview_page(self, draft: Draft, form: ActionForm, error: str = "", notice: str = ""):
        actor = current_actor()
        answers, answers_text = kept_answers(form), answers_in_words(form)
        told = running.look(draft.kind(form, actor), draft.selection.rows(actor))
        return self.render_template(
            "operations/preview.html",
            title=draft.kind.label,
            draft=draft,
            told=told,
            answers=answers,
            answers_text=answers_text,
            error=error,
            notice=notice,
            days=UNDO_DAYS,
            at_once=current_app.config["BACKGROUND_ABOVE"],
        )


def _wrongs(kind: type[Action], form: ActionForm) -> list[tuple[Any, str]]:
    """Check answers; return (field or None, what is wrong), and note it beside the fields."""
    if form.validate():
        try:
            kind(form, current_actor()).check()
        except DomainError as error:
            if error.field is None or error.field not in form:
                return [(None, str(error))]
            form[error.field].errors = [*form[error.field].errors, str(error)]
    return [(field, " ".join(field.errors)) for field in form if field.errors]


def _keep(operation: Operation, form: ActionForm) -> None:
    """Keep the answers with the draft, for the preview and for coming back."""
    db.session.execute(
        update(Operation)
        .where(Operation.id == operation.id, Operation.confirmed_at.is_(None))
        .values(answers=kept_answers(form))
    )
    db.session.commit()


def _gone(status: int, back: str = "/") -> Any:
    """Answer that a draft is not there, or too old, and lead back to its list."""
    page = render_template("operations/gone.html", status=status, back=back)
    abort(make_response(page, status))
