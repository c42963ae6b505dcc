"""The pages of a merge: choose field by field, see what was merged, undo it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import abort, flash, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.actions import action
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import NotFound

from app.crud.columns import Cell
from app.crud.interface import parse_id
from app.crud.submissions import AlreadySubmitted, claim_submission
from app.errors import DomainError
from app.extensions import db
from app.merging.fields import BOTH, OTHER, OWN, SEPARATOR, MergeField, merge_fields
from app.merging.mergerule import CHANGED, ELSEWHERE, GONE, merge_rules
from app.merging.models import Merge
from app.merging.queries import find_merge, find_survivor, rows_of
from app.merging.services import (
    MergeConflict,
    NotMerged,
    merge_rows,
    undo_merge,
    why_not_undone,
)
from app.operations.services import UNDO_DAYS
from app.security.actor import current_actor
from app.security.redirects import HOME, safe_redirect_target

WHY_KEPT = {
    CHANGED: _l("It has changed since."),
    ELSEWHERE: _l("It was moved elsewhere since."),
    GONE: _l("It no longer exists."),
}


@dataclass(frozen=True)
class FieldChoice:
    """A row of the page of a merge: a field, both values, and which of them is chosen."""

    field: MergeField
    label: Any
    own: Cell
    other: Cell
    choices: tuple[str, ...]
    chosen: str
    both: str = ""

    @property
    def is_open(self) -> bool:
        """Return True if there is something to choose."""
        return len(self.choices) > 1

    @property
    def is_empty(self) -> bool:
        """Return True if neither row has a value."""
        return not (self.own.text or self.own.extra or self.other.text or self.other.extra)


class MergePages:
    """Mixin of the screen of a mergeable model; it comes before ``ModelView``."""

    # Collective actions and this one start from the list alone.
    exclude_route_methods: set[str] = {"download", "action"}
    # Sentences that name what is merged.
    merge_title: ClassVar[Any] = _l("Merge two into one")

    datamodel: Any
    endpoint: str
    key: str
    route_base: str
    render_template: Any
    detail_cell: Any
    get_label: Any
    last_list_url: str
    edit_columns: list[str]

    def find(self, pk: Any, names: Iterable[str] = ()) -> Any:
        """Return a visible row; the address of a merged one leads to the row that it became."""
        try:
            return super().find(pk, names)  # type: ignore[misc]
        except NotFound:
            if request.endpoint == f"{self.endpoint}.show" and (number := parse_id(pk)):
                model = self.datamodel.obj
                survivor = find_survivor(db.session(), model, number, current_actor())
                if survivor is not None:
                    abort(redirect(f"{self.route_base}/show/{survivor.id}"))
            raise

    @action("merge", _l("Merge"), "", "intersect", single=False)
    def merge_ticked(self, rows: list[Any]):
        """Lead from two ticked rows to the page on which they are merged."""
        if len(rows) != 2:
            raise DomainError(_("Select exactly two to merge them."))
        first, second = sorted(row.id for row in rows)
        return redirect(f"{self.route_base}/merge/{first}/{second}")

    @expose("/merge/<pk>/<other_id>", methods=["GET", "POST"])
    @has_access
    @permission_name("edit")
    def merge(self, pk: str, other_id: str):
        """Choose field by field what stays of two rows, and merge the second into the first."""
        survivor, merged = self._pair(pk, other_id)
        if request.method == "GET":
            return self._merge_page(survivor, merged)
        chosen = {
            name.removeprefix("take-"): value
            for name, value in request.form.items()
            if name.startswith("take-")
        }
        versions = (
            parse_id(request.form.get("version", "")),
            parse_id(request.form.get("other_version", "")),
        )
        ids = survivor.id, merged.id
        try:
            claim_submission(db.session())
            merge = merge_rows(
                db.session(), survivor, merged, chosen, current_actor(), versions=versions,
                list_name=self.key,
            )  # fmt: skip
            merge_id, name = merge.id, str(survivor)
            db.session.commit()
        except AlreadySubmitted:
            db.session.rollback()
            return redirect(f"{self.route_base}/show/{ids[0]}")
        except (MergeConflict, StaleDataError):
            db.session.rollback()
            pair = self._pair(*ids)
            return self._merge_page(*pair, chosen, is_stale=True), MergeConflict.status
        except NotMerged:
            db.session.rollback()
            abort(404)
        except IntegrityError:
            db.session.rollback()
            pair = self._pair(*ids)
            return self._merge_page(*pair, chosen, is_stale=True), MergeConflict.status
        except DomainError as error:
            db.session.rollback()
            return self._merge_page(*self._pair(*ids), chosen, error=str(error)), error.status
        undo = f"{self.route_base}/unmerge/{merge_id}"
        flash({"text": _("Merged into “%(name)s”.", name=name), "undo": undo}, "success")
        return redirect(self._after_merge() or f"{self.route_base}/show/{ids[0]}")

    def _after_merge(self) -> str:
        """Return the address of the page that the merge was started from, if it is one of ours."""
        target = safe_redirect_target(request.values.get("_next"))
        return "" if target == HOME else target

    def _pair(self, pk: Any, other_id: Any) -> tuple[Any, Any]:
        """Return both rows; lead to the row that stays if they are merged; else abort with 404."""
        number, other = parse_id(pk), parse_id(other_id)
        if number is None or other is None or number == other:
            abort(404)
        rows = self.datamodel.get(number), self.datamodel.get(other)
        if None not in rows:
            return rows
        survivors = [
            row or find_survivor(db.session(), self.datamodel.obj, one, current_actor())
            for row, one in zip(rows, (number, other), strict=True)
        ]
        if survivors[0] is not None and survivors[0] is survivors[1]:
            flash(_("These two are merged already."), "warning")
            abort(redirect(f"{self.route_base}/show/{survivors[0].id}"))
        abort(404)

    def _merge_page(self, survivor: Any, merged: Any, chosen: Any = None, **more: Any) -> str:
        chosen = chosen or {}
        rules = merge_rules(type(survivor))
        counts = [
            (rule.words, *rule.count(db.session(), survivor, merged, current_actor()))
            for rule in rules
            if rule.words is not None
        ]
        return self.render_template(
            "merging/merge.html",
            title=self.merge_title,
            view=self,
            survivor=survivor,
            merged=merged,
            choices=[
                self._choice(field, survivor, merged, chosen.get(field.name, ""))
                for field in self._fields()
            ],
            moving=[(words(total), hidden) for words, total, hidden in counts if total],
            days=UNDO_DAYS,
            own=OWN,
            other=OTHER,
            both=BOTH,
            next_url=self._after_merge(),
            **more,
        )

    def _fields(self) -> list[MergeField]:
        """Return the fields in the order of the form."""
        places = {name: place for place, name in enumerate(self.edit_columns)}
        fields = merge_fields(self.datamodel.obj)
        return sorted(fields, key=lambda field: places.get(field.shown, len(places)))

    def _choice(self, field: MergeField, survivor: Any, merged: Any, chosen: str) -> FieldChoice:
        allowed = field.choices(survivor, merged)
        if chosen not in allowed:
            chosen = field.default_choice(survivor, merged)
        values = (getattr(survivor, field.name), getattr(merged, field.name))
        return FieldChoice(
            field,
            self.get_label(field.shown),
            self._cell(survivor, field),
            self._cell(merged, field),
            allowed,
            chosen if chosen in allowed else OWN,
            SEPARATOR.join(values) if BOTH in allowed else "",
        )

    def _cell(self, row: Any, field: MergeField) -> Cell:
        cell = self.detail_cell(row, field.shown)
        if cell.shape == "none" and getattr(row, field.name) not in (None, ""):
            # A link to a row that the reader may not see.
            return Cell("text", _("Hidden (no access)"))
        return cell

    @expose("/merged/<merge_id>")
    @has_access
    @permission_name("show")
    def merged(self, merge_id: str):
        """Show what a merge has done, and undo it from there."""
        merge, survivor, merged = self._merge(merge_id)
        moved = {rule.code(): rule for rule in merge_rules(self.datamodel.obj)}
        return self.render_template(
            "merging/merged.html",
            title=_("A merge"),
            view=self,
            merge=merge,
            survivor=survivor,
            merged=merged,
            fields=self._changed_fields(merge),
            moved=[
                words(count)
                for code, count in merge.counts.items()
                if code in moved and (words := moved[code].words) is not None
            ],
            kept=self._kept(merge),
            why_not=why_not_undone(db.session(), merge, survivor, merged),
        )

    @expose("/unmerge/<merge_id>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def unmerge(self, merge_id: str):
        """Undo a merge."""
        merge, survivor, merged = self._merge(merge_id)
        number, name = merge.id, str(survivor)
        try:
            undo_merge(db.session(), merge, survivor, merged, current_actor())
            kept = len(merge.kept or ())
            db.session.commit()
        except NotMerged:
            db.session.rollback()
            abort(404)
        except (StaleDataError, IntegrityError):
            db.session.rollback()
            flash(_("Somebody has changed one of them meanwhile. Check again."), "danger")
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
        else:
            text = _("The merge into “%(name)s” is undone.", name=name)
            if kept:
                text += " " + _("What was changed since stays as it is; see below.")
            flash(text, "success")
        return redirect(f"{self.route_base}/merged/{number}")

    def _merge(self, merge_id: str) -> tuple[Merge, Any, Any]:
        """Return a merge with its two rows; abort with 404 if the reader may not see them."""
        model, number = self.datamodel.obj, parse_id(merge_id)
        merge = None if number is None else find_merge(db.session(), model, number)
        if merge is None:
            abort(404)
        survivor, merged = rows_of(db.session(), model, merge, current_actor())
        if survivor is None:
            abort(404)
        if merged is None and _exists(model, merge.merged_id):
            # It is in an entity that the reader does not see.
            abort(404)
        return merge, survivor, merged

    def _changed_fields(self, merge: Merge) -> list[Any]:
        fields = {field.name: field for field in merge_fields(self.datamodel.obj)}
        changed = (merge.fields or {}).get("survivor", ())
        return [self.get_label(fields[name].shown) for name in changed if name in fields]

    def _kept(self, merge: Merge) -> list[tuple[Any, Any]]:
        """Return (name, reason) of what the undoing has left as it is."""
        ids: dict[str, list[int]] = {}
        for code, row_id, _why in merge.kept or ():
            ids.setdefault(code, []).append(row_id)
        fields = {f"field:{f.name}": f for f in merge_fields(self.datamodel.obj)}
        rules = {rule.code(): rule for rule in merge_rules(self.datamodel.obj)}
        names = {
            code: rules[code].names(db.session(), some, current_actor())
            for code, some in ids.items()
            if code in rules
        }
        return [
            (
                self.get_label(fields[code].shown)
                if code in fields
                else names.get(code, {}).get(row_id, _("Hidden (no access)")),
                WHY_KEPT.get(why, why),
            )
            for code, row_id, why in merge.kept or ()
        ]


def _exists(model: Any, row_id: int) -> bool:
    options = {"with_trash": True}
    return db.session.get(model, row_id, execution_options=options) is not None
