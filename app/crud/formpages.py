"""The form pages of a ModelView: add, edit, duplicate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from flask import abort, flash, jsonify, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.changed import is_changed
from app.crud.columns import name_parts
from app.crud.conflict import merge_stale_form
from app.crud.fields import UploadField
from app.crud.formparts import form_parts
from app.crud.forms import RowForm
from app.crud.interface import ScopedInterface, parse_id
from app.crud.linesfield import was_rearranged
from app.crud.submissions import AlreadySubmitted, claim_submission, record_created_row
from app.crud.uploads import assign_uploads, mark_saved, store_copies, store_uploads
from app.database import commit_and_keep
from app.errors import DomainError, Locked
from app.extensions import db
from app.i18n.languages import current_language
from app.repositories.models import Repository
from app.security.actor import current_actor
from app.security.scope import Scoped
from app.storage.models import photo_fields
from app.text import clean


class FormPages:
    """The pages of a ModelView that write a row."""

    datamodel: ScopedInterface
    route_base: str
    add_form: type[RowForm]
    edit_form: type[RowForm]
    add_columns: list[str]
    edit_columns: list[str]
    why_locked: Callable[[Any], str]
    # Fields that a form shows only while others of it have one of some values.
    shown_if: ClassVar[dict[str, dict[str, tuple[Any, ...]]]] = {}
    # Fields that a duplicate does not copy, besides e-mails, telephones and the photo.
    unique_columns: ClassVar[tuple[str, ...]] = ()

    def is_editable(self, name: str) -> bool:
        """Return True if the edit form has this field."""
        return name in (self.edit_columns or ())

    def defaults(self) -> dict[str, Any]:
        """Return the initial data of the add form: the entity in which the user works."""
        if not issubclass(self.datamodel.obj, Scoped) or "entity" not in self.add_columns:
            return {}
        model = self.datamodel.get_related_model("entity")
        if home := current_actor().home_id:
            return {"entity": db.session.get(model, home)}
        return {"entity": db.session.scalar(select(model).order_by(model.path).limit(1))}

    def duplicate_defaults(self, row: Any) -> dict[str, Any]:
        """Return data that replaces the copied values in the form of a duplicate."""
        return {}

    def make_edit_form(self, row: Any) -> RowForm:
        """Return the edit form of a row; a field removed from it keeps its value."""
        return self.edit_form(obj=row)

    def before_save(self, row: Any, form: RowForm) -> None:
        """Complete the row before it is flushed. What must hold for it is a ``Rule``."""

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self):
        """Add a row."""
        if request.method == "GET":
            data = self.defaults() | self._data_from_query()
            return self._form_page(self.add_form(data=data), None)
        store_uploads(self.datamodel.obj)
        source = self._copied_row()
        if source is not None:
            store_copies(self.datamodel.obj, source)
        form = self.add_form()
        for field in form if source is not None else ():
            if isinstance(field, UploadField):
                field.current = getattr(source, field.name)
        if was_rearranged(form):
            return self._form_page(form, None)
        row = self.datamodel.obj()
        return self._save(form, row) or self._form_page(form, None, 422)

    @expose("/duplicate/<pk>", methods=["GET"])
    @has_access
    @permission_name("add")
    def duplicate(self, pk: str):
        """Show the add form with the values of another row."""
        if not self.can("can_show"):
            abort(403)
        row = self.find(pk)
        copied = [name for name in self.add_columns if name in self.show_columns]
        blank = [name for name in copied if self._identifies(name)]
        own = {*blank, *photo_fields(self.datamodel.obj)}
        data = {name: getattr(row, name) for name in copied if name not in own}
        left_blank = [self.get_label(name) for name in blank if getattr(row, name)]
        data |= self.duplicate_defaults(row)
        page = self._form_page(
            self.add_form(data=data), None, action=url_for(f"{self.endpoint}.add"), copied=row,
            left_blank=left_blank,
        )  # fmt: skip
        return page

    def _copied_row(self) -> Any:
        """Return the row of which the form that was sent is a duplicate, or None."""
        number = parse_id(request.form.get("_copied", ""))
        return self.datamodel.get(number) if number and self.can("can_show") else None

    def _identifies(self, name: str) -> bool:
        """Return True for a field that a duplicate leaves blank: it belongs to one row alone."""
        if name in self.unique_columns:
            return True
        is_link = self.datamodel.is_relation(name)
        return not is_link and self.datamodel.field_type(name).identifies

    @expose("/edit/<pk>", methods=["GET", "POST"])
    @has_access
    def edit(self, pk: str):
        """Edit a row."""
        row = self.find(pk, self.edit_columns)
        if request.method == "GET":
            if locked := self.why_locked(row):
                flash(locked, "warning")
                return redirect(f"{self.route_base}/show/{row.id}")
            form = self.make_edit_form(row)
            form.version.data = str(getattr(row, "version", ""))
            return self._form_page(form, row)
        if store_uploads(self.datamodel.obj):
            row = self.find(pk, self.edit_columns)
        form = self.make_edit_form(row)
        if locked := self.why_locked(row):
            form.validate()
            add_form_error(form, Locked(locked))
            return self._form_page(form, row, Locked.status)
        if was_rearranged(form):
            return self._form_page(form, row)
        if self._is_stale(form, row):
            return self._conflict(form, row)
        return self._save(form, row) or self._form_page(form, self.find(pk), 422)

    def data_from_name(self, typed: str) -> dict[str, Any]:
        """Return form data for a new row of which the name was typed, as in a picker."""
        names = [name for name in name_parts(self.datamodel.obj) if name in self.add_columns]
        if not typed:
            return {}
        if issubclass(self.datamodel.obj, Repository):
            return {f"label_{current_language()}": typed}
        if names == ["first_name", "last_name"]:
            last, comma, first = typed.partition(",")
            if not comma:
                # “Ana García López”: one given name, the rest are surnames.
                first, _space, last = typed.partition(" ")
                first, last = (first, last) if last else ("", first)
            return {"first_name": first.strip(), "last_name": last.strip()}
        return {names[0]: typed} if names else {}

    def _data_from_query(self) -> dict[str, Any]:
        """Return form data from the query string: a name, and many-to-one relations by id."""
        data = self.data_from_name(clean(request.args.get("typed", ""))[:100])
        for name in self.add_columns:
            if name == "name" and name in request.args:
                data[name] = clean(request.args[name])[:100]
            elif name in request.args and self.datamodel.is_relation_many_to_one(name):
                row = self.datamodel.get_related_obj(name, request.args[name])
                if row is not None:
                    data[name] = row
        return data

    def _is_stale(self, form: RowForm, row: Any) -> bool:
        if not hasattr(row, "version"):
            return False
        return parse_id(form.version.data or "") != row.version

    def _conflict(self, form: RowForm, row: Any):
        """Answer a stale save: show the conflicts, keep the typed values, raise the version."""
        form.validate()
        if parse_id(form.version.data or "") is None:
            form.version.data = "0"
        conflicts, taken_over = merge_stale_form(db.session(), form, row)
        form.version.data = str(row.version)
        form.version.raw_data = None
        return self._form_page(
            form, row, 409, conflicts=conflicts, taken_over=taken_over, is_stale=True
        )

    def _save(self, form: RowForm, row: Any):
        """Save the row and return a redirect; None if the form has errors."""
        if not form.validate():
            return None
        is_new = row not in db.session
        pk = None if is_new else row.id
        try:
            row = self._write(form, row, pk)
        except AlreadySubmitted as earlier:
            db.session.rollback()
            return self._after_create(self.datamodel.get(earlier.row_id))
        except DomainError as error:
            db.session.rollback()
            add_form_error(form, error)
            return None
        except StaleDataError:
            db.session.rollback()
            return self._conflict(form, self.find(pk))
        except IntegrityError:
            db.session.rollback()
            add_form_error(form, DomainError(_("Someone else has changed this list. Save again.")))
            return None
        if is_new and request.headers.get("X-Create"):
            return self._after_create(row)
        text = _("“%(name)s” created.") if is_new else _("“%(name)s” saved.")
        flash(text % {"name": str(row)}, "success")
        return self._after_create(row)

    def _after_create(self, row: Any):
        """Redirect from a saved form; ``row`` is None if it was deleted since."""
        if row is None:
            return redirect(f"{self.route_base}/list/")
        if request.headers.get("X-Create"):
            # A picker asked for the row: it is chosen there.
            return jsonify(id=row.id, label=str(row))
        if request.form.get("_next") == "add":
            return redirect(url_for(f"{self.endpoint}.add"))
        return self.after_save_redirect(row)

    def _write(self, form: RowForm, row: Any, pk: int | None) -> Any:
        """Write the row, twice if the database refuses it; return it.

        Another transaction may take a unique value after it was checked. Checked again it is
        found, and the error stands beside its field.
        """
        try:
            self.write(form, row, keep=True)
        except IntegrityError:
            db.session.rollback()
            row = self.datamodel.obj() if pk is None else self.find(pk)
            if pk is not None and self._is_stale(form, row):
                raise StaleDataError from None
            self.write(form, row, keep=True)
        return row

    def write(self, form: RowForm, row: Any, *, keep: bool = False) -> None:
        """Populate the row from a valid form, check and commit it.

        With ``keep`` the row keeps its values after the commit instead of being read again.
        Raise DomainError, StaleDataError or IntegrityError if it cannot be saved, and
        AlreadySubmitted if the same add form was saved before.
        """
        is_new = row not in db.session
        if is_new:
            claim_submission(db.session())
        with db.session.no_autoflush:
            for name in self.add_columns if is_new else self.edit_columns:
                # A new row is given every value: one left empty takes no default.
                if name in form and (is_new or form[name].data != getattr(row, name)):
                    form[name].populate_obj(row, name)
            assign_uploads(form, row)
            self.before_save(row, form)
            self.check_unique(row, only_changed=not is_new)
        db.session.add(row)
        db.session.flush()
        self.after_save(row, form)
        if is_new:
            record_created_row(db.session(), row.id)
        (commit_and_keep if keep else Session.commit)(db.session())
        mark_saved()

    def after_save(self, row: Any, form: RowForm) -> None:
        """Do what needs the id of the row, in the same transaction."""

    def after_save_redirect(self, row: Any):
        """Redirect to the show page of the saved row."""
        return redirect(f"{self.route_base}/show/{row.id}")

    def check_unique(self, row: Any, *, only_changed: bool = False) -> None:
        """Raise DomainError if a unique value is taken, by a row in the trash too.

        With ``only_changed`` a value that is about to stay as it is stored is not looked up.
        """
        model = type(row)
        for attribute in model.__mapper__.column_attrs:
            column = attribute.columns[0]
            if not column.unique or column.primary_key:
                continue
            value = getattr(row, attribute.key)
            if value is None or (only_changed and not is_changed(row, (attribute.key,))):
                continue
            query = select(model.id).where(getattr(model, attribute.key) == value)
            if row.id is not None:
                query = query.where(model.id != row.id)
            taken_by = db.session.scalar(query.execution_options(with_trash=True).limit(1))
            if taken_by is not None:
                raise DomainError(
                    _("“%(value)s” is already in use.", value=value), field=attribute.key
                )

    def _form_page(self, form: RowForm, row: Any, status: int = 200, **extra: Any):
        is_new = row is None
        for name, conditions in self.shown_if.items():
            if name in form:
                form[name].shown_if = conditions
        page = self.render_template(
            self.add_template if is_new else self.edit_template,
            title=self.add_title if is_new else str(row),
            view=self,
            form=form,
            row=row,
            fieldsets=self.add_fieldsets if is_new else self.edit_fieldsets,
            columns=self.add_columns if is_new else self.edit_columns,
            parts=form_parts(self.datamodel.obj) if is_new else (),
            **extra,
        )
        return page, status


def add_form_error(form: RowForm, error: DomainError) -> None:
    """Add an error to the field it names, else to the top of the form."""
    field = form[error.field] if error.field and error.field in form else form.version
    field.errors = [*field.errors, str(error)]
