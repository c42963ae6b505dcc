"""The pages of exporting contacts, part of the screens of contacts."""

from __future__ import annotations

from typing import Any

from flask import redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _

from app.contacts.importers import contact_fields
from app.contacts.models import Contact
from app.crud.listing import ListState, filtered
from app.importexport.exporter import Exporter
from app.importexport.fields import Field
from app.importexport.csv_response import csv_reply, usual_delimiter
from app.extensions import db, reading
from app.log.services import note
from app.security.actor import current_actor

# What a column of the list is called in a file, where the names differ.
_COLUMNS = {"name": ("first_name", "last_name"), "number": ("member_number",)}


class ExportPages:
    """Export, as an Action of the list of contacts."""

    route_base: str
    render_template: Any
    state: Any

    @expose("/export")
    @has_access
    @permission_name("export")
    def export(self):
        """Ask what to export of the list as it is filtered now."""
        state = self.state()
        return self.render_template(
            "exchange/export.html",
            title=_("Export contacts"),
            view=self,
            state=state,
            pairs=_pairs(state),
            chosen=[str(found.label) for found in _list_fields(state)],
            every=[str(found.label) for found in contact_fields()],
        )

    @expose("/export.csv", methods=["GET", "POST"])
    @has_access
    @permission_name("export")
    def export_file(self):
        """Send the contacts the list shows as CSV, while they are being read.

        That somebody took them is noted before the first of them leaves, so it takes a POST.
        """
        if request.method == "GET":
            return redirect(f"{self.route_base}/export?{request.query_string.decode()}")
        actor = current_actor()
        with reading():
            # Counting must not hold the lock that this request's first statement took.
            db.session.commit()
            state = self.state()
            is_all = request.form.get("fields") == "all"
            fields = contact_fields() if is_all else _list_fields(state)
            exporter = Exporter(db.session(), Contact, fields, actor)
            query = filtered(self, state)
            rows = exporter.count(query)
            db.session.commit()
        note(
            db.session(), "exported", actor, name="Contacts", rows=rows,
            filter="&".join(f"{name}={value}" for name, value in _pairs(state) if name != "cols"),
            columns=exporter.labels,
        )  # fmt: skip
        db.session.commit()
        return csv_reply(exporter.lines(query, usual_delimiter()), _("contacts"))


def _pairs(state: ListState) -> list[tuple[str, str]]:
    return [pair for pair in state.pairs() if pair[0] not in ("sort", "size")]


def _list_fields(state: ListState) -> tuple[Field, ...]:
    """Return the fields of the columns the list shows, the number first: rows are found by it."""
    names = ["member_number"]
    for column in state.cols:
        names += _COLUMNS.get(column, (column,))
    by_name = {found.name: found for found in contact_fields()}
    return tuple(by_name[name] for name in dict.fromkeys(names) if name in by_name)
