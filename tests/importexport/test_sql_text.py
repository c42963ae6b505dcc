"""What SQL writes to a file is what the field types write in Python, byte by byte."""

from __future__ import annotations

import datetime
from decimal import Decimal
from itertools import cycle
from typing import Any

import pytest
from flask_babel import force_locale
from sqlalchemy import Boolean, Column, Date, Integer, String, literal, select, type_coerce, update

from app import types
from app.contacts.importers import ContactImporter
from app.extensions import db
from app.fieldtypes import FieldType, SqlHints, get_field_type
from app.importexport.csv_response import csv_lines
from app.importexport.exporter import Exporter
from app.importexport.fields import ForeignKeyField, ManyToManyField, ValueField
from app.importexport.importer import Importer
from app.repositories.models import Repository
from app.security.scope import visible
from tests.factories import a_contact, a_row, a_value, the_entity
from tests.people import ALICIA, BRUNO

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("session")]

every_importer = pytest.mark.parametrize(
    "importer", [kind() for kind in Importer.all()], ids=lambda importer: importer.name
)
TEXTS = (
    "=1+1", "'=x", "''", "'", "", 'a "b"', "x;y", "x,y", "two\nlines", "\r\n", "\ttab", "＝wide",
    "＠", "-5", "+34", "@a", "0", "A", "Ωñ 🎉", "\\.", "\\N", "NULL", " lead", "𐀀", "｡", "%s %%", ":a",
)  # fmt: skip
VALUES: dict[str, tuple[Any, ...]] = {
    "country": ("ES", "FR", "", "DE", None),
    "province": ("ES-M", "FR-75C", "=x", "ES-M", "XX-1", None, "", "ab-c"),
    "flag": (True, False),
    "day": (datetime.date(1980, 2, 29), datetime.date(1, 1, 1), None, datetime.date(9999, 12, 31)),
    "moment": (
        datetime.datetime(2026, 7, 1, 8, 30, 59, 999999, tzinfo=datetime.UTC),
        datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC),
    ),
    "whole": (-5, 0, 1234567),
    "duration": (0, 90),
    **dict.fromkeys(("number", "money", "quantity", "percent"), tuple(
        Decimal(text) for text in ("-0.05", "0", "1234567890.50", "-12")
    )),
}  # fmt: skip


def hostile_values(field: ValueField) -> Any:
    """Return the values that the rows have in a field, one after the other."""
    kind = field.field_type
    if kind.name in ("choice", "colour"):
        return cycle(kind.info["choices"])
    if kind.name in VALUES:
        return cycle(VALUES[kind.name])
    length = kind.max_length or 100
    texts = [text[:length] for text in TEXTS]
    return (
        text if count < len(texts) else f"{count}"[:length]
        for count, text in enumerate(cycle(texts))
    )


def hostile_rows(importer: Importer) -> None:
    """Insert rows with everything that is quoted, escaped or written as a label."""
    model, fields = importer.model, importer.export_fields()
    rows = [a_row(model) for _text in TEXTS]
    links = {
        field.name: [_linked(field.model, text) for text in ("=a", "'", "b;c", 'q"', "plain")]
        for field in fields
        if isinstance(field, ForeignKeyField | ManyToManyField)
    }
    columns = {
        field.key: hostile_values(field)
        for field in fields
        if isinstance(field, ValueField) and field in importer.fields()
    }
    unique = {c.key for c in model.__table__.columns if c.unique}
    for number, row in enumerate(rows):
        for field in fields:
            linked = links.get(field.name, [])
            if isinstance(field, ManyToManyField):
                setattr(row, field.key, linked[: number % 6])
            elif isinstance(field, ForeignKeyField):
                setattr(row, field.key, linked[number % 5].id)
        db.session.flush()
        values = {key: next(column) for key, column in columns.items() if key not in unique}
        nullable = model.__table__.c
        values = {k: v for k, v in values.items() if v is not None or nullable[k].nullable}
        db.session.execute(update(model.__table__).where(nullable.id == row.id).values(values))
    db.session.commit()


def _linked(model: Any, text: str) -> Any:
    if issubclass(model, Repository):
        return a_value(model, label_en=text, label_es=f"{text} es")
    if hasattr(model, "path"):
        return the_entity("Bilbao")
    row = a_row(model)
    row.name = text
    db.session.flush()
    return row


def both_ways(importer: Importer, actor: Any, delimiter: str) -> tuple[bytes, bytes, bytes]:
    """Return the file as it is downloaded, of all rows and of their ids, and as Python writes it."""
    exporter = Exporter(db.session(), importer.model, importer.export_fields(), actor)
    query = visible(importer.model, actor)
    whole = exporter.choose(query, is_whole=True)
    some = exporter.choose(query, is_whole=False)
    assert whole.count == some.count > 0
    assert exporter.is_in_sql
    found = []
    for chosen in (whole, some):
        blocks = exporter.blocks(chosen, delimiter)
        found.append(b"".join(b if isinstance(b, bytes) else b.encode() for b in blocks))
    header = [str(field.label) for field in exporter.fields]
    lines = csv_lines([header, *exporter.rows(exporter.select_ids(query))], delimiter)
    return (found[0], found[1], "".join(lines).encode())


@every_importer
@pytest.mark.parametrize(("language", "delimiter"), [("en", ","), ("es", ";")])
def test_sql_and_python_write_the_same_file(importer, language, delimiter):
    hostile_rows(importer)
    with force_locale(language):
        whole, some, expected = both_ways(importer, ALICIA.as_actor(), delimiter)
    assert whole.split(b"\r\n") == expected.split(b"\r\n")
    assert whole == expected
    assert some == expected


def test_a_reader_of_one_entity_gets_the_same_file(monkeypatch):
    monkeypatch.setattr("app.importexport.exporter.COPY_SIZE", 2)
    manager = a_contact(last_name="Peña")
    for entity in ("Bilbao", "Sur", "Norte"):
        a_contact(entity, manager=manager, tags=[], last_name=f"-{entity}")
    whole, some, expected = both_ways(ContactImporter(), BRUNO.as_actor(), ",")
    assert whole == some == expected
    assert b"'-Bilbao" in whole
    assert b"'-Sur" not in whole


@pytest.mark.parametrize(
    ("kind", "column_type"),
    [
        ("money", types.Money()), ("quantity", types.Quantity()), ("percent", types.Percent()),
        ("whole", Integer()), ("duration", Integer()), ("flag", Boolean()),
        ("day", Date()), ("moment", types.UTCDateTime()),
    ],
    ids=lambda value: str(value),
)  # fmt: skip
def test_sql_and_python_write_the_same_value(kind, column_type):
    field_type = get_field_type(Column("x", column_type, info={"kind": kind}))
    dialect = db.session.get_bind().dialect.name
    hints = SqlHints(dialect, None, lambda text: text, lambda _pattern: [])
    for value in VALUES[kind]:
        stored = literal(value, column_type)
        written = field_type.file_text(stored, hints)
        # An amount comes out of the database with all its decimals.
        read, found = db.session.execute(select(type_coerce(stored, column_type), written)).one()
        expected = read if isinstance(value, Decimal) else value
        assert (found or "") == field_type.write(expected)


def test_a_type_without_sql_has_the_file_written_in_python(monkeypatch):
    class Shouted(FieldType):
        def write(self, value):
            return (value or "").upper()

    assert not Shouted.is_written_in_sql
    a_contact(last_name="Peña", city="Bilbao")
    fields = ContactImporter().export_fields()
    city = next(field for field in fields if field.name == "city")
    monkeypatch.setattr(city, "field_type", Shouted(Column("city", String(20))))
    exporter = Exporter(db.session(), ContactImporter.model, fields, ALICIA.as_actor())
    chosen = exporter.choose(visible(ContactImporter.model, ALICIA.as_actor()), is_whole=True)
    text = "".join(str(block) for block in exporter.blocks(chosen))
    assert "BILBAO" in text
    assert "Peña" in text
