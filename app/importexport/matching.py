"""Find the stored row that each row of a file is about: one by one, never by a guess."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.bulk import is_one_of
from app.importexport.fields import ID, ValueField
from app.importexport.matchrules import Agreement, MatchRule
from app.importexport.planning import ImportPlan
from app.importexport.rows import ImportRow
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
        elif any(how >= Agreement.LIKELY for how, _stored in in_scope):
            row.reject("skipped", name, _("It is in the trash."))
        elif len(in_scope) < len(judged) and self._is_unique(name):
            row.reject("skipped", name, _("It belongs to another entity."))
        elif best == Agreement.DOUBTFUL:
            doubts.setdefault(id(row), (name, self.importer.doubt(rule)))
        # A match out of scope on a column that is not unique is not revealed: as in a form,
        # the row becomes a new one.

    def _agreement(self, rule: MatchRule, found: dict[str, Any], stored: Stored) -> Agreement:
        if rule.name == ID:
            return self.importer.id_agreement(found, stored)
        return self.importer.agreement(rule, found, stored, self.plan.rule_names)

    def _is_unique(self, name: str) -> bool:
        field = self.importer.field(name)
        return isinstance(field, ValueField) and bool(field.column.unique)

    def _fetch(self, rule: MatchRule, values: set[Any]) -> list[Stored]:
        """Return what identifies the stored rows with one of the values, wherever they are."""
        model, importer = self.model, self.importer
        attribute = importer.match_attribute(rule)
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
