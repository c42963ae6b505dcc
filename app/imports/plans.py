"""Store the plan of an import, and tell whether it is still the one that was checked."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.importexport.column_mapping import ColumnProfile
from app.importexport.fields import ForeignKeyField, ManyToManyField
from app.importexport.importer import Importer
from app.importexport.lookups import ByName
from app.importexport.planning import ImportPlan
from app.importexport.reading import Source
from app.importexport.repairs import Repairs
from app.imports.models import ImportRun
from app.security.actor import Actor
from app.storage.files import find_file


def get_importer(name: str) -> Importer:
    """Return an importer by its name; raise DomainError if the program no longer has it."""
    for kind in Importer.all():
        if kind.name == name:
            return kind()
    raise DomainError(_("This import is no longer available."))


def plan_to_json(plan: ImportPlan, source: Source) -> dict[str, Any]:
    """Return a plan, and how its file is read, as JSON."""
    return {
        "encoding": source.encoding,
        "delimiter": source.delimiter,
        "headers": source.headers,
        "mapping": {str(place): f.name for place, f in plan.mapping.items() if f is not None},
        "rules": [rule.name for rule in plan.rules],
        "create_values": [name for name, lookup in plan.lookups.items() if lookup.may_create],
        "entity_id": plan.entity_id,
        "country": plan.country,
        "home": plan.home,
        "doubtful_as_new": plan.doubtful_as_new,
        "policies": plan.policies,
        "repairs": plan.repairs.to_json(),
        "day_first": {str(place): is_first for place, is_first in plan.day_first.items()},
    }


def load_plan(session: Session, run: ImportRun, actor: Actor) -> ImportPlan:
    """Return the stored plan of an import, with the values that its cells may name by now.

    DomainError if a field of it is gone.
    """
    stored = run.plan or {}
    importer = get_importer(run.importer)
    fields = {field.name: field for field in importer.fields()}
    if not set(stored["mapping"].values()) <= fields.keys():
        raise DomainError(_("The fields have changed. Check the file again."))
    named = {int(place): fields[name] for place, name in stored["mapping"].items()}
    lookups = {
        field.name: field.lookup(
            session, field.model, actor, field.name in stored["create_values"]
        )
        for field in named.values()
        if isinstance(field, ForeignKeyField | ManyToManyField)
    }
    rules = {rule.name: rule for rule in importer.rules}
    plan = ImportPlan(
        importer=importer,
        columns=[ColumnProfile(header) for header in stored["headers"]],
        mapping={place: named.get(place) for place in range(len(stored["headers"]))},
        rules=tuple(rules[name] for name in stored["rules"]),
        create_values=bool(stored["create_values"]),
        entity_id=stored["entity_id"],
        country=stored["country"],
        home=stored["home"],
        day_first={int(place): is_first for place, is_first in stored["day_first"].items()},
        lookups=lookups,
        doubtful_as_new=stored["doubtful_as_new"],
        policies=stored["policies"],
        repairs=load_repairs(run),
        entity_labels=importer.entity_labels(session),
    )
    plan.allow_created()
    return plan


def load_repairs(run: ImportRun) -> Repairs:
    """Return what was decided about the problems of an import."""
    stored = run.plan or {}
    return Repairs.from_json(stored["repairs"]) if "repairs" in stored else Repairs()


def open_file(run: ImportRun) -> Source:
    """Open the file as it was read for the plan; DomainError if it is gone."""
    stored = run.plan or {}
    path = find_file(run.file_key)
    if path is None:
        raise DomainError(_("The file of this import is gone. Upload it again."))
    return Source(path, encoding=stored["encoding"], delimiter=stored["delimiter"], is_known=True)


def hash_plan(run: ImportRun, plan: ImportPlan) -> str:
    """Return a digest of all that decides on the result, but the stored rows themselves."""
    known = {
        name: sorted((key, [row.id for row in rows]) for key, rows in lookup.rows_by_key.items())
        for name, lookup in plan.lookups.items()
        # The rows of a large table are compared with when the file is.
        if not isinstance(lookup, ByName)
    }
    content = [run.importer, run.file_digest, run.plan, known, plan.importer.required_fields]
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
