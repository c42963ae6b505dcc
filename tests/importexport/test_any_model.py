"""Import and export of a model that has no entity, no trash, no search and no unique column."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask_appbuilder import Model
from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.importexport.importer import Importer
from app.importexport.matchrules import MatchRule
from app.importexport.report import MAX_CREATED, Report
from app.imports.views import ImportExportPages
from app.log.models import LogEntry, Logged
from app.models import VersionedRow
from app.security.areas import Area
from app.security.scope import OpenToStaff
from tests.importexport.importing import counts, export_text, import_file
from tests.people import ALICIA
from tests.sample import sample_app


def declare() -> dict[str, Any]:
    class Hall(Model, VersionedRow, OpenToStaff, Logged):
        __tablename__ = "hall"
        name: Mapped[str] = mapped_column(String(40), info={"label": "Name"})
        seats: Mapped[int | None] = mapped_column(info={"label": "Seats"})

        def __str__(self):
            return self.name

    class HallImporter(Importer):
        name, label, model = "halls", "Halls", Hall
        match_rules = (MatchRule("name", "Name", ("name",)),)

    class HallView(ImportExportPages, ModelView):
        datamodel = ScopedInterface(Hall)
        route_base, label, area = "/halls", "Halls", Area.SETTINGS
        list_columns = ("name", "seats")
        edit_columns = ("name", "seats")

    return locals()


@pytest.fixture(scope="module")
def app(database, tmp_path_factory):
    with sample_app(database, tmp_path_factory.mktemp("sample"), declare) as app:
        yield app


def test_rows_are_created_updated_logged_and_exported_again(app, session, tmp_path):
    importer, hall = app.sample.HallImporter(), app.sample.Hall
    path = tmp_path / "halls.csv"
    path.write_text("name,seats\nAula,30\nPatio,\n")
    assert counts(import_file(importer, path)) == {"new": 2}
    path.write_text("name,seats\nAula,31\nPatio,\n,5\n")
    report = import_file(importer, path)
    assert counts(report) == {"updated": 1, "unchanged": 1, "invalid": 1}
    assert [error["field"] for error in report.errors] == ["name"]
    row = session.scalars(select(hall).where(hall.name == "Aula")).one()
    query = select(LogEntry.event).where(
        LogEntry.subject_type == "hall", LogEntry.subject_id == row.id
    )
    assert list(session.scalars(query.order_by(LogEntry.id))) == ["created", "changed"]
    assert export_text(importer, where=("seats=31",)).splitlines() == ["Name,Seats", "Aula,31"]


def test_its_pages_ask_for_no_entity_and_lead_to_the_end(app, client_as, session):
    browser = client_as(ALICIA)
    at = browser.post(
        "/halls/import", data={"file": (io.BytesIO(b"name\nAula\n"), "a.csv")}
    ).location
    page = browser.get(at).text
    assert 'name="entity"' not in page
    assert 'name="create_values"' not in page
    sent = {"header": re.findall('name="header" value="([^"]*)"', page), "field": ["name"]}
    assert browser.post(at, data=sent).location == f"{at}/check"
    digest = re.search('name="plan_hash" value="([0-9a-f]+)"', browser.get(f"{at}/check").text)[1]
    job = browser.post(f"{at}/run", data={"plan_hash": digest}).location
    assert re.search(r'New <b data-count="new">1</b>', browser.get(job).text)


def test_more_created_values_than_are_named_are_said_to_be_more():
    report = Report()
    for number in [*range(MAX_CREATED), 3, 4]:
        report.add_created("Tags", f"tag {number}")
    assert "created_more" not in report.to_dict()
    report.add_created("Tags", "one more")
    assert report.to_dict()["created_more"] == ["Tags"]
    assert len(Report.from_json(report.to_json()).created_values["Tags"]) == MAX_CREATED
