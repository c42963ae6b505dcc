"""The pages of the import of contacts."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, ClassVar

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

from app import organisation
from app.contacts.importers import ContactImporter
from app.contacts.views.exporting import ExportPages
from app.crud.basepage import ListLink, PageMeta
from app.crud.lookup import get_add_view
from app.entities.models import Entity
from app.errors import DomainError
from app.extensions import db
from app.importexport.importer import IGNORE, ImportOptions, ImportPlan
from app.importexport.lookups import EntityLookup
from app.importexport.progress import ImportProgress
from app.importexport.reading import Source
from app.importexport.rejected_rows import RejectedRowsFile
from app.importexport.report import OUTCOMES, Report
from app.importexport.running import run_import
from app.importexport.slots import import_slot
from app.importexport.uploads import NotWritable, Upload, find_upload, store_upload
from app.logs import log_error
from app.security.actor import Actor, current_actor
from app.text import clean
from app.types import now

logger = logging.getLogger(__name__)

MAX_SHOWN_ERRORS = 200
ENCODINGS = ("utf-8", "cp1252", "iso8859-15", "mac-roman", "utf-16")


class ImportExportPages(ExportPages):
    """Mixin of ContactView: import and export, linked from the list's Actions menu."""

    route_base: str
    render_template: Any
    state: Any
    list_links: ClassVar[tuple[ListLink, ...]] = (
        ListLink(_l("Import"), "/contacts/import", "upload", "can_import", keeps_query=False),
        ListLink(_l("Export"), "/contacts/export", "download", "can_export", keeps_query=True),
    )
    read_permissions = PageMeta.read_permissions | {"can_export"}

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
            title=_("Import contacts"),
            view=self,
            error=error,
            most=current_app.config["MAX_CONTENT_LENGTH"] // (1024 * 1024),
        )
        return page, _status(error)

    def _store_upload(self) -> Upload:
        file = request.files.get("file")
        if not isinstance(file, FileStorage) or not file.filename:
            raise DomainError(_("Choose a file."))
        actor = current_actor()
        upload = store_upload(
            file.stream, clean(file.filename), actor.id or 0, current_app.config["DATA_DIR"]
        )
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
            upload.state["choices"] = _choices()
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
            source = _source(upload)
        except DomainError as exception:
            # The chosen encoding or delimiter does not fit the file: go back to the detected ones.
            error = exception
            choices |= {"encoding": "", "delimiter": ""}
            upload.save()
            source = _source(upload)
        plan = _plan(source, actor, {})
        lookup = EntityLookup(db.session(), Entity, actor, False)
        entities = [
            (pk, text) for pk, text in lookup.export_texts.items() if pk in lookup.visible_ids
        ]
        chosen = choices.get("mapping", {}) if "reread" not in request.form else {}
        page = self.render_template(
            "importexport/columns.html",
            title=_("Import contacts"),
            view=self,
            upload=upload,
            source=source,
            plan=plan,
            rows=[
                (column, chosen.get(column.header, plan.mapped.get(column.header, IGNORE)))
                for column in plan.columns
            ],
            fields=ContactImporter().fields(),
            match_rules=ContactImporter.match_rules,
            encodings=dict.fromkeys([source.encoding, *ENCODINGS]),
            entities=sorted(entities, key=lambda pair: pair[1]),
            entity=choices.get("entity") or str(plan.entity_id),
            match=choices.get("match", plan.match.name),
            create_values=choices.get("create_values", False),
            ignore=IGNORE,
            error=error,
        )
        return page, _status(error)

    def _dry_run(self, upload: Upload) -> None:
        actor = current_actor()
        source = _source(upload)
        plan = _plan(source, actor, upload.state["choices"])
        session = db.session()
        with RejectedRowsFile(upload.rejected_path, source.headers, source.delimiter) as rejected:
            report = run_import(
                session, source, plan, actor, dry_run=True, on_rejected=rejected.add
            )
        if not (self.can("can_show") or self.can("can_edit")):
            # The examples name stored rows and what they hold.
            report.samples = []
        upload.state["report"] = _report_data(report, plan)
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
        # An import creates and edits contacts, so it needs the permissions to do so.
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
            source = _source(upload, upload.claimed_path)
            plan = _plan(source, current_actor(), upload.state["choices"])
            with RejectedRowsFile(
                upload.rejected_path, source.headers, source.delimiter
            ) as rejected:
                report = run_import(
                    db.session(), source, plan, current_actor(),
                    on_rejected=rejected.add, progress=progress,
                )  # fmt: skip
            upload.state["result"] = _report_data(report, plan)
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
            upload.state["result"] = _interrupted(upload, progress.to_dict(), _reason(error))
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
            upload.state["result"] = _interrupted(upload, upload.load_progress(), "")
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
        upload = find_upload(token, current_actor().id or 0, current_app.config["DATA_DIR"])
        if upload is None:
            abort(404)
        return upload

    def _report_page(self, template: str, upload: Upload):
        key = "result" if template.endswith("result.html") else "report"
        report = upload.state[key]
        labels = {field.name: str(field.label) for field in ContactImporter().fields()}
        return self.render_template(
            template,
            title=_("Import contacts"),
            view=self,
            upload=upload,
            report=report,
            labels=labels,
            has_rejected=upload.rejected_path.exists(),
        )


def _status(error: DomainError | None) -> int:
    """Return the status of a page with an error: 507 if the disk is full."""
    if error is None:
        return 200
    return 507 if isinstance(error, NotWritable) else 422


def _reason(error: BaseException) -> str:
    """Return why an import ended early, for its owner; log what is a fault of the program."""
    if isinstance(error, DomainError):
        return str(error)
    if isinstance(error, OperationalError):
        return _("The database is not responding")
    if isinstance(error, OSError):
        return str(NotWritable())
    if not isinstance(error, Exception):
        return _("The program was stopped.")
    reference = log_error(logger, error, "an import failed")
    return _("Something went wrong. Tell your administrator: error %(reference)s.",
             reference=reference)  # fmt: skip


def _interrupted(upload: Upload, progress: dict[str, Any], reason: str) -> dict[str, Any]:
    """Return the report of an import that ended early."""
    counts = dict.fromkeys(OUTCOMES, 0) | progress.get("counts", {})
    place = {"row": progress.get("row", 0), "until": progress.get("until", 0)}
    match = upload.state.get("report", {}).get("match", "")
    return counts | {
        "rows": sum(counts.values()),
        "match": match,
        "interrupted": place | {"reason": reason},
    }


def _choices() -> dict[str, Any]:
    """Return the choices made on the page of columns."""
    headers = request.form.getlist("header")
    fields = request.form.getlist("field")
    return {
        "mapping": dict(zip(headers, fields, strict=False)),
        "match": request.form.get("match", ""),
        "create_values": bool(request.form.get("create_values")),
        "entity": request.form.get("entity", ""),
        "encoding": request.form.get("encoding", ""),
        "delimiter": request.form.get("delimiter", ""),
    }


def _source(upload: Upload, path: Any = None) -> Source:
    choices = upload.state.get("choices", {})
    return Source(
        path or upload.path,
        encoding=choices.get("encoding") or None,
        delimiter=choices.get("delimiter") or None,
    )


def _plan(source: Source, actor: Actor, choices: dict[str, Any]) -> ImportPlan:
    options = ImportOptions(
        country=organisation.country(),
        mapping=choices.get("mapping", {}),
        match=choices.get("match", ""),
        create_values=choices.get("create_values", False),
        entity=choices.get("entity", ""),
        may_create=lambda model: get_add_view(model) is not None,
    )
    # End the transaction: while the file is read, this request must not hold the write lock.
    db.session.commit()
    return ContactImporter().build_plan(db.session(), source, actor, options)


def _report_data(report: Report, plan: ImportPlan) -> dict[str, Any]:
    """Return the report in the form the templates show."""
    data = report.to_dict()
    count = len(data["errors"]) + report.errors_left_off
    return data | {
        "errors": data["errors"][:MAX_SHOWN_ERRORS],
        "problems": count,
        "samples": report.samples,
        "mapping": plan.mapped,
        "ignored": plan.ignored,
        "match": str(plan.match.label),
    }
