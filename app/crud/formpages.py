"""The pages of a form: a new file, an existing one, a duplicate."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import current_app, flash, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.datastructures import FileStorage

from app.crud.conflict import merge
from app.crud.fields import PhotoField
from app.crud.forms import RowForm
from app.crud.interface import Interface, as_id
from app.errors import DomainError
from app.extensions import db
from app.storage.services import store_photo
from app.text import clean


class FormPages:
    """What a ModelView does to write a row."""

    datamodel: Interface
    route_base: str
    add_form: type[RowForm]
    edit_form: type[RowForm]
    add_columns: list[str]
    edit_columns: list[str]
    # Fields a duplicate does not take over.
    unique_columns: ClassVar[tuple[str, ...]] = ()

    def is_editable(self, name: str) -> bool:
        """Say whether the form has a field of this name."""
        return name in (self.edit_columns or ())

    def defaults(self) -> dict[str, Any]:
        """Return what a new file's form is filled in with."""
        return {}

    def defaults_of_copy(self, row: Any) -> dict[str, Any]:
        """Return what a duplicate's form is filled in with instead of the file's own."""
        return {}

    def form_of(self, row: Any) -> RowForm:
        """Return the form of a file; what is taken out of it stays as it is."""
        return self.edit_form(obj=row)

    def before_save(self, row: Any, form: RowForm) -> None:
        """Let the room's services complete or refuse what was typed (DomainError)."""

    def check(self, row: Any) -> None:
        """Refuse, with a DomainError, a row that breaks a rule of the room."""

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self):
        """Make a new file."""
        if request.method == "GET":
            data = self.defaults() | self._from_address()
            return self._form_page(self.add_form(data=data), None)
        form = self.add_form()
        row = self.datamodel.obj()
        return self._save(form, row) or self._form_page(form, None, 422)

    @expose("/duplicate/<pk>", methods=["GET"])
    @has_access
    @permission_name("add")
    def duplicate(self, pk: str):
        """Open the form of a new file, filled in with what another holds."""
        row = self.find(pk)
        left_out = {*self.unique_columns, "photo"}
        data = {name: getattr(row, name) for name in self.add_columns if name not in left_out}
        data |= self.defaults_of_copy(row)
        page = self._form_page(
            self.add_form(data=data), None, action=url_for(f"{self.endpoint}.add"), copied=row
        )
        return page

    @expose("/edit/<pk>", methods=["GET", "POST"])
    @has_access
    def edit(self, pk: str):
        """Change a file."""
        row = self.find(pk)
        if request.method == "GET":
            form = self.form_of(row)
            form.version.data = str(getattr(row, "version", ""))
            return self._form_page(form, row)
        form = self.form_of(row)
        if self._is_stale(form, row):
            return self._conflict(form, row)
        return self._save(form, row) or self._form_page(form, self.find(pk), 422)

    def _from_address(self) -> dict[str, Any]:
        """Fill in links named in the address (a contact made from its account)."""
        found = {}
        for name in self.add_columns:
            if name == "name" and name in request.args:
                found[name] = clean(request.args[name])[:100]
            elif name in request.args and self.datamodel.is_relation_many_to_one(name):
                row = self.datamodel.get_related_obj(name, request.args[name])
                if row is not None:
                    found[name] = row
        return found

    def _is_stale(self, form: RowForm, row: Any) -> bool:
        if not hasattr(row, "version"):
            return False
        return as_id(form.version.data or "") != row.version

    def _conflict(self, form: RowForm, row: Any):
        """Show what both changed; what was typed stays, what only the other changed is taken."""
        form.validate()
        if as_id(form.version.data or "") is None:
            form.version.data = "0"
        clashes, taken = merge(db.session(), form, row)
        form.version.data = str(row.version)
        form.version.raw_data = None
        return self._form_page(form, row, 409, clashes=clashes, taken=taken, is_stale=True)

    def _save(self, form: RowForm, row: Any):
        """Write the row and lead to its file; None when something is wrong with the form."""
        if not form.validate():
            return None
        is_new = row not in db.session
        pk = None if is_new else row.id
        try:
            self.write(form, row)
        except DomainError as error:
            db.session.rollback()
            put_beside(form, error)
            return None
        except StaleDataError:
            db.session.rollback()
            return self._conflict(form, self.find(pk))
        except IntegrityError:
            # Lost a race that the checks above had won: somebody took the value meanwhile.
            db.session.rollback()
            put_beside(form, DomainError(_("Somebody changed this list meanwhile; save again.")))
            return None
        text = _("“%(name)s” is created.") if is_new else _("“%(name)s” is saved.")
        flash(text % {"name": str(row)}, "success")
        if request.form.get("_next") == "add":
            return redirect(url_for(f"{self.endpoint}.add"))
        return self.after_save_redirect(row)

    def write(self, form: RowForm, row: Any) -> None:
        """Write a valid form to its row and commit, unless the room or the database refuses."""
        with db.session.no_autoflush:
            for name in self.edit_columns if row in db.session else self.add_columns:
                if name in form:
                    form[name].populate_obj(row, name)
            self._store_photos(form, row)
            self.before_save(row, form)
            self.check(row)
            self.check_unique(row)
        db.session.add(row)
        db.session.flush()
        self.after_save(row, form)
        db.session.commit()

    def after_save(self, row: Any, form: RowForm) -> None:
        """Do what needs the row's number, in the same transaction."""

    def after_save_redirect(self, row: Any):
        """Lead to the file that was saved."""
        return redirect(f"{self.route_base}/show/{row.id}")

    def _store_photos(self, form: RowForm, row: Any) -> None:
        for field in form:
            if not isinstance(field, PhotoField):
                continue
            upload = field.data
            if isinstance(upload, FileStorage) and upload.filename:
                setattr(
                    row,
                    field.name,
                    store_photo(upload.stream, current_app.config["DATA_DIR"], field.name),
                )
            elif request.form.get(f"{field.name}_remove"):
                setattr(row, field.name, None)

    def check_unique(self, row: Any) -> None:
        """Refuse a value that must be unique and is not, the trash included."""
        model = type(row)
        for attribute in model.__mapper__.column_attrs:
            column = attribute.columns[0]
            value = getattr(row, attribute.key)
            if not column.unique or column.primary_key or value is None:
                continue
            query = select(model.id).where(getattr(model, attribute.key) == value)
            if row.id is not None:
                query = query.where(model.id != row.id)
            taken = db.session.scalar(query.execution_options(with_trash=True).limit(1))
            if taken is not None:
                raise DomainError(
                    _("“%(value)s” is already in use.", value=value), field=attribute.key
                )

    def _form_page(self, form: RowForm, row: Any, status: int = 200, **extra: Any):
        is_new = row is None
        page = self.render_template(
            self.add_template if is_new else self.edit_template,
            title=self.add_title if is_new else str(row),
            view=self,
            form=form,
            row=row,
            fieldsets=self.add_fieldsets if is_new else self.edit_fieldsets,
            columns=self.add_columns if is_new else self.edit_columns,
            **extra,
        )
        return page, status


def put_beside(form: RowForm, error: DomainError) -> None:
    """Put a refusal beside the field it is about, else on top of the form."""
    field = form[error.field] if error.field and error.field in form else form.version
    field.errors = [*field.errors, str(error)]
