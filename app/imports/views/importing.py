"""The pages of the import into a list."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app, flash, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from werkzeug.datastructures import FileStorage

from app.crud.basepage import ListLink, PageMeta
from app.crud.interface import parse_id
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.i18n.languages import current_language
from app.i18n.places import countries
from app.importexport.csv_response import csv_lines, csv_response
from app.importexport.fields import ForeignKeyField, ManyToManyField
from app.importexport.lookups import EntityLookup
from app.importexport.planning import IGNORE, POLICIES
from app.imports import services
from app.imports.files import convert, store_any_upload
from app.imports.models import ImportIssue, ImportRun
from app.imports.plans import load_plan
from app.imports.problems import (
    PAGE_SIZE,
    count_decisions,
    problem_groups,
    problems,
    read_decisions,
)
from app.imports.rows import rejected_rows
from app.imports.services import PlanChanged
from app.imports.views.exporting import ExportPages
from app.imports.views.steps import (
    begin_check,
    make_plan,
    open_source,
    read_choices,
    report_data,
)
from app.jobs.models import Job
from app.operations.transactions import background_limit, commit_and_run
from app.security.actor import Actor, current_actor
from app.storage.files import find_file
from app.storage.models import StoredFile
from app.text import clean

POLICY_LABELS = {
    "overwrite": _l("Overwrite"),
    "fill": _l("Fill in blanks only"),
    "add": _l("Add to what is there"),
    "erase": _l("Overwrite; empty cells erase"),
}
ENCODINGS = ("utf-8", "cp1252", "iso8859-15", "mac-roman", "utf-16")


class ImportExportPages(ExportPages):
    """Mixin of a ModelView whose model has an importer: import and export.

    They are linked from the list's menu.
    """

    route_base: str
    key: str
    render_template: Any
    state: Any
    can: Any
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

    # Import: upload, map the columns, check, run

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
        return page, 200 if error is None else 422

    def _store_upload(self) -> ImportRun:
        file = request.files.get("file")
        if not isinstance(file, FileStorage) or not file.filename:
            raise DomainError(_("Choose a file."))
        # No transaction is open while the file is written.
        actor = current_actor()
        db.session.commit()
        most = current_app.config["MAX_CONTENT_LENGTH"]
        names = [field.name for field in self.importer.fields()]
        upload = store_any_upload(file.stream, clean(file.filename), most, names)
        run = services.create_run_of(db.session(), self.importer, upload, actor)
        if services.recall_choices(db.session(), run, open_source(run).headers):
            flash(_("The columns are matched as in your last file with these headers."), "info")
        db.session.commit()
        return run

    @expose("/import/<string:token>", methods=["GET", "POST"])
    @has_access
    @permission_name("import")
    def import_columns(self, token: str):
        """Map the columns to fields; then check the file."""
        run = self._find_run(token)
        if run.operation_id is not None or find_file(run.file_key) is None:
            return redirect(f"{self.route_base}/import/{token}/result")
        error: DomainError | None = None
        if request.method == "POST":
            sheet = request.form.get("sheet") or run.sheet
            run.choices = read_choices() | {"repairs": run.choices.get("repairs", {})}
            db.session.commit()
            if sheet != run.sheet:
                error = self._read_sheet(run, sheet or "")
            elif "reread" not in request.form:
                try:
                    begin_check(self.importer, run)
                    return redirect(f"{self.route_base}/import/{token}/check")
                except DomainError as exception:
                    db.session.rollback()
                    error = exception
        return self._columns_page(run, error)

    def _read_sheet(self, run: ImportRun, sheet: str) -> DomainError | None:
        """Go on with the rows of another sheet of the workbook; return why that is not possible."""
        query = select(StoredFile).where(StoredFile.key == run.original_key)
        original = db.session.scalar(query)
        if original is None or sheet not in (run.sheets or ()):
            return DomainError(_("The spreadsheet no longer has this sheet."))
        db.session.expunge(original)
        # No transaction is open while the file is read.
        db.session.commit()
        try:
            upload = convert(original, [field.name for field in self.importer.fields()], sheet)
            services.replace_rows(db.session(), run, upload)
            services.recall_choices(db.session(), run, open_source(run).headers)
            db.session.commit()
        except DomainError as error:
            db.session.rollback()
            return error
        return None

    def _columns_page(self, run: ImportRun, error: DomainError | None):
        actor, choices = current_actor(), run.choices
        try:
            source = open_source(run)
        except DomainError as exception:
            # The chosen encoding or delimiter does not fit the file: go back to the detected ones.
            error = exception
            run.choices = choices | {"encoding": "", "delimiter": ""}
            source = open_source(run)
        plan = make_plan(self.importer, source, actor, {})
        choices = run.choices if error is None else choices
        chosen = choices.get("mapping", {}) if "reread" not in request.form else {}
        page = self.render_template(
            "importexport/columns.html",
            title=self.importer.import_label,
            view=self,
            run=run,
            source=source,
            plan=plan,
            rows=[
                (
                    column,
                    chosen.get(column.header, plan.mapped.get(column.header, IGNORE)),
                    choices.get("policies", {}).get(column.header, POLICIES[0]),
                )
                for column in plan.columns
            ],
            fields=self.importer.fields(),
            match_rules=self.importer.rules,
            encodings=dict.fromkeys([source.encoding, *ENCODINGS]),
            entities=self._entities(actor),
            linked_labels=[
                str(field.label)
                for field in self.importer.fields()
                if isinstance(field, ForeignKeyField | ManyToManyField)
                and field.lookup is not EntityLookup
                and field.model is not self.importer.model
            ],
            entity=choices.get("entity") or str(plan.entity_id),
            match=choices.get("match", ""),
            create_values=choices.get("create_values", False),
            countries=countries(current_language()),
            country=choices.get("country") or plan.country,
            policies=POLICY_LABELS,
            doubtful=choices.get("doubtful", ""),
            day_order=choices.get("day_order", ""),
            ignore=IGNORE,
            error=error,
        )
        return page, 200 if error is None else 422

    def _entities(self, actor: Actor) -> list[tuple[int, str]]:
        """Return (id, text) of the entities that new rows may belong to; none if to none at all."""
        for field in self.importer.fields():
            if field.name == "entity" and isinstance(field, ForeignKeyField):
                lookup = EntityLookup(db.session(), field.model, actor, False)
                texts = lookup.export_texts.items()
                visible = [(pk, text) for pk, text in texts if pk in lookup.visible_ids]
                return sorted(visible, key=lambda pair: pair[1])
        return []

    @expose("/import/<string:token>/check")
    @has_access
    @permission_name("import")
    def import_check(self, token: str):
        """Show what the check found, or how far it is."""
        run = self._find_run(token)
        job = run.check_job
        if run.operation_id is not None or job is None:
            return redirect(f"{self.route_base}/import/{token}")
        if job.state != "done":
            return redirect(f"/jobs/{job.id}/")
        return self._check_page(run)

    def _check_page(self, run: ImportRun, error: DomainError | None = None):
        plan = load_plan(db.session(), run, current_actor())
        report = report_data(run, plan)
        only = request.args.get("only", "")
        after = parse_id(request.args.get("after", "0")) or 0
        found = problems(db.session(), run, only, after)
        if not (self.can("can_show") or self.can("can_edit")):
            # The examples name stored rows and what they hold.
            report["samples"] = []
        headers = {
            field.name: plan.columns[place].header
            for place, field in plan.mapping.items()
            if field is not None
        }
        page = self.render_template(
            "importexport/preview.html",
            title=self.importer.import_label,
            view=self,
            run=run,
            report=report,
            only=only,
            is_first=after == 0,
            problems=found[:PAGE_SIZE],
            next_after=found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else 0,
            groups=problem_groups(db.session(), run, plan) if after == 0 else [],
            repairs=run.choices.get("repairs", {}),
            decisions=count_decisions(run.choices.get("repairs", {})),
            may_restore=self.can("can_delete"),
            labels={field.name: str(field.label) for field in self.importer.fields()},
            headers=headers,
            error=error,
        )
        return page, 200 if error is None else 422

    @expose("/import/<string:token>/repair", methods=["POST"])
    @has_access
    @permission_name("import")
    def import_repair(self, token: str):
        """Decide about problems that the check found, and check the file again."""
        run = self._find_run(token)
        if run.operation_id is not None or run.checked is None:
            return redirect(f"{self.route_base}/import/{token}/result")
        try:
            if "discard" in request.form:
                run.choices = run.choices | {"repairs": {}}
            else:
                plan = load_plan(db.session(), run, current_actor())
                may_restore = self.can("can_delete")
                run.choices = read_decisions(
                    request.form, run.choices, plan, may_restore=may_restore
                )
            db.session.commit()
            begin_check(self.importer, run)
        except DomainError as error:
            db.session.rollback()
            return self._check_page(run, error)
        return redirect(f"{self.route_base}/import/{token}/check")

    @expose("/import/<string:token>/run", methods=["POST"])
    @has_access
    @permission_name("import")
    def import_run(self, token: str):
        """Import what was checked; a second request leads to the same job."""
        # An import creates and edits rows, so it needs the permissions to do so.
        if not (self.can("can_add") and self.can("can_edit")):
            abort(403)
        run = self._find_run(token)
        if run.checked is None:
            return redirect(f"{self.route_base}/import/{token}")
        given, limit = request.form.get("plan_hash", ""), background_limit()
        try:
            job = services.confirm(
                db.session(), run, given, self.key, current_actor(), at_once=limit
            )
        except PlanChanged as error:
            db.session.rollback()
            flash(str(error), "warning")
            return redirect(f"{self.route_base}/import/{token}")
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
            return redirect(f"{self.route_base}/import/{token}/check")
        return redirect(f"/jobs/{commit_and_run(job, limit).id}/")

    @expose("/import/<string:token>/result")
    @has_access
    @permission_name("import")
    def import_result(self, token: str):
        """Lead to the page of the job that imports the file."""
        run = self._find_run(token)
        if run.operation is not None and run.operation.job_id is not None:
            return redirect(f"/jobs/{run.operation.job_id}/")
        if find_file(run.file_key) is None:
            flash(_("The file of this import is gone. Upload it again."), "warning")
            return redirect(f"{self.route_base}/import")
        return redirect(f"{self.route_base}/import/{token}")

    @expose("/import/<string:token>/failed.csv")
    @has_access
    @permission_name("import")
    def import_failed(self, token: str):
        """Download the rejected rows, to be corrected and imported again."""
        run = self._find_run(token)
        has_any = select(ImportIssue.id).where(ImportIssue.run_id == run.id).limit(1)
        if find_file(run.file_key) is None or db.session.scalar(has_any) is None:
            abort(404)
        with reading():
            rows = rejected_rows(db.session(), run)
            return csv_response(csv_lines(rows, (run.plan or {})["delimiter"]), _("to-correct"))

    @expose("/import/<string:token>/cancel", methods=["POST"])
    @has_access
    @permission_name("import")
    def import_cancel(self, token: str):
        """Delete the uploaded file without importing it."""
        run = self._find_run(token)
        try:
            services.discard(db.session(), run)
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
            return redirect(f"{self.route_base}/import/{token}/result")
        db.session.commit()
        flash(_("Import cancelled. Nothing was changed."), "success")
        return redirect(f"{self.route_base}/list/")

    @expose("/import/<string:token>/undo", methods=["POST"])
    @has_access
    @permission_name("import")
    def import_undo(self, token: str):
        """Undo an import, one's own or, as an administrator, a colleague's."""
        actor = current_actor()
        named = (ImportRun.token == token, ImportRun.importer == self.importer.name)
        run = db.session.scalar(select(ImportRun).where(*named))
        if run is None or not services.may_undo_import(actor, run, self.importer.model):
            if run is None or run.actor_id != actor.id:
                abort(404)
            flash(_("You no longer have permission to do this."), "danger")
            return redirect(f"{self.route_base}/import/{token}/result")
        limit = background_limit()
        try:
            job: Job = services.undo(db.session(), run, actor, at_once=limit)
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
            return redirect(f"{self.route_base}/import/{token}/result")
        return redirect(f"/jobs/{commit_and_run(job, limit).id}/")

    def _find_run(self, token: str) -> ImportRun:
        run = services.find_run(db.session(), token, self.importer.name, current_actor())
        if run is None:
            abort(404)
        return run
