"""What the pages of an import do in between: read the choices, plan, and show the report."""

from __future__ import annotations

from typing import Any

from flask import request

from app import organisation
from app.crud.lookup import get_add_view
from app.errors import DomainError
from app.extensions import db
from app.i18n.formats import show_number
from app.i18n.languages import current_language
from app.i18n.places import country_name
from app.importexport.importer import Importer
from app.importexport.planning import ImportOptions, ImportPlan, build_plan
from app.importexport.reading import Source
from app.importexport.report import Report
from app.imports.files import CONVERTED
from app.imports.models import ImportRun
from app.imports.services import may_import, start_check
from app.jobs.models import Job
from app.operations.services import FALLBACK_SECONDS
from app.operations.transactions import background_limit, commit_and_run
from app.security.actor import Actor, current_actor
from app.storage.files import find_file


def read_choices() -> dict[str, Any]:
    """Return the choices made on the page of columns."""
    headers = request.form.getlist("header")
    fields = request.form.getlist("field")
    return {
        "mapping": dict(zip(headers, fields, strict=False)),
        "policies": dict(zip(headers, request.form.getlist("policy"), strict=False)),
        "doubtful": request.form.get("doubtful", ""),
        "match": request.form.get("match", ""),
        "create_values": bool(request.form.get("create_values")),
        "entity": request.form.get("entity", ""),
        "encoding": request.form.get("encoding", ""),
        "delimiter": request.form.get("delimiter", ""),
        "country": request.form.get("country", ""),
        "day_order": request.form.get("day_order", ""),
    }


def open_source(run: ImportRun) -> Source:
    """Open the file as it was chosen; DomainError if it cannot be read so, or is gone."""
    path = find_file(run.file_key)
    if path is None:
        raise DomainError("")
    if run.original_key:
        return Source(path, **CONVERTED)
    return Source(
        path,
        encoding=run.choices.get("encoding") or None,
        delimiter=run.choices.get("delimiter") or None,
    )


def make_plan(
    importer: Importer, source: Source, actor: Actor, choices: dict[str, Any]
) -> ImportPlan:
    """Return the plan of choices; DomainError if they do not fit the file."""
    options = ImportOptions(
        country=organisation.country(),
        mapping=choices.get("mapping", {}),
        match=choices.get("match", ""),
        create_values=choices.get("create_values", False),
        entity=choices.get("entity", ""),
        phone_country=choices.get("country", ""),
        day_first={"dmy": True, "mdy": False}.get(choices.get("day_order", "")),
        doubtful_as_new=choices.get("doubtful") == "new",
        policies=choices.get("policies", {}),
        repairs=choices.get("repairs", {}),
        may_restore=may_import(actor, importer.model, "can_delete"),
        may_create=lambda model: get_add_view(model) is not None,
    )
    # End the transaction: while the file is read, this request must not hold the write lock.
    db.session.commit()
    return build_plan(importer, db.session(), source, actor, options)


def begin_check(importer: Importer, run: ImportRun) -> Job:
    """Store the plan of an import's choices and check the file; DomainError if they do not fit.

    A small file is checked by this very request.
    """
    actor, limit = current_actor(), background_limit()
    source = open_source(run)
    plan = make_plan(importer, source, actor, run.choices)
    plan.check()
    delay = FALLBACK_SECONDS if run.lines <= limit else 0
    job = start_check(db.session(), run, source, plan, actor, delay=delay)
    return commit_and_run(job, limit if delay else 0)


def report_data(run: ImportRun, plan: ImportPlan) -> dict[str, Any]:
    """Return the report of the check in the form the templates show."""
    report = Report.from_json(run.checked or {})
    encoding = (run.plan or {})["encoding"]
    return report.to_dict() | {
        "samples": report.samples,
        "new_samples": report.new_samples,
        "erased": report.erased,
        "ignored": plan.ignored,
        "matched_by": [
            f"{rule.label} {show_number(report.matched[rule.name])}"
            for rule in plan.rules
            if report.matched.get(rule.name)
        ],
        "missing": plan.missing if report.invalid else [],
        "country": country_name(plan.country, current_language()),
        "is_guessed": plan.country != plan.home,
        "encoding": encoding,
        "day_first": next(iter(plan.day_first.values()), None),
    }
