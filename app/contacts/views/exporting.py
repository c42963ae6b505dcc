"""The pages of the export of contacts."""

from __future__ import annotations

from typing import Any

from flask import redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _

from app.contacts.importers import contact_fields
from app.contacts.models import Contact
from app.crud.listing import ListState, limited
from app.crud.table import Table
from app.database import reading
from app.extensions import db
from app.i18n.localized import localize
from app.importexport.csv_response import csv_response, default_delimiter
from app.importexport.exporter import Exporter
from app.importexport.fields import CsvField
from app.log.services import record_security_event
from app.security.actor import current_actor

# Column of the list → fields of a file, where the names differ.
_FIELDS_BY_COLUMN = {"name": ("first_name", "last_name"), "number": ("member_number",)}


class ExportPages:
    """Mixin of ContactView: export, linked from the list's Actions menu."""

    route_base: str
    render_template: Any
    state: Any
    table: Table

    @expose("/export")
    @has_access
    @permission_name("export")
    def export(self):
        """Ask which fields of the filtered list to export."""
        state = self.state()
        return self.render_template(
            "importexport/export.html",
            title=_("Export contacts"),
            view=self,
            state=state,
            pairs=_pairs(state),
            list_labels=[str(field.label) for field in _list_fields(state)],
            all_labels=[str(field.label) for field in contact_fields()],
        )

    @expose("/export.csv", methods=["GET", "POST"])
    @has_access
    @permission_name("export")
    def export_file(self):
        """Stream the contacts of the filtered list as CSV.

        The export is logged before the first row is sent, so it takes a POST.
        """
        if request.method == "GET":
            return redirect(f"{self.route_base}/export?{request.query_string.decode()}")
        actor = current_actor()
        with reading():
            # End the transaction: while rows are counted, this request must not hold the write lock.
            db.session.commit()
            state = self.state()
            is_all = request.form.get("fields") == "all"
            fields = contact_fields() if is_all else _list_fields(state)
            exporter = Exporter(db.session(), Contact, fields, actor)
            query = self.table.select(state)
            with limited(state, actor):
                rows = exporter.count(query)
            filters = localize(lambda: self.table.describe(state))
            db.session.commit()
        record_security_event(
            db.session(), "exported", actor, name="Contacts", rows=rows,
            filter=filters or "", columns=localize(lambda: exporter.labels),
        )  # fmt: skip
        db.session.commit()
        return csv_response(exporter.lines(query, default_delimiter()), _("contacts"))


def _pairs(state: ListState) -> list[tuple[str, str]]:
    return [pair for pair in state.pairs() if pair[0] not in ("sort", "size")]


def _list_fields(state: ListState) -> tuple[CsvField, ...]:
    """Return the fields of the list's columns, the member number first: an import matches by it."""
    names = ["member_number"]
    for column in state.cols:
        names += _FIELDS_BY_COLUMN.get(column, (column,))
    by_name = {field.name: field for field in contact_fields()}
    return tuple(by_name[name] for name in dict.fromkeys(names) if name in by_name)
