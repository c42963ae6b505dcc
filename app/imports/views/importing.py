"""The pages of the import into a list."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import (
    abort,
    current_app,
    flash,
    redirect,
    request,
    send_file,
)
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import OperationalError
from werkzeug.datastructures import FileStorage

from app.crud.basepage import ListLink, PageMeta
from app.errors import DomainError
from app.extensions import db
from app.importexport.fields import ForeignKeyField, ManyToManyField
from app.importexport.lookups import EntityLookup
from app.importexport.planning import IGNORE
from app.importexport.progress import ImportProgress
from app.importexport.reading import Source
from app.importexport.rejected_rows import RejectedRowsFile
from app.importexport.running import run_import
from app.importexport.slots import import_slot
from app.importexport.uploads import NotWritable, Upload, find_upload, store_upload
from app.imports.views.exporting import ExportPages
from app.imports.views.steps import (
    build_plan,
    end_reason,
    error_status,
    interrupted_report,
    open_source,
    read_choices,
    report_data,
)
from app.security.actor import Actor, current_actor
from app.text import clean
from app.types import now

ENCODINGS = ("utf-8", "cp1252", "iso8859-15", "mac-roman", "utf-16")


class ImportExportPages(ExportPages):
    """Mixin of a ModelView whose model has an importer: import and export.

    They are linked from the list's menu.
    """

    route_base: str
    render_template: Any
    state: Any
    read_permissions = PageMeta.read_permissions | {"can_export"}

    @property
    def list_links(self) -> tuple[ListLink, ...]:
        """Return the links in the list's menu."""
        import_url, export_url = f"{self.route_base}/import", f"{self.route_base}/export"
        return (
            ListLink(
                _l("Import"), import_url, "upload", "can_import", keeps_query=False,
                full_label=self.importer.import_label,
            ),
            ListLink(_l("Export"), export_url, "download", "can_export", keeps_query=True),
        )  # fmt: skip

    # Import: upload, map the columns, preview, run

    @expose("/import", methods=["GET", "POST"])
    @has_access
    @permission_name("import")
    def import_(self):
        """Upload the file."""
        error: DomainError | None = None
        if request.method == "POST":
            try:
                return redirect(f"{self.route_base}/import/{self._store_upload().token}")
            except DomainError as exception:
                error = exception
        page = self.render_template(
            "importexport/upload.html",
            title=self.importer.import_label,
            view=self,
            error=error,
            most=current_app.config["MAX_CONTENT_LENGTH"] // (1024 * 1024),
        )
        return page, error_status(error)

    def _store_upload(self) -> Upload:
        file = request.files.get("file")
        if not isinstance(file, FileStorage) or not file.filename:
            raise DomainError(_("Choose a file."))
        actor = current_actor()
        folder = current_app.config["DATA_DIR"]
        name = clean(file.filename)
        upload = store_upload(file.stream, name, self.importer.name, actor.id or 0, folder)
        try:
            Source(upload.path)
        except DomainError:
            upload.remove()
            raise
        return upload

    @expose("/import/<string:token>", methods=["GET", "POST"])
    @has_access
    @permission_name("import")
    def import_columns(self, token: str):
        """Map the columns to fields; then run the import as a dry run."""
        upload = self._upload(token)
        if not upload.path.exists():
            return redirect(f"{self.route_base}/import/{token}/result")
        error: DomainError | None = None
        if request.method == "POST":
            upload.state["choices"] = read_choices()
            try:
                upload.save()
                if "reread" not in request.form:
                    with import_slot():
                        self._dry_run(upload)
                    return redirect(f"{self.route_base}/import/{token}/check")
            except OSError:
                db.session.rollback()
                error = NotWritable()
            except DomainError as exception:
                db.session.rollback()
                error = exception
        return self._columns_page(upload, error)

    def _columns_page(self, upload: Upload, error: DomainError | None):
        actor = current_actor()
        choices = upload.state.get("choices", {})
        try:
            source = open_source(upload)
        except DomainError as exception:
            # The chosen encoding or delimiter does not fit the file: go back to the detected ones.
            error = exception
            choices |= {"encoding": "", "delimiter": ""}
            upload.save()
            source = open_source(upload)
        plan = build_plan(self.importer, source, actor, {})
        entities = self._entities(actor)
        chosen = choices.get("mapping", {}) if "reread" not in request.form else {}
        page = self.render_template(
            "importexport/columns.html",
            title=self.importer.import_label,
            view=self,
            upload=upload,
            source=source,
            plan=plan,
            rows=[
                (column, chosen.get(column.header, plan.mapped.get(column.header, IGNORE)))
                for column in plan.columns
            ],
            fields=self.importer.fields(),
            match_rules=self.importer.match_rules,
            encodings=dict.fromkeys([source.encoding, *ENCODINGS]),
            entities=entities,
            linked_labels=[
                str(field.label)
                for field in self.importer.fields()
                if isinstance(field, ForeignKeyField | ManyToManyField)
                and field.lookup is not EntityLookup
            ],
            entity=choices.get("entity") or str(plan.entity_id),
            match=choices.get("match", plan.match.name),
            create_values=choices.get("create_values", False),
            ignore=IGNORE,
            error=error,
        )
        return page, error_status(error)

    def _entities(self, actor: Actor) -> list[tuple[int, str]]:
        """Return (id, text) of the entities that new rows may belong to; none if to none at all."""
        for field in self.importer.fields():
            if field.name == "entity" and isinstance(field, ForeignKeyField):
                lookup = EntityLookup(db.session(), field.model, actor, False)
                texts = lookup.export_texts.items()
                visible = [(pk, text) for pk, text in texts if pk in lookup.visible_ids]
                return sorted(visible, key=lambda pair: pair[1])
        return []

    def _dry_run(self, upload: Upload) -> None:
        actor = current_actor()
        source = open_source(upload)
        plan = build_plan(self.importer, source, actor, upload.state["choices"])
        session = db.session()
        with RejectedRowsFile(upload.rejected_path, source.headers, source.delimiter) as rejected:
            report = run_import(
                session, source, plan, actor, dry_run=True, on_rejected=rejected.add
            )
        if not (self.can("can_show") or self.can("can_edit")):
            # The examples name stored rows and what they hold.
            report.samples = []
        upload.state["report"] = report_data(report, plan)
        upload.save()

    @expose("/import/<string:token>/check")
    @has_access
    @permission_name("import")
    def import_check(self, token: str):
        """Show the result of the dry run."""
        upload = self._upload(token)
        if not upload.path.exists() or "report" not in upload.state:
            return redirect(f"{self.route_base}/import/{token}")
        return self._report_page("importexport/preview.html", upload)

    @expose("/import/<string:token>/run", methods=["POST"])
    @has_access
    @permission_name("import")
    def import_run(self, token: str):
        """Run the import; a second request for the same upload does nothing."""
        # An import creates and edits rows, so it needs the permissions to do so.
        if not (self.can("can_add") and self.can("can_edit")):
            abort(403)
        upload = self._upload(token)
        if "report" not in upload.state:
            return redirect(f"{self.route_base}/import/{token}")
        if upload.path.exists():
            try:
                with import_slot(), upload.running():
                    self._run(upload)
            except DomainError as error:
                flash(str(error), "danger")
                return redirect(f"{self.route_base}/import/{token}/check")
        return redirect(f"{self.route_base}/import/{token}/result")

    def _run(self, upload: Upload) -> None:
        """Import the file unless another request has taken it; store the result.

        Whatever ends the import after its first chunk is stored as its result. Raise
        DomainError if no row was imported: the file waits again.
        """
        if not upload.claim():
            return
        progress = ImportProgress(upload.save_progress)
        try:
            source = open_source(upload, upload.claimed_path)
            plan = build_plan(self.importer, source, current_actor(), upload.state["choices"])
            with RejectedRowsFile(
                upload.rejected_path, source.headers, source.delimiter
            ) as rejected:
                report = run_import(
                    db.session(), source, plan, current_actor(),
                    on_rejected=rejected.add, progress=progress,
                )  # fmt: skip
            upload.state["result"] = report_data(report, plan)
            upload.save()
            upload.claimed_path.unlink(missing_ok=True)
        except BaseException as error:
            db.session.rollback()
            if not isinstance(error, OperationalError):
                # A connection that is lost during the commit leaves it open whether it was done.
                progress.until = progress.row
            if isinstance(error, DomainError) and not progress.has_begun:
                upload.claimed_path.rename(upload.path)
                raise
            upload.state["result"] = interrupted_report(
                upload, progress.to_dict(), end_reason(error)
            )
            with suppress(OSError):
                upload.save()
            if not isinstance(error, Exception):
                raise

    @expose("/import/<string:token>/result")
    @has_access
    @permission_name("import")
    def import_result(self, token: str):
        """Show the result of the import."""
        upload = self._upload(token)
        if "result" not in upload.state:
            if upload.path.exists():
                return redirect(f"{self.route_base}/import/{token}")
            if upload.is_running():
                flash(_("This import is still running. Reload the page in a moment."), "info")
                return redirect(f"{self.route_base}/list/")
            # Its process was ended, or could not write the result.
            upload.state["result"] = interrupted_report(upload, upload.load_progress(), "")
        return self._report_page("importexport/result.html", upload)

    @expose("/import/<string:token>/failed.csv")
    @has_access
    @permission_name("import")
    def import_failed(self, token: str):
        """Download the rejected rows, to be corrected and imported again."""
        upload = self._upload(token)
        if not upload.rejected_path.exists():
            abort(404)
        stem = _("to-correct")
        return send_file(
            upload.rejected_path,
            mimetype="text/csv",
            as_attachment=True,
            download_name=f"{stem}-{now():%Y-%m-%d}.csv",
        )

    @expose("/import/<string:token>/cancel", methods=["POST"])
    @has_access
    @permission_name("import")
    def import_cancel(self, token: str):
        """Delete the uploaded file without importing it."""
        upload = self._upload(token)
        # Taken, so that no other request can begin to import it.
        if not upload.claim():
            flash(_("This import has already started, so it can’t be cancelled."), "danger")
            return redirect(f"{self.route_base}/import/{token}/result")
        upload.remove()
        flash(_("Import cancelled. Nothing was changed."), "success")
        return redirect(f"{self.route_base}/list/")

    def _upload(self, token: str) -> Upload:
        owner_id, folder = current_actor().id or 0, current_app.config["DATA_DIR"]
        upload = find_upload(token, self.importer.name, owner_id, folder)
        if upload is None:
            abort(404)
        return upload

    def _report_page(self, template: str, upload: Upload):
        key = "result" if template.endswith("result.html") else "report"
        report = upload.state[key]
        labels = {field.name: str(field.label) for field in self.importer.fields()}
        return self.render_template(
            template,
            title=self.importer.import_label,
            view=self,
            upload=upload,
            report=report,
            labels=labels,
            has_rejected=upload.rejected_path.exists(),
        )
