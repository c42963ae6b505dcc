"""What is chosen for an export, and exports that a job makes. The caller commits."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from flask_babel import gettext as _
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app.crud.columns import name_parts
from app.crud.listing import ListState, limited
from app.crud.ordering import ordered_ids
from app.crud.screens import Screen, find_screen
from app.errors import DomainError
from app.i18n.languages import current_language
from app.i18n.localized import localize
from app.importexport.csv_response import default_delimiter
from app.importexport.exporter import Chosen, Exporter
from app.importexport.fields import CsvField, header, key_fields
from app.importexport.formats import FORMATS, CsvFormat, FileFormat, formats_of
from app.importexport.importer import Importer
from app.imports.models import ExportFile
from app.jobs.models import Job
from app.jobs.services import enqueue
from app.operations.selection import Selection
from app.security.actor import Actor
from app.security.rights import actor_has_permission, resource_of
from app.types import now

# Workbooks and cards of more rows are made by a job.
MAX_DIRECT_ROWS = 5_000
# How long the file of a job can be downloaded.
LIFETIME = timedelta(hours=24)
# What the form, and so a preset, says about the file itself.
CHOICES = ("fields", "field", "format", "ids")


@dataclass(frozen=True)
class ExportChoice:
    """The format, the fields and the rows of an export."""

    format: type[FileFormat]
    fields: tuple[CsvField, ...]
    selection: Selection
    is_background: bool = False

    @property
    def is_whole(self) -> bool:
        """Return True if nothing but the actor's scope limits the rows."""
        selection = self.selection
        return selection.ids is None and not selection.excluded and selection.is_everything

    def to_json(self) -> dict[str, Any]:
        """Return it as ``choice_from_json`` reads it."""
        selection = self.selection
        return {
            "format": self.format.name,
            "fields": [field.name for field in self.fields],
            "ids": None if selection.ids is None else list(selection.ids),
            "on": selection.on,
            "except": list(selection.excluded),
            "delimiter": default_delimiter(),
        }


class FormState(NamedTuple):
    """What the form of an export shows as chosen."""

    which: str
    names: list[str]
    format: str
    has_ids: bool


def form_state(form: MultiDict[str, str]) -> FormState:
    """Read the choices of a form or of a preset, as far as they are any."""
    which = form.get("fields", "list")
    return FormState(
        which if which in ("list", "all", "chosen") else "list",
        form.getlist("field"),
        form.get("format", CsvFormat.name),
        bool(form.get("ids")),
    )


def read_choice(
    importer: Importer, selection: Selection, form: MultiDict[str, str]
) -> ExportChoice:
    """Read the form of an export; DomainError if it makes no sense."""
    chosen = form_state(form)
    fields = _fields(importer, selection, chosen)
    known = {one.name: one for one in formats_of(importer.export_fields())}
    if chosen.format not in known:
        raise DomainError(_("This format is not available."), field="format")
    file_format = known[chosen.format]
    if chosen.has_ids:
        fields = (*key_fields(importer.model), *fields)
    fields = file_format.fields_of(fields, importer.export_fields())
    return ExportChoice(file_format, fields, selection, bool(form.get("background")))


def _fields(importer: Importer, selection: Selection, chosen: FormState) -> tuple[CsvField, ...]:
    known = importer.export_fields()
    if chosen.which == "all":
        return known
    if chosen.which == "list":
        return list_fields(importer, selection.state())
    by_name = {field.name: field for field in known}
    fields = tuple(by_name[name] for name in dict.fromkeys(chosen.names) if name in by_name)
    if not fields:
        raise DomainError(_("Choose at least one column."), field="field")
    return fields


def list_fields(importer: Importer, state: ListState) -> tuple[CsvField, ...]:
    """Return the fields of a list's columns, first the one that an import matches by."""
    names = [*importer.match_rules[0].required_fields]
    for column in state.cols:
        names += name_parts(importer.model) if column == "name" else [column]
    known = importer.export_fields()
    # A column of the list may have another name in a file: that of its field.
    fields = {field.key: field for field in known} | {field.name: field for field in known}
    return tuple(dict.fromkeys(fields[name] for name in names if name in fields))


def choose_rows(
    choice: ExportChoice, reader: Session, exporter: Exporter, actor: Actor, *, needs_ids: bool
) -> Chosen:
    """Choose the rows of an export in the order of the list.

    A whole list that nobody has sorted is exported by id, which takes no time to begin with, unless
    ``needs_ids``: a format that is not streamed.
    """
    selection = choice.selection
    state, table = selection.state(), selection.screen.table
    is_streamed = choice.is_whole and not needs_ids and "sort" not in state.explicit

    def in_order(session: Session, query: Any) -> Any:
        return ordered_ids(session, table, state, query, actor)

    with limited(state, actor, session=reader):
        return exporter.choose(
            selection.rows(actor), is_whole=is_streamed, order=None if is_streamed else in_order
        )


def details_of(choice: ExportChoice) -> dict[str, Any]:
    """Return what the log says about an export."""
    selection = choice.selection
    if selection.ids is None and not selection.excluded:
        words: Any = localize(lambda: selection.screen.table.describe(selection.state())) or ""
    else:
        words = localize(selection.describe)
    labels = localize(lambda: ", ".join(header(field) for field in choice.fields))
    return {"filter": words, "columns": labels}


def may_export(actor: Actor, model: Any) -> bool:
    """Return True if an actor may export rows of a model."""
    return actor_has_permission(actor, "can_export", resource_of(model))


def reach_of(actor: Actor) -> str:
    """Return a digest of which rows an actor may see."""
    ids = None if actor.entity_ids is None else sorted(actor.entity_ids)
    content = [ids, actor.is_administrator, actor.home_id]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def start_export(session: Session, importer: Importer, choice: ExportChoice, actor: Actor) -> Job:
    """Enqueue the job that makes a file; it waits for a day."""
    screen = choice.selection.screen
    export = ExportFile(
        importer=importer.name,
        choices=choice.to_json() | {"list": screen.key, "language": current_language()},
        reach=reach_of(actor),
        file_name=file_name(importer, choice.format),
        actor_id=actor.id,
    )
    session.add(export)
    session.flush()
    job = enqueue(
        session,
        "export",
        {"export": export.id},
        actor,
        title=localize(lambda: f"{importer.export_label}: {choice.format.label}"),
    )
    export.job_id = job.id
    session.flush()
    return job


def choice_from_json(importer: Importer, stored: dict[str, Any]) -> ExportChoice:
    """Return the choices of a stored export; DomainError if fields or list are gone."""
    screen: Screen | None = find_screen(importer.model)
    known = {
        field.name: field for field in (*key_fields(importer.model), *importer.export_fields())
    }
    if screen is None or not set(stored["fields"]) <= known.keys():
        raise DomainError(_("The fields have changed. Start the export again."))
    ids = stored["ids"]
    selection = Selection(
        screen, None if ids is None else tuple(ids), stored["on"], tuple(stored["except"])
    )
    fields = tuple(known[name] for name in stored["fields"])
    return ExportChoice(FORMATS[stored["format"]], fields, selection)


def why_not_downloaded(export: ExportFile, actor: Actor, model: Any) -> str:
    """Return why an actor may not download a file of theirs, or an empty text if they may."""
    if export.file_key is None or export.expires_at is None or export.expires_at < now():
        return _("This file has been deleted: it was kept for 24 hours. Start the export again.")
    if not may_export(actor, model) or export.reach != reach_of(actor):
        return _("Your access has changed since this file was made. Start the export again.")
    return ""


def find_export(session: Session, pk: int, importer: str, actor: Actor) -> ExportFile | None:
    """Return an export of the actor's own."""
    if actor.id is None:
        return None
    query = select(ExportFile).where(
        ExportFile.id == pk, ExportFile.importer == importer, ExportFile.actor_id == actor.id
    )
    return session.scalar(query)


def file_name(importer: Importer, file_format: type[FileFormat]) -> str:
    """Return the name of a file to be downloaded."""
    stem = str(importer.label).lower().replace(" ", "-")
    return f"{stem}-{now():%Y-%m-%d}.{file_format.name}"


def delete_old_exports(session: Session, size: int) -> int:
    """Forget exports whose file was deleted a week ago; return how many."""
    old = ExportFile.created_at < now() - 8 * LIFETIME
    some = select(ExportFile.id).where(old).limit(size)
    result: Any = session.execute(
        delete(ExportFile).where(ExportFile.id.in_(some), old),
        execution_options={"synchronize_session": False},
    )
    return result.rowcount
