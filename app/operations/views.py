"""The pages of a collective action: form, preview, confirmation, undo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

from flask import abort, flash, make_response, redirect, render_template, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from sqlalchemy import func, select, update

from app.crud.basepage import Page
from app.crud.counting import show_capped
from app.crud.interface import parse_id
from app.crud.paging import MAX_COUNT
from app.errors import DomainError
from app.extensions import db
from app.i18n.formats import show_number
from app.operations import services
from app.operations.actionbase import (
    Action,
    ActionForm,
    answer_fields,
    answers_to_json,
    describe_answers,
    find_operation_action,
)
from app.operations.models import Operation
from app.operations.permissions import (
    may_request_undo,
    may_undo,
    owns_or_administers,
    why_not_undone,
)
from app.operations.selection import Selection
from app.operations.services import (
    DRAFT_DAYS,
    UNDO_DAYS,
    SelectionChanged,
    find_draft,
)
from app.operations.transactions import (
    background_limit,
    commit_and_run,
    committed_and_reading,
)
from app.operations.undoers import Undoer, find_undoer
from app.security.actor import Actor, current_actor
from app.text import digits
from app.types import now


@dataclass(frozen=True)
class DraftPage:
    """A draft with what its pages show."""

    operation: Operation
    kind: type[Action]
    selection: Selection

    @property
    def list_url(self) -> str:
        """Return the address of the list the rows were selected on, with its filters."""
        return self.selection.list_url

    @property
    def url(self) -> str:
        """Return the address of the draft itself."""
        return f"/operations/{self.operation.id}/"

    def describe(self, matched: int | None = None) -> str:
        """Describe the selection with its number of rows, counted as far as a list counts."""
        words = self.selection.describe()
        if self.selection.ids is not None:
            return words
        return f"{words}: {self._count() if matched is None else show_number(matched)}"

    def _count(self) -> str:
        rows = self.selection.rows(current_actor())
        ids = rows.with_only_columns(self.selection.model.id).limit(MAX_COUNT + 1).subquery()
        count = db.session.scalar(
            select(func.count()).select_from(ids), execution_options=rows.get_execution_options()
        )
        return show_capped(count or 0, MAX_COUNT)


class OperationsView(Page):
    """The pages of a collective action, for the user who started it."""

    route_base = "/operations"

    @expose("/<pk>/", methods=["GET", "POST"])
    @has_access
    @permission_name("own")
    def ask(self, pk: str):
        """Show the form of the action, and store its answers."""
        draft = self._draft(pk, is_sent=request.method == "POST")
        if not draft.kind.has_questions():
            return redirect(f"{draft.url}preview")
        if request.method == "POST":
            form = draft.kind.Form()
            errors = _form_errors(draft.kind, form)
            if not errors:
                _save_answers(draft.operation, form)
                return redirect(f"{draft.url}preview")
            return self._form_page(draft, form, errors), 422
        return self._form_page(draft, draft.kind.build_form(draft.operation.answers or None), [])

    @expose("/<pk>/preview")
    @has_access
    @permission_name("own")
    def preview(self, pk: str):
        """Show what the action would do."""
        draft = self._draft(pk)
        if draft.kind.has_questions() and not draft.operation.answers:
            return redirect(draft.url)
        form = draft.kind.build_form(draft.operation.answers)
        if errors := _form_errors(draft.kind, form):
            if not draft.kind.has_questions():
                raise DomainError(errors[0][1])
            return self._form_page(draft, form, errors)
        return self._preview_page(draft, form)

    @expose("/<pk>/confirm", methods=["GET", "POST"])
    @has_access
    @permission_name("own")
    def confirm(self, pk: str):
        """Run what was previewed; a second confirmation leads to the same job."""
        draft = self._draft(pk, is_sent=request.method == "POST")
        if request.method == "GET":
            return redirect(f"{draft.url}preview")
        form, actor = draft.kind.Form(), current_actor()
        if errors := _form_errors(draft.kind, form):
            if not draft.kind.has_questions():
                raise DomainError(errors[0][1])
            return self._form_page(draft, form, errors), 422
        expected = parse_id(request.form.get("matched", ""))
        if expected is None:
            abort(400)
        if draft.selection.is_everything and digits(request.form.get("typed", "")) != str(
            expected
        ):
            error = _("The number doesn’t match. Type it again.")
            return self._preview_page(draft, form, error=error), 422
        rows = draft.selection.rows(actor)
        action = draft.kind(form, actor)
        try:
            job = services.confirm(
                db.session(), draft.operation, rows, action, actor,
                expected=expected, at_once=background_limit(),
            )  # fmt: skip
        except SelectionChanged as changed:
            db.session.rollback()
            return self._preview_page(draft, form, notice=str(changed)), 409
        return redirect(f"/jobs/{commit_and_run(job, background_limit()).id}/")

    @expose("/<pk>/undo", methods=["POST"])
    @has_access
    @permission_name("own")
    def undo(self, pk: str):
        """Undo an operation; a second request leads to the same job."""
        operation = db.session.get(Operation, parse_id(pk) or 0)
        actor = current_actor()
        if operation is None or not owns_or_administers(actor, operation):
            abort(404)
        if operation.is_undone:
            return redirect(f"/jobs/{operation.undo_job_id}/")
        if (undoer := find_undoer(operation)) is not None:
            return self._undo_at_once(undoer, actor)
        if may_undo(actor, operation):
            limit = background_limit()
            job = services.undo(db.session(), operation, actor, at_once=limit)
            return redirect(f"/jobs/{commit_and_run(job, limit).id}/")
        flash(
            why_not_undone(operation) or _("You no longer have permission to do this."), "danger"
        )
        return redirect(f"/jobs/{operation.job_id}/" if operation.job_id else "/jobs/")

    def _undo_at_once(self, undoer: Undoer, actor: Actor):
        """Undo an operation that needs no job."""
        try:
            if not may_request_undo(actor, undoer.operation):
                raise DomainError(_("You no longer have permission to do this."))
            undoer.undo(db.session(), actor)
            db.session.commit()
            flash(_("Undone."), "success")
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
        return redirect("/jobs/")

    def _draft(self, pk: str, *, is_sent: bool = False) -> DraftPage:
        """Return a draft of the user's own; abort with its job's page or with an error page."""
        operation = find_draft(db.session(), parse_id(pk) or 0, current_actor())
        if operation is None:
            _abort_gone(404)
        if is_sent:
            # If another tab has just confirmed it, this one must see that.
            db.session.refresh(operation, with_for_update=True)
        kind = find_operation_action(operation)
        if kind is None:
            _abort_gone(410)
        draft = DraftPage(operation, kind, Selection.from_operation(operation))
        if not operation.is_draft:
            if operation.job_id is None:
                _abort_gone(410, draft.list_url)
            abort(redirect(f"/jobs/{operation.job_id}/"))
        if operation.created_at < now() - timedelta(days=DRAFT_DAYS):
            _abort_gone(410, draft.list_url)
        if not draft.selection.screen.can_run_action(operation.action):
            abort(403)
        return draft

    def _form_page(self, draft: DraftPage, form: ActionForm, errors: list[tuple[Any, str]]):
        return self.render_template(
            "operations/form.html",
            title=draft.kind.label,
            draft=draft,
            fields=answer_fields(form),
            errors=errors,
        )

    def _preview_page(self, draft: DraftPage, form: ActionForm, error: str = "", notice: str = ""):
        actor = current_actor()
        answers, answers_text = answers_to_json(form), describe_answers(form)
        action, rows = draft.kind(form, actor), draft.selection.rows(actor)
        with committed_and_reading():
            preview = services.preview(db.session(), action, rows)
        return self.render_template(
            "operations/preview.html",
            title=draft.kind.label,
            draft=draft,
            preview=preview,
            answers=answers,
            answers_text=answers_text,
            error=error,
            notice=notice,
            days=UNDO_DAYS,
            at_once=background_limit(),
        )


def _form_errors(kind: type[Action], form: ActionForm) -> list[tuple[Any, str]]:
    """Validate answers; return (field or None, error), and add the errors to the fields."""
    if form.validate():
        try:
            kind(form, current_actor()).check()
        except DomainError as error:
            if error.field is None or error.field not in form:
                return [(None, str(error))]
            form[error.field].errors = [*form[error.field].errors, str(error)]
    return [(field, " ".join(field.errors)) for field in form if field.errors]


def _save_answers(operation: Operation, form: ActionForm) -> None:
    """Store the answers in the draft, for the preview and for going back."""
    db.session.execute(
        update(Operation)
        .where(Operation.id == operation.id, Operation.confirmed_at.is_(None))
        .values(answers=answers_to_json(form))
    )
    db.session.commit()


def _abort_gone(status: int, list_url: str = "/") -> NoReturn:
    """Abort with a page that says that a draft is gone, with a link back to its list."""
    page = render_template("operations/gone.html", status=status, list_url=list_url)
    abort(make_response(page, status))
