"""The pages of the export of a list."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Any, cast

from flask import redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy.orm import Session

from app.crud.columns import name_parts
from app.crud.interface import ScopedInterface
from app.crud.limits import time_limit
from app.crud.listing import ListState, limited
from app.crud.table import Table
from app.database import reading, writing
from app.extensions import db
from app.i18n.localized import localize
from app.importexport.copying import export_snapshot
from app.importexport.csv_response import MAX_SECONDS, csv_response, default_delimiter
from app.importexport.exporter import Chosen, Exporter
from app.importexport.fields import CsvField
from app.importexport.importer import Importer, find_importer
from app.log.services import record_security_event
from app.security.actor import current_actor


class ExportPages:
    """Mixin of a ModelView whose model has an importer: export, linked from the list's menu."""

    route_base: str
    render_template: Any
    state: Any
    table: Table
    datamodel: ScopedInterface

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
        """Ask which fields of the filtered list to export."""
        state = self.state()
        return self.render_template(
            "importexport/export.html",
            title=self.importer.export_label,
            view=self,
            state=state,
            pairs=_pairs(state),
            list_labels=[str(field.label) for field in self._list_fields(state)],
            all_labels=[str(field.label) for field in self.importer.export_fields()],
        )

    @expose("/export.csv", methods=["GET", "POST"])
    @has_access
    @permission_name("export")
    def export_file(self):
        """Stream the rows of the filtered list as CSV.

        The export is logged before the first row is sent, so it takes a POST. Of a list without
        filters the header is sent before that: to count a million rows takes a while.
        """
        if request.method == "GET":
            return redirect(f"{self.route_base}/export?{request.query_string.decode()}")
        actor = current_actor()
        with ExitStack() as stack:
            with reading():
                # End the transaction: while rows are chosen, this request must not hold the
                # write lock.
                db.session.commit()
                state = self.state()
                is_all = request.form.get("fields") == "all"
                fields = self.importer.export_fields() if is_all else self._list_fields(state)
                query = self.table.select(state)
                reader = stack.enter_context(export_snapshot(db.session()))
                exporter = Exporter(reader, self.table.model, fields, actor)
                is_whole = not (state.filters or state.q or self.table.is_part)
                with limited(state, actor, session=reader):
                    chosen = exporter.choose(query, is_whole=is_whole)
                details = {
                    "filter": localize(lambda: self.table.describe(state)) or "",
                    "columns": localize(lambda: exporter.labels),
                }
                db.session.commit()
            lines = exporter.blocks(chosen, default_delimiter(), MAX_SECONDS)
            if chosen.ids is None:
                lines = _recorded(lines, partial(self._count_and_record, reader, chosen, details))
            else:
                self._record(chosen, details)
            stem = str(self.importer.label).lower().replace(" ", "-")
            response = csv_response(lines, stem)
            # After the last block, or when the client is gone.
            response.call_on_close(stack.pop_all().close)
            return response

    def _record(self, chosen: Chosen, details: dict[str, Any]) -> None:
        record_security_event(
            db.session(), "exported", current_actor(), name=self.importer.english_label,
            rows=chosen.count, **details,
        )  # fmt: skip
        db.session.commit()

    def _count_and_record(self, reader: Session, chosen: Chosen, details: dict[str, Any]) -> None:
        with time_limit(reader):
            chosen.count  # noqa: B018 - kept by the property
        # What is streamed is read in transactions that may not write.
        with writing():
            self._record(chosen, details)

    def _list_fields(self, state: ListState) -> tuple[CsvField, ...]:
        """Return the fields of the list's columns, first the one that an import matches by."""
        names = [*self.importer.match_rules[0].required_fields]
        for column in state.cols:
            names += name_parts(self.table.model) if column == "name" else [column]
        known = self.importer.export_fields()
        # A column of the list may have another name in a file: that of its field.
        fields = {field.key: field for field in known} | {field.name: field for field in known}
        return tuple(dict.fromkeys(fields[name] for name in names if name in fields))


def _recorded(
    lines: Iterator[str | bytes], record: Callable[[], None]
) -> Generator[str | bytes, None, None]:
    """Yield the header, then record the export, then yield its rows."""
    with closing(cast("Generator[str | bytes, None, None]", lines)):
        yield next(lines)
        record()
        yield from lines


def _pairs(state: ListState) -> list[tuple[str, str]]:
    return [pair for pair in state.pairs() if pair[0] not in ("sort", "size")]
