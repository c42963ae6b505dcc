"""Settings → Custom fields."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import abort, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.crud.forms import RowForm
from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.crud.screens import may
from app.customfields.conversion import (
    cancel_conversion,
    confirm_conversion,
    misfit_lines,
    open_conversion,
    start_conversion,
    undo_conversion,
)
from app.customfields.kinds import KINDS, MAX_INDEXES
from app.customfields.models import SUBJECTS, CustomField
from app.customfields.services import complete_field, follow_change, slot_counts
from app.errors import DomainError
from app.extensions import db
from app.i18n.counted import Counted
from app.i18n.localized import localize
from app.importexport.csv_response import csv_lines, csv_response, default_delimiter
from app.log.services import record_security_event
from app.security.actor import current_actor
from app.security.areas import Area
from app.subjects import model_named

DECISIONS = {
    "confirm": confirm_conversion, "cancel": cancel_conversion, "undo": undo_conversion,
}  # fmt: skip


class CustomFieldView(ModelView):
    """Fields that the organisation adds to contacts and accounts."""

    datamodel = ScopedInterface(CustomField).where(CustomField.is_emptied.is_(False))
    route_base = "/custom-fields"
    api = trash = True
    list_template = "customfields/list.html"
    can_be_purged = False
    trash_note = _l(
        "This field was removed. Its values are kept for 30 days: restore it to have them back."
    )
    label = _l("Custom fields")
    singular = _l("Custom field")
    counted = Counted("%(num)s custom field", "%(num)s custom fields")
    add_title = _l("New custom field")
    all_label = _l("All custom fields")
    add_first_label = _l("Add your first custom field.")
    icon = "ui-checks"
    shows_icon = True
    category = "Settings"
    order = 12
    area = Area.SETTINGS
    title_parts = ("label",)
    list_columns: ClassVar[Any] = [
        "name", "subject", "kind", "is_required", "in_filters", "is_sortable", "portal",
    ]  # fmt: skip
    more_columns = (
        "label_en",
        "label_es",
        "is_personal",
        "identifies",
        "created_at",
        "updated_at",
    )
    label_columns: ClassVar[dict[str, Any]] = {
        "name": _l("Name"), "created_at": _l("Created"), "updated_at": _l("Last changed"),
    }  # fmt: skip
    search_columns: ClassVar[Any] = ["subject", "kind", "label_en", "label_es", "portal"]
    description_columns: ClassVar[dict[str, Any]] = {
        "position": _l("Fields stand in this order. 0: after all others."),
        "kind": _l("It can be converted to another kind later."),
        "section_en": _l(
            "Fields with the same section stand together. Without one they stand under “More details”."
        ),
        "is_sortable": _l("Needs an index, which makes saving a little slower."),
        "identifies": _l("Such as a licence number, which no two have. Needs an index, too."),
        "validity_months": _l(
            "For dates: 0 if the date itself is the last day; 12 if it holds for a year from then."
        ),
        "contact_types": _l("Empty: for all types."),
        "options": _l(
            "An option that is removed stays in the log, but no contact or account can have it any more."
        ),
    }
    add_fieldsets: ClassVar[Any] = [
        (_l("Field"), {"fields": ["subject", "kind", "label_en", "label_es", "help_en", "help_es"]}),
        (_l("Options"), {"fields": ["options"]}),
        (_l("Place"), {"fields": ["section_en", "section_es", "position", "contact_types"]}),
        (_l("Use"), {"fields": [
            "is_required", "in_filters", "is_sortable", "identifies", "portal", "is_personal",
        ]}),
        (_l("Validity"), {"fields": ["validity_months", "warn_days"]}),
    ]  # fmt: skip
    edit_fieldsets: ClassVar[Any] = [
        (_l("Field"), {"fields": ["label_en", "label_es", "help_en", "help_es"]}),
        *add_fieldsets[1:],
    ]
    show_fieldsets = add_fieldsets
    order_by: ClassVar[dict[str, str]] = {"name": "position", "position": "position"}
    base_sort = "position"
    shown_if: ClassVar[dict[str, dict[str, tuple[Any, ...]]]] = {
        "options": {"kind": tuple(name for name, kind in KINDS.items() if kind.has_options)},
        "is_required": {"kind": tuple(name for name, kind in KINDS.items() if not kind.is_file)},
        "is_sortable": {"kind": tuple(name for name, kind in KINDS.items() if kind.is_sortable)},
        "identifies": {"kind": ("text",)},
        "validity_months": {"kind": ("date",)},
        "warn_days": {"kind": ("date",)},
        "contact_types": {"subject": ("contact",)},
    }
    max_indexes = MAX_INDEXES

    def slot_groups(self) -> list[tuple[str, list[tuple[str, int, int]]]]:
        """Return how many fields of each kind are in use, and may be, by table."""
        groups: dict[str, list[tuple[str, int, int]]] = {}
        for one in slot_counts(db.session()):
            rows = groups.setdefault(str(SUBJECTS[one["subject"]]), [])
            rows.append((str(one["kind"].label), one["used"], one["kind"].slots))
        return list(groups.items())

    def make_edit_form(self, row: CustomField) -> RowForm:
        """Leave out what a field of its kind does not have."""
        form = super().make_edit_form(row)
        for name, conditions in self.shown_if.items():
            if any(getattr(row, other) not in values for other, values in conditions.items()):
                del form[name]
        return form

    @expose("/convert/<pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("edit")
    def convert(self, pk: str):
        """Ask for another kind, and start the job that fills a slot of it; or decide on it."""
        field, error = self.find(pk), ""
        if KINDS[field.kind].is_file:
            abort(404)
        conversion = open_conversion(db.session(), field)
        if request.method == "POST":
            decide = DECISIONS.get(request.form.get("decision", ""))
            try:
                if decide is not None:
                    if conversion is None:
                        raise DomainError(_("This has been decided already."))
                    decide(db.session(), conversion, current_actor())
                    db.session.commit()
                    return redirect(f"{self.route_base}/show/{field.id}")
                conversion = start_conversion(
                    db.session(), field, request.form.get("kind", ""), current_actor()
                )
                db.session.commit()
                return redirect(f"{self.route_base}/convert/{field.id}")
            except DomainError as refused:
                db.session.rollback()
                field, error = self.find(pk), str(refused)
                conversion = open_conversion(db.session(), field)
        page = self.render_template(
            "customfields/convert.html", view=self, field=field, conversion=conversion, error=error,
            title=_("Convert “%(field)s” to another kind", field=field.label),
            kinds=[one for one in KINDS.values() if one.name != field.kind and not one.is_file], all_kinds=KINDS,
        )  # fmt: skip
        return page, 422 if error else 200

    @expose("/misfits/<pk>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def misfits(self, pk: str):
        """Download the values that do not fit the new kind."""
        field = self.find(pk)
        conversion = open_conversion(db.session(), field)
        if conversion is None or not may("can_list", model_named(field.subject)):
            abort(404)
        lines = misfit_lines(db.session(), conversion, current_actor())
        record_security_event(
            db.session(), "exported", current_actor(), name="CustomFields",
            filter=localize(lambda: _("Values that do not fit")), columns=str(conversion.field.label),
        )  # fmt: skip
        db.session.commit()
        return csv_response(csv_lines(lines, default_delimiter()), _("not-converted"))

    def before_save(self, row: CustomField, form: Any) -> None:
        """Give a new field its slot; refuse what cannot be."""
        complete_field(db.session(), row)

    def after_save(self, row: CustomField, form: Any) -> None:
        """Make or drop the index."""
        follow_change(db.session(), row, current_actor())
