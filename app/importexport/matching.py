"""Find the stored row that each row of a file is about: one by one, never by a guess."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.bulk import is_one_of
from app.importexport.fields import ID, ValueField
from app.importexport.importer import Importer
from app.importexport.matchrules import Agreement, MatchRule
from app.importexport.planning import ImportPlan
from app.importexport.rows import ImportRow
from app.numbers.models import Numbered
from app.numbers.queries import find_by_former_number
from app.security.actor import Actor
from app.security.scope import scope_condition

Stored = dict[str, Any]


class Matcher:
    """Match the rows of a chunk by the rules of a plan, in one statement for each rule."""

    def __init__(self, session: Session, plan: ImportPlan, actor: Actor, only: Any = None) -> None:
        """``only`` is a condition on the stored rows to be found."""
        self.session, self.plan, self.actor, self.only = session, plan, actor, only
        self.importer, self.model = plan.importer, plan.importer.model

    def match(self, rows: list[ImportRow], values: list[dict[str, Any]]) -> None:
        """Set the id of the stored row of each row, or reject the row; the others are new.

        ``values`` holds those of each row, with the entity that it names.
        """
        doubts: dict[int, tuple[str, str]] = {}
        for rule in self.plan.rules:
            open_rows = [
                (row, found, key)
                for row, found in zip(rows, values, strict=True)
                if not row.outcome
                and not row.row_id
                and (key := self.importer.match_key(rule, found)) is not None
            ]
            if open_rows:
                self._match_by(rule, open_rows, doubts)
        for row in rows:
            if self.plan.doubtful_as_new:
                break
            if not row.outcome and not row.row_id and id(row) in doubts:
                row.reject("conflict", *doubts[id(row)])

    def _match_by(
        self,
        rule: MatchRule,
        rows: list[tuple[ImportRow, dict[str, Any], Any]],
        doubts: dict[int, tuple[str, str]],
    ) -> None:
        importer, name = self.importer, rule.required_fields[0]
        wanted = {value for _row, _found, key in rows for value in importer.key_values(rule, key)}
        candidates: dict[Any, list[Stored]] = {}
        for stored in self._fetch(rule, wanted):
            candidates.setdefault(importer.match_key(rule, stored)[0], []).append(stored)
        if self._is_number(name) and self.only is None:
            self._add_survivors(rule, wanted, candidates)
        if not candidates:
            return
        for row, found, key in rows:
            stored_rows = [
                stored
                for value in importer.key_values(rule, key)
                for stored in candidates.get(value, ())
            ]
            if stored_rows:
                self._choose(rule, name, row, found, stored_rows, doubts)

    def _choose(
        self,
        rule: MatchRule,
        name: str,
        row: ImportRow,
        found: dict[str, Any],
        candidates: list[Stored],
        doubts: dict[int, tuple[str, str]],
    ) -> None:
        """Take the stored row that a row is surely about; reject the row if it is not clear."""
        judged = [(self._agreement(rule, found, stored), stored) for stored in candidates]
        in_scope = [(how, stored) for how, stored in judged if stored["is_visible"]]
        live = [(how, stored) for how, stored in in_scope if stored.get("trashed_at") is None]
        best = max((how for how, _stored in live), default=Agreement.OTHER)
        if best >= Agreement.LIKELY:
            matches = [stored for how, stored in live if how == best]
            if len(matches) > 1:
                reason = _("Several items match this row: %(num)d.", num=len(matches))
                row.reject("conflict", name, reason)
                return
            row.row_id, row.rule = matches[0]["id"], rule.name
            row.is_exact = best == Agreement.EXACT
        elif any(how >= Agreement.LIKELY for how, _stored in in_scope):
            self._find_in_trash(rule, name, row, in_scope)
        elif len(in_scope) < len(judged) and self._is_unique(name):
            row.reject("skipped", name, _("It belongs to another entity."))
        elif best == Agreement.DOUBTFUL:
            doubts.setdefault(id(row), (name, self.importer.doubt(rule)))
        # A match out of scope on a column that is not unique is not revealed: as in a form,
        # the row becomes a new one.

    def _find_in_trash(
        self, rule: MatchRule, name: str, row: ImportRow, judged: list[tuple[Agreement, Stored]]
    ) -> None:
        """Take the trashed row that a row is about if it is to be restored; else skip the row."""
        best = max(how for how, _stored in judged)
        matches = [stored for how, stored in judged if how == best]
        if len(matches) > 1:
            reason = _("Several items in the trash match this row: %(num)d.", num=len(matches))
            row.reject("conflict", name, reason)
        elif self.plan.repairs.restores(row.source.number):
            row.row_id, row.rule, row.is_restored = matches[0]["id"], rule.name, True
        else:
            row.reject("skipped", name, _("It is in the trash."))
            row.is_trashed = True

    def _is_number(self, name: str) -> bool:
        return issubclass(self.model, Numbered) and self.importer.field(name).key == "number"

    def _add_survivors(
        self, rule: MatchRule, wanted: set[str], candidates: dict[Any, list[Stored]]
    ) -> None:
        """Add the rows that rows with one of the numbers were merged into."""
        missing = {
            number
            for number in wanted
            if all(one.get("trashed_at") is not None for one in candidates.get(number, ()))
        }
        former = find_by_former_number(self.session, self.model, missing) if missing else {}
        if former:
            stored_rows = {
                one["id"]: one for one in self._fetch(rule, set(former.values()), self.model.id)
            }
            for number, row_id in former.items():
                if row_id in stored_rows:
                    candidates.setdefault(number, []).append(stored_rows[row_id])

    def _agreement(self, rule: MatchRule, found: dict[str, Any], stored: Stored) -> Agreement:
        if rule.name == ID:
            return self.importer.id_agreement(found, stored)
        return self.importer.agreement(rule, found, stored, self.plan.rule_names)

    def _is_unique(self, name: str) -> bool:
        field = self.importer.field(name)
        return isinstance(field, ValueField) and bool(field.column.unique)

    def _fetch(self, rule: MatchRule, values: set[Any], attribute: Any = None) -> list[Stored]:
        """Return what identifies the stored rows with one of the values, wherever they are.

        The values are those of the rule's attribute, or of the given one.
        """
        model, importer = self.model, self.importer
        attribute = importer.match_attribute(rule) if attribute is None else attribute
        known = model.__mapper__.column_attrs
        names = {"id", "entity_id", "trashed_at", "sort_name", *importer.identifying_columns()}
        query = select(
            *(getattr(model, name) for name in sorted(names) if name in known),
            scope_condition(model, self.actor).label("is_visible"),
        ).where(is_one_of(self.session.get_bind().dialect, attribute, values))
        if rule.only_live:
            query = query.where(model.trashed_at.is_(None))
        if self.only is not None:
            query = query.where(self.only)
        rows = self.session.execute(query, execution_options={"with_trash": True})
        # In a fixed order: the first of several is the same on every database.
        return sorted((dict(row) for row in rows.mappings()), key=lambda stored: stored["id"])


def _find_former_numbers(
    session: Session, importer: Importer, numbers: set[str]
) -> dict[str, int]:
    """Return by number the ids of the rows that rows with these numbers were merged into.

    A number may have fewer or more zeros before it than the former one had.
    """
    rule = next(
        (one for one in importer.rules if importer.field(one.required_fields[0]).key == "number"),
        None,
    )
    if rule is None:
        return {}
    spelled = {text: given for given in numbers for text in importer.key_values(rule, (given,))}
    found = find_by_former_number(session, importer.model, spelled)
    return {spelled[text]: row_id for text, row_id in found.items()}


def drop_former_numbers(
    session: Session, importer: Importer, rows: list[ImportRow], stored_rows: dict[int, Stored]
) -> None:
    """Drop the number of a row that found its stored row by it, though that has another one.

    It is the number of what was merged into the stored row.
    """
    if not issubclass(importer.model, Numbered):
        return
    others = [
        row
        for row in rows
        if (given := row.values.get("number"))
        and (stored := stored_rows.get(row.row_id))
        and stored["number"] != given
    ]
    if others:
        known = _find_former_numbers(session, importer, {row.values["number"] for row in others})
        for row in others:
            if known.get(row.values["number"]) == row.row_id:
                del row.values["number"]
