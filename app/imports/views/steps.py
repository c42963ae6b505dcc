"""What the pages of an import do in between: read the choices, plan, and keep the report."""

from __future__ import annotations

import logging
from typing import Any

from flask import request
from flask_babel import gettext as _
from sqlalchemy.exc import OperationalError

from app import organisation
from app.crud.lookup import get_add_view
from app.errors import DomainError
from app.extensions import db
from app.i18n.formats import show_number
from app.i18n.languages import current_language
from app.i18n.places import country_name
from app.importexport.importer import Importer
from app.importexport.planning import ImportOptions, ImportPlan
from app.importexport.planning import build_plan as plan_import
from app.importexport.reading import Source
from app.importexport.report import OUTCOMES, Report
from app.importexport.uploads import NotWritable, Upload
from app.logs import log_error
from app.security.actor import Actor

logger = logging.getLogger(__name__)

MAX_SHOWN_ERRORS = 200


def error_status(error: DomainError | None) -> int:
    """Return the status of a page with an error: 507 if the disk is full."""
    if error is None:
        return 200
    return 507 if isinstance(error, NotWritable) else 422


def end_reason(error: BaseException) -> str:
    """Return why an import ended early, for its owner; log what is a fault of the program."""
    if isinstance(error, DomainError):
        return str(error)
    if isinstance(error, OperationalError):
        return _("The database is not responding")
    if isinstance(error, OSError):
        return str(NotWritable())
    if not isinstance(error, Exception):
        return _("The program was stopped.")
    reference = log_error(logger, error, "an import failed")
    return _("Something went wrong. Tell your administrator: error %(reference)s.",
             reference=reference)  # fmt: skip


def interrupted_report(upload: Upload, progress: dict[str, Any], reason: str) -> dict[str, Any]:
    """Return the report of an import that ended early."""
    counts = dict.fromkeys(OUTCOMES, 0) | progress.get("counts", {})
    place = {"row": progress.get("row", 0), "until": progress.get("until", 0)}
    match = upload.state.get("report", {}).get("match", "")
    return counts | {
        "rows": sum(counts.values()),
        "match": match,
        "interrupted": place | {"reason": reason},
    }


def read_choices() -> dict[str, Any]:
    """Return the choices made on the page of columns."""
    headers = request.form.getlist("header")
    fields = request.form.getlist("field")
    return {
        "mapping": dict(zip(headers, fields, strict=False)),
        "match": request.form.get("match", ""),
        "create_values": bool(request.form.get("create_values")),
        "entity": request.form.get("entity", ""),
        "encoding": request.form.get("encoding", ""),
        "delimiter": request.form.get("delimiter", ""),
    }


def open_source(upload: Upload, path: Any = None) -> Source:
    choices = upload.state.get("choices", {})
    return Source(
        path or upload.path,
        encoding=choices.get("encoding") or None,
        delimiter=choices.get("delimiter") or None,
    )


def build_plan(
    importer: Importer, source: Source, actor: Actor, choices: dict[str, Any]
) -> ImportPlan:
    options = ImportOptions(
        country=organisation.country(),
        mapping=choices.get("mapping", {}),
        match=choices.get("match", ""),
        create_values=choices.get("create_values", False),
        entity=choices.get("entity", ""),
        may_create=lambda model: get_add_view(model) is not None,
    )
    # End the transaction: while the file is read, this request must not hold the write lock.
    db.session.commit()
    return plan_import(importer, db.session(), source, actor, options)


def report_data(report: Report, plan: ImportPlan) -> dict[str, Any]:
    """Return the report in the form the templates show."""
    data = report.to_dict()
    count = len(data["errors"]) + report.errors_left_off
    return data | {
        "errors": data["errors"][:MAX_SHOWN_ERRORS],
        "problems": count,
        "samples": report.samples,
        "mapping": plan.mapped,
        "ignored": plan.ignored,
        "match": ", ".join(str(rule.label) for rule in plan.rules),
        "matched_by": [
            f"{rule.label} {show_number(report.matched[rule.name])}"
            for rule in plan.rules
            if report.matched.get(rule.name)
        ],
        "missing": plan.missing if report.invalid else [],
        "country": ""
        if plan.country == plan.home
        else country_name(plan.country, current_language()),
    }
