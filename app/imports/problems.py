"""Show the problems of a checked file by what mends them, and read what a user decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app.errors import DomainError
from app.fieldtypes import Choice
from app.importexport.fields import CsvField, ForeignKeyField, ManyToManyField, ValueField
from app.importexport.lookups import EntityLookup
from app.importexport.planning import ImportPlan
from app.importexport.repairs import MAX_DECISIONS, MAX_TEXT
from app.imports.models import ImportIssue, ImportRun
from app.text import clean, fold

# Problems of a page, and groups of them: those of most rows.
PAGE_SIZE, MAX_GROUPS = 50, 30
# Longer lists of values are not offered: the value is typed.
_MAX_OPTIONS = 300
OUTCOMES = ("invalid", "conflict", "skipped")


@dataclass
class ProblemGroup:
    """All rows whose cell of a column holds the same text, which is no value of the field."""

    field: str
    header: str
    value: str
    rows: int
    reason: str
    # Texts that the column may hold instead; none if it is to be typed.
    options: list[str]
    may_create: bool


def problem_groups(session: Session, run: ImportRun, plan: ImportPlan) -> list[ProblemGroup]:
    """Return the problems that are mended by one decision, those of most rows first."""
    issue = ImportIssue
    query = (
        select(issue.field, issue.value, func.count(), func.min(issue.reason))
        .where(issue.run_id == run.id, issue.value != "")
        .group_by(issue.field, issue.value)
        .order_by(func.count().desc(), issue.field, issue.value)
        .limit(MAX_GROUPS)
    )
    columns = {one.name: (place, one) for place, one in plan.mapping.items() if one is not None}
    groups = []
    for name, value, rows, reason in session.execute(query):
        if name not in columns:
            continue
        place, field = columns[name]
        texts = _options(plan, field)
        groups.append(
            ProblemGroup(
                field=str(field.label),
                header=plan.columns[place].header,
                value=value,
                rows=rows,
                reason=reason,
                options=_similar_first(texts, value),
                may_create=_may_create(plan, field),
            )
        )
    return groups


def problems(session: Session, run: ImportRun, outcome: str, after: int) -> Sequence[ImportIssue]:
    """Return a page of the problems behind an id, of one outcome or of all."""
    query = select(ImportIssue).where(ImportIssue.run_id == run.id, ImportIssue.id > after)
    if outcome in OUTCOMES:
        query = query.where(ImportIssue.outcome == outcome)
    return session.scalars(query.order_by(ImportIssue.id).limit(PAGE_SIZE + 1)).all()


def _options(plan: ImportPlan, field: CsvField) -> list[str]:
    """Return the texts of the values of a field, if they are few."""
    if isinstance(field, ForeignKeyField | ManyToManyField):
        lookup = plan.lookups[field.name]
        texts = lookup.export_texts
        if isinstance(lookup, EntityLookup):
            texts = {pk: text for pk, text in texts.items() if pk in lookup.visible_ids}
        found = list(texts.values())
    elif isinstance(field, ValueField) and isinstance(field.field_type, Choice):
        found = [str(label) for label in field.field_type.options().values()]
    else:
        found = []
    return found if len(found) <= _MAX_OPTIONS else []


def _similar_first(texts: list[str], value: str) -> list[str]:
    by_key = {fold(text): text for text in texts}
    similar = [by_key[key] for key in get_close_matches(fold(value), by_key, 3, 0.6)]
    return [*similar, *(text for text in texts if text not in similar)]


def _may_create(plan: ImportPlan, field: CsvField) -> bool:
    return (
        isinstance(field, ForeignKeyField | ManyToManyField)
        and field.model is not plan.importer.model
        and not isinstance(plan.lookups[field.name], EntityLookup)
    )


def read_decisions(
    form: MultiDict[str, str], choices: dict[str, Any], plan: ImportPlan, *, may_restore: bool
) -> dict[str, Any]:
    """Return the choices of an import with what was decided on the page of its check.

    DomainError if there are too many decisions.
    """
    repairs = _copied(choices.get("repairs", {}))
    headers = {column.header: place for place, column in enumerate(plan.columns)}
    _read_groups(form, repairs, headers, plan)
    _read_cells(form, repairs, headers)
    if may_restore:
        repairs["restores_all"] = repairs.get("restores_all") or "restore_all" in form
        rows = {int(row) for row in form.getlist("restore") if row.isdecimal() and len(row) < 10}
        repairs["restored"] = sorted(rows | set(repairs.get("restored", ())))
    if count_decisions(repairs) > MAX_DECISIONS:
        raise DomainError(
            _("Up to %(most)s corrections can be made here. Correct the rest in the file.",
              most=MAX_DECISIONS)
        )  # fmt: skip
    return choices | {"repairs": repairs}


def _copied(repairs: dict[str, Any]) -> dict[str, Any]:
    copied = {name: dict(repairs.get(name, {})) for name in ("texts", "cells", "created")}
    return {**repairs, **copied}


def count_decisions(repairs: dict[str, Any]) -> int:
    """Return how many cells, texts and rows were decided about."""
    several = ("texts", "cells", "created")
    counts = [len(one) for name in several for one in repairs.get(name, {}).values()]
    return sum(counts) + len(repairs.get("restored", ()))


def _read_groups(
    form: MultiDict[str, str],
    repairs: dict[str, Any],
    headers: dict[str, int],
    plan: ImportPlan,
) -> None:
    given = [form.getlist(f"group_{name}") for name in ("header", "value", "do", "text")]
    for header, value, do, text in zip(*given, strict=False):
        if header not in headers or not value.isprintable() or not 0 < len(value) <= MAX_TEXT:
            continue
        field = plan.mapping.get(headers[header])
        if do == "create" and field is not None and _may_create(plan, field):
            names = repairs["created"].get(header, [])
            repairs["created"][header] = [*names, *({value} - set(names))]
            continue
        typed = clean(text)[:MAX_TEXT]
        if do == "empty":
            instead: str | None = ""
        elif do.startswith("="):
            instead = clean(do[1:])[:MAX_TEXT]
        else:
            instead = typed if typed and typed != value else None
        if instead is not None:
            texts = repairs["texts"].get(header, {})
            # What became this text before becomes the new one.
            texts = {old: instead if new == value else new for old, new in texts.items()}
            repairs["texts"][header] = {**texts, value: instead}


def _read_cells(
    form: MultiDict[str, str], repairs: dict[str, Any], headers: dict[str, int]
) -> None:
    given = [form.getlist(f"cell_{name}") for name in ("row", "header", "old", "text")]
    for row, header, old, text in zip(*given, strict=False):
        if text.strip() == old.strip() or header not in headers:
            continue
        if row.isdecimal() and len(row) < 10:
            cells = dict(repairs["cells"].get(row, {}))
            repairs["cells"][row] = {**cells, header: clean(text)[:MAX_TEXT]}
