"""The page of a ModelView that moves a row to another state, and its buttons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import abort, flash, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from sqlalchemy.orm.exc import StaleDataError

from app.crud.interface import parse_id
from app.errors import DomainError
from app.extensions import db
from app.security.actor import current_actor
from app.states.moves import apply_transition
from app.states.transitions import Transition, find_transition, transitions_of


class TransitionPages:
    """The page of a ModelView that moves a row to another state."""

    route_base: str
    appbuilder: Any
    class_permission_name: Any
    find: Any
    is_trash: Any
    render_template: Any
    datamodel: Any

    def transitions(self, row: Any) -> list[type[Transition]]:
        """Return the transitions from the state of a row that the user may make, in order."""
        kinds = [] if self.is_trash else transitions_of(type(row))
        return [kind for kind in kinds if row.state in kind.from_ and self.may_move(kind)]

    def may_move(self, kind: type[Transition]) -> bool:
        """Return True if the user has the permission of a transition."""
        name = kind.action_name()
        return self.appbuilder.sm.has_access(name, self.class_permission_name)

    @expose("/transition/<pk>/<string:name>", methods=["GET", "POST"])
    @has_access
    @permission_name("show")
    def transition(self, pk: str, name: str):
        """Move a row to another state, after asking what the transition needs to know."""
        kind = find_transition(self.datamodel.obj, name)
        if kind is None:
            abort(404)
        if not self.may_move(kind):
            abort(403)
        row = self.find(pk)
        show_url = f"{self.route_base}/show/{row.id}"
        form = None if kind.Form is None else kind.Form()
        if request.method == "GET":
            if form is None or row.state not in kind.from_:
                return redirect(show_url)
            return self._transition_page(row, kind, form, row.version)
        if form is not None and not form.validate():
            return self._transition_page(row, kind, form, request.form.get("version"), 422)
        transition = kind(current_actor(), answers_of(form))
        # One that cannot be read is that of no row.
        version = (parse_id(request.form["version"]) or 0) if "version" in request.form else None
        try:
            apply_transition(db.session(), row, transition, version=version)
            db.session.commit()
        except DomainError as error:
            db.session.rollback()
            field = None if form is None else getattr(form, error.field or "", None)
            if field is not None:
                field.errors = [*field.errors, str(error)]
                return self._transition_page(self.find(pk), kind, form, version, 422)
            flash(str(error), "danger")
        except StaleDataError:
            db.session.rollback()
            flash(_("Someone else has changed this. Check it and try again."), "warning")
        else:
            flash(_("“%(name)s”: %(state)s.", name=row, state=row.state_label), "success")
        return redirect(show_url)

    def _transition_page(
        self, row: Any, kind: type[Transition], form: Any, version: Any, status: int = 200
    ):
        page = self.render_template(
            "crud/transition.html", title=kind.label, view=self, row=row, kind=kind, form=form,
            version=version, fields=[field for field in form if field.name != "csrf_token"],
            errors=[(field, str(error)) for field in form for error in field.errors],
        )  # fmt: skip
        return page, status


def answers_of(form: Any) -> SimpleNamespace:
    """Return the answers of a valid form, by field."""
    fields = () if form is None else form
    return SimpleNamespace(**{field.short_name: field.data for field in fields})
