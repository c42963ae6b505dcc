"""The contract of every importer: pages, commands, fields, and the round trip of an export."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask_babel import force_locale
from flask_babel.speaklater import LazyString
from sqlalchemy import inspect, select

from app.crud.screens import screens
from app.entities.models import Entity
from app.extensions import db
from app.i18n.languages import LANGUAGES
from app.importexport.fields import (
    ID,
    ForeignKeyField,
    ManyToManyField,
    ValueField,
    key_fields,
)
from app.importexport.formats import formats_of
from app.importexport.importer import Importer, find_importer
from app.log.models import LogEntry
from app.repositories.models import Repository
from app.search.models import Searchable
from app.states.stateful import Stateful
from tests.factories import a_row, a_value, the_entity
from tests.importexport.importing import counts, export_file, export_text, import_file

pytestmark = pytest.mark.usefixtures("session")

every_importer = pytest.mark.parametrize(
    "importer", [kind() for kind in Importer.all()], ids=lambda importer: importer.name
)
# A value of each field type that a file may change: what is quoted, folded or reformatted.
VALUES: dict[str, Any] = {
    "text": "Núñez; “S. L.”, \"x\"", "lines": "=one\nand two", "email": "ana@example.org",
    "phone": "+34927216305", "url": "https://example.org/a?b=c", "postcode": "28001",
    "province": "ES-M", "country": "ES", "day": date(1980, 2, 29), "code": "M-7", "flag": True,
    "moment": datetime(2026, 7, 1, 8, 30, tzinfo=UTC), "whole": 1234, "number": Decimal("1234.5"),
    "money": Decimal("1234.50"), "quantity": Decimal("1.5"), "percent": Decimal("12.5"),
}  # fmt: skip


def a_full_row(importer: Importer) -> Any:
    """Insert a row with a value in every field of a file."""
    row = a_row(importer.model)
    mapper = inspect(importer.model)
    for field in importer.export_fields():
        is_state = field.key == "state" and issubclass(importer.model, Stateful)
        # A computed field is only exported, and only a transition changes a state.
        if field not in importer.fields() or is_state:
            continue
        if isinstance(field, ValueField):
            kind = field.field_type
            coded = getattr(kind, "choices", None) if kind.name == "choice" else None
            setattr(row, field.key, next(iter(coded)) if coded else VALUES[kind.name])
        elif isinstance(field, ForeignKeyField):
            key = next(p.key for p in mapper.relationships if p.local_columns == {
                mapper.columns[field.key]} and p.mapper.class_ is field.model)  # fmt: skip
            setattr(row, key, _linked(field.model))
        elif isinstance(field, ManyToManyField):
            setattr(row, field.key, [a_value(field.model), a_value(field.model)])
    db.session.commit()
    return row


def _linked(model: Any) -> Any:
    if model is Entity:
        return the_entity("Bilbao")
    return a_value(model) if issubclass(model, Repository) else a_row(model)


def derived(row: Any) -> tuple[Any, ...]:
    """Return what a row's sort key and search text are, and what they should be."""
    stored = getattr(row, "sort_name", None)
    text = None
    if isinstance(row, Searchable):
        table = row.search_table
        text = db.session.scalar(select(table.c.text).where(table.c.row_id == row.id))
    return stored, text


@every_importer
def test_its_screen_leads_to_its_pages_and_it_has_commands(importer, app):
    (screen,) = [
        one for one in screens() if one.table.model is importer.model and not one.is_trash
    ]
    assert find_importer(importer.model).name == importer.name
    links = {link.permission: link.url for link in screen.list_links}
    base = screen.route_base
    assert links == {"can_import": f"{base}/import", "can_export": f"{base}/export"}
    assert set(app.cli.commands[importer.name].commands) == {"import", "export"}


@every_importer
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_fields_have_the_same_label(importer, language):
    with force_locale(language):
        labels = [str(field.label) for field in importer.fields()]
    assert len({*labels}) == len(labels)


@every_importer
def test_all_its_words_are_translated(importer):
    words = [importer.label, importer.import_label, importer.export_label]
    words += [rule.label for rule in importer.match_rules]
    told = {}
    for language in LANGUAGES:
        with force_locale(language):
            told[language] = [str(word) for word in words if isinstance(word, LazyString)]
    pairs = zip(told["en"], told["es"], strict=True)
    assert [one for one, other in pairs if one == other] == []


@every_importer
@pytest.mark.both_databases
def test_an_export_imports_again_without_a_change_in_either_language(importer, tmp_path):
    a_full_row(importer)
    a_row(importer.model, "Sur")
    path = tmp_path / "export.csv"
    for written, read in (("en", "es"), ("es", "en")):
        with force_locale(written):
            text = export_text(importer)
        path.write_text(text, newline="")
        # One of the rows has a value in every field.
        assert any(all(row.values()) for row in csv.DictReader(io.StringIO(text)))
        with force_locale(read):
            report = import_file(importer, path)
        assert report.errors == []
        assert set(counts(report)) == {"unchanged"}


@every_importer
@pytest.mark.both_databases
def test_every_format_imports_again_without_a_change(importer, tmp_path):
    a_full_row(importer)
    a_row(importer.model, "Sur")
    for file_format in formats_of(importer.export_fields()):
        path = export_file(importer, tmp_path / f"export.{file_format.name}", file_format.name)
        for chunk_size in (1, 1000):
            report = import_file(importer, path, chunk_size=chunk_size)
            assert (file_format.name, report.errors) == (file_format.name, [])
            assert set(counts(report)) == {"unchanged"}
            if key_fields(importer.model):
                assert set(report.matched) == {ID}


@every_importer
@pytest.mark.both_databases
def test_an_export_recreates_a_row_as_if_it_were_added_by_hand(importer, tmp_path):
    row = a_full_row(importer)
    text, was = export_text(importer), derived(row)
    path = tmp_path / "export.csv"
    path.write_text(text, newline="")
    db.session.delete(row)
    db.session.commit()
    assert counts(import_file(importer, path))["new"] == 1
    assert sorted(export_text(importer).splitlines()) == sorted(text.splitlines())
    query = select(importer.model).order_by(importer.model.id.desc()).limit(1)
    again = db.session.scalars(query).one()
    assert derived(again) == was
    (entry,) = db.session.scalars(
        select(LogEntry).where(
            LogEntry.subject_type == importer.model.__tablename__, LogEntry.subject_id == again.id
        )
    )
    assert (entry.event, entry.subject_name) == ("created", str(again))
