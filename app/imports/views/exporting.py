"""The pages of the export of a list."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import IO, Any, cast
from urllib.parse import urlencode

from flask import Response, abort, flash, redirect, render_template, request, send_file
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_login import current_user
from sqlalchemy.orm import Session

from app.crud.interface import ScopedInterface, parse_id
from app.crud.limits import time_limit
from app.crud.listing import decode_query, encode_query
from app.crud.screens import Screen
from app.crud.table import Table
from app.database import reading, writing
from app.errors import DomainError
from app.extensions import db
from app.importexport.copying import export_snapshot
from app.importexport.csv_response import MAX_SECONDS, csv_response, default_delimiter
from app.importexport.exporter import Chosen, Exporter
from app.importexport.fields import CsvField
from app.importexport.formats import CsvFormat, formats_of, write_rows
from app.importexport.importer import Importer, find_importer
from app.importexport.slots import download_slot
from app.imports import exports
from app.imports.exports import ExportChoice, FormState
from app.imports.views.presets import ExportPresetPages, Preset
from app.log.services import record_security_event
from app.operations.selection import OutOfScope, Selection
from app.operations.services import record_out_of_scope
from app.security.actor import current_actor
from app.storage.files import find_file


class ExportPages(ExportPresetPages):
    """Mixin of a ModelView whose model has an importer: export, linked from the list's menu."""

    route_base: str
    key: str
    render_template: Any
    state: Any
    table: Table
    datamodel: ScopedInterface
    # The list has a button for the export of what is ticked.
    exports_selection = True

    @property
    def importer(self) -> Importer:
        """Return the importer of the model."""
        importer = find_importer(self.datamodel.obj)
        assert importer is not None, f"{self.datamodel.obj} has no importer"
        return importer

    @expose("/export")
    @has_access
    @permission_name("export")
    def export(self):
        """Ask which columns of the filtered list to export, and in which format."""
        preset = self.find_preset(request.args.get("preset", ""))
        self.state()
        selection = Selection(
            cast(Screen, self), None, self._with_columns(encode_query(request.args))
        )
        shown = exports.form_state(request.args if preset is None else preset.form())
        if preset is None:
            shown = shown._replace(has_ids=True)
        return self.export_page(selection, shown, preset=preset)

    @expose("/export/selection", methods=["POST"])
    @has_access
    @permission_name("export")
    def export_selection(self):
        """Ask the same for the rows that are ticked in the list."""
        try:
            selection = Selection.from_form(cast(Screen, self), request.form)
            selection.check(current_actor())
            selection = replace(selection, on=self._with_columns(selection.on))
        except DomainError as error:
            return self.refuse_selection(error)
        shown = exports.form_state(request.form)._replace(has_ids=True)
        return self.export_page(selection, shown)

    def _with_columns(self, on: str) -> str:
        """Return the query string of a list with the columns that the user sees there."""
        pairs = [pair for pair in decode_query(on.removeprefix("?")) if pair[0] != "preset"]
        mine = (current_user.preferences or {}).get(self.key, {}).get("cols") or ()
        known = [name for name in mine if name in self.table.columns]
        if known and "cols" not in dict(pairs):
            pairs.append(("cols", ",".join(known)))
        return urlencode(pairs)

    def refuse_selection(self, error: DomainError) -> Any:
        """Say that rows are out of scope, which is recorded; or what else is wrong on the list."""
        db.session.rollback()
        if isinstance(error, OutOfScope):
            ids = tuple(filter(None, map(parse_id, request.form.getlist("rowid"))))
            selection = Selection(cast(Screen, self), ids)
            record_out_of_scope(db.session(), "export", selection, current_actor())
            db.session.commit()
            page = render_template(
                "operations/refused.html", text=str(error), list_url=f"{self.route_base}/list/"
            )
            return page, 403
        flash(str(error), "warning")
        return redirect(f"{self.route_base}/list/")

    def export_page(
        self,
        selection: Selection,
        shown: FormState,
        *,
        preset: Preset | None = None,
        error: DomainError | None = None,
    ) -> Any:
        """Render the form of an export."""
        known, state = self.importer.export_fields(), selection.state()
        listed = exports.list_fields(self.importer, state)
        page = self.render_template(
            "importexport/export.html",
            title=self.importer.export_label,
            view=self,
            state=state,
            selection=selection,
            words=selection.describe(),
            query=selection.on.removeprefix("?"),
            shown=shown,
            formats=formats_of(known),
            list_labels=[str(field.label) for field in listed],
            all_labels=[str(field.label) for field in known],
            choosable=_in_order(known, shown.names or [field.name for field in listed]),
            chosen=shown.names or [field.name for field in listed],
            preset=preset,
            presets=self.presets(),
            error=error,
            most=exports.MAX_DIRECT_ROWS,
        )
        return page, 200 if error is None else 422

    def export_selection_of(self, form: Any) -> Selection:
        """Return the rows that the form of an export is about."""
        if form.getlist("rowid") or form.get("all"):
            selection = Selection.from_form(cast(Screen, self), form)
            selection.check(current_actor())
            return replace(selection, on=self._with_columns(selection.on))
        on = form.get("on") or request.query_string.decode()
        return Selection(cast(Screen, self), None, self._with_columns(on))

    @expose("/export.csv", methods=["GET", "POST"])
    @has_access
    @permission_name("export")
    def export_file(self):
        """Send the rows of the list or of a selection as a file, or start the job that makes it.

        The export is logged before the first row is sent, so it takes a POST. Of a list without
        filters the header is sent before that: to count a million rows takes a while.
        """
        if request.method == "GET":
            return redirect(f"{self.route_base}/export?{request.query_string.decode()}")
        try:
            selection = self.export_selection_of(request.form)
        except DomainError as error:
            return self.refuse_selection(error)
        try:
            choice = exports.read_choice(self.importer, selection, request.form)
            if choice.is_background:
                return self._start(choice)
            if choice.format is CsvFormat:
                return self._stream(choice)
            return self._send(choice)
        except DomainError as error:
            if error.status != DomainError.status:
                raise
            db.session.rollback()
            return self.export_page(selection, exports.form_state(request.form), error=error)

    def _start(self, choice: ExportChoice) -> Any:
        job = exports.start_export(db.session(), self.importer, choice, current_actor())
        db.session.commit()
        return redirect(f"/jobs/{job.id}/")

    def _stream(self, choice: ExportChoice) -> Response:
        """Stream the rows as CSV."""
        actor = current_actor()
        with ExitStack() as stack:
            with reading():
                # End the transaction: while rows are chosen, this request must not hold the
                # write lock.
                db.session.commit()
                reader = stack.enter_context(export_snapshot(db.session()))
                exporter = Exporter(reader, self.table.model, choice.fields, actor)
                chosen = exports.choose_rows(choice, reader, exporter, actor, needs_ids=False)
                details = exports.details_of(choice)
                db.session.commit()
            lines = exporter.blocks(chosen, default_delimiter(), MAX_SECONDS)
            if chosen.ids is None:
                lines = _recorded(lines, partial(self._count_and_record, reader, chosen, details))
            else:
                self._record(chosen.count, details)
            stem = str(self.importer.label).lower().replace(" ", "-")
            response = csv_response(lines, stem)
            # After the last block, or when the client is gone.
            response.call_on_close(stack.pop_all().close)
            return response

    def _send(self, choice: ExportChoice) -> Any:
        """Send a file of few rows; for more a job makes it."""
        actor = current_actor()
        with download_slot(actor), tempfile.TemporaryFile() as file:
            with reading():
                db.session.commit()
                session = db.session()
                exporter = Exporter(session, self.table.model, choice.fields, actor)
                chosen = exports.choose_rows(choice, session, exporter, actor, needs_ids=True)
                assert chosen.ids is not None
                is_small = len(chosen.ids) <= exports.MAX_DIRECT_ROWS
                if is_small:
                    write_rows(choice.format(file, choice.fields), exporter.cell_rows(chosen.ids))
                db.session.commit()
            if not is_small:
                return self._start(choice)
            self._record(chosen.count, exports.details_of(choice))
            return _attachment(file, exports.file_name(self.importer, choice.format), choice)

    @expose("/export/files/<pk>")
    @has_access
    @permission_name("export")
    def export_download(self, pk: str):
        """Send the file that a job has made to whom it was made for."""
        actor = current_actor()
        export = exports.find_export(db.session(), parse_id(pk) or 0, self.importer.name, actor)
        if export is None:
            abort(404)
        path = find_file(export.file_key or "")
        if path is None or exports.why_not_downloaded(export, actor, self.importer.model):
            # The page of the process says why.
            if export.job_id is None:
                abort(404)
            return redirect(f"/jobs/{export.job_id}/")
        return send_file(
            path, mimetype="application/octet-stream", as_attachment=True,
            download_name=export.file_name, max_age=0,
        )  # fmt: skip

    def _record(self, count: int, details: dict[str, Any]) -> None:
        record_security_event(
            db.session(), "exported", current_actor(), name=self.importer.english_label,
            rows=count, **details,
        )  # fmt: skip
        db.session.commit()

    def _count_and_record(self, reader: Session, chosen: Chosen, details: dict[str, Any]) -> None:
        with time_limit(reader):
            chosen.count  # noqa: B018 - kept by the property
        # What is streamed is read in transactions that may not write.
        with writing():
            self._record(chosen.count, details)


def _attachment(file: IO[bytes], name: str, choice: ExportChoice) -> Response:
    """Return a small file as a download."""
    file.seek(0)
    response = Response(file.read(), content_type=choice.format.mime)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _recorded(
    lines: Iterator[str | bytes], record: Callable[[], None]
) -> Generator[str | bytes, None, None]:
    """Yield the header, then record the export, then yield its rows."""
    with closing(cast("Generator[str | bytes, None, None]", lines)):
        yield next(lines)
        record()
        yield from lines


def _in_order(known: tuple[CsvField, ...], names: list[str]) -> list[CsvField]:
    """Return the fields, first those with these names in that order."""
    places = {name: place for place, name in enumerate(names)}
    return sorted(known, key=lambda field: places.get(field.name, len(places)))
