"""What a room costs: this one has everything, in the lines of ``declare`` and no file of ``app``."""

from __future__ import annotations

import inspect
import io
import re
from typing import Any

import pytest
from flask_appbuilder import Model
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.contacts.models import Contact
from app.crud.header_actions import HeaderAction
from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.crud.relatedtab import RelatedTab
from app.crud.startpage import Figure
from app.entities.models import Entity
from app.extensions import db
from app.i18n.counted import Counted
from app.importexport.importer import Importer, MatchRule
from app.imports.views.importing import ImportExportPages
from app.log.models import LogEntry, Logged
from app.models import VersionedRow
from app.operations.actions import Action
from app.operations.batch import Batch
from app.search.models import Searchable, search_table
from app.security.areas import Area
from app.security.scope import Scoped
from app.text import fold, sort_key
from app.trash.models import Trashable
from app.types import SortKey
from tests.contacts.test_import_pages import run_import, submit_columns
from tests.contracts.pagereader import find_post_form
from tests.factories import a_contact, the_entity
from tests.people import BRUNO, CLARA, api_key_header
from tests.sample import sample_app

MOST_LINES = 80
PRIORITIES = {"low": "Low", "high": "High"}


def declare() -> dict[str, Any]:
    class Ticket(Model, VersionedRow, Scoped, Trashable, Searchable, Logged):
        """What somebody asks the organisation to look into."""

        __tablename__ = "sample_ticket"
        search_table = search_table("sample_ticket")
        name_parts = ("subject",)
        subject: Mapped[str] = mapped_column(
            String(160), info={"label": "Subject", "searched": True}
        )
        sort_name: Mapped[str] = mapped_column(SortKey(), default="")
        priority: Mapped[str | None] = mapped_column(
            String(8), info={"kind": "choice", "choices": PRIORITIES, "label": "Priority"}
        )
        email: Mapped[str | None] = mapped_column(
            String(254), info={"kind": "email", "label": "E-mail"}
        )
        entity_id: Mapped[int] = mapped_column(ForeignKey("entity.id"))
        contact_id: Mapped[int | None] = mapped_column(
            ForeignKey("contact.id", ondelete="SET NULL"), index=True
        )
        entity: Mapped[Entity] = relationship(info={"label": "Entity"})
        contact: Mapped[Contact | None] = relationship(info={"label": "Contact"})

        @validates("subject")
        def _update_sort_name(self, _key: str, subject: str) -> str:
            self.sort_name = sort_key(subject or "")
            return subject

        def search_text(self) -> str:
            return fold(self.subject)

        def __str__(self) -> str:
            return self.subject

    class TicketView(ImportExportPages, ModelView):
        """Tickets."""

        datamodel = ScopedInterface(Ticket)
        route_base, area, category, icon = "/tickets", Area.CONTACTS, "Contacts", "life-preserver"
        label, singular, add_title = "Tickets", "Ticket", "New ticket"
        counted = Counted("%(num)s ticket", "%(num)s tickets")
        list_columns = ("subject", "contact", "priority", "entity", "email")
        search_columns = ("subject", "contact", "priority", "entity")
        edit_columns = ("subject", "contact", "priority", "email", "entity")
        order_by = {"subject": "sort_name"}
        base_sort = "subject"
        api = trash = in_new_menu = True

    class TicketImporter(Importer):
        name, model, label = "tickets", Ticket, "Tickets"
        import_label, export_label = "Import tickets", "Export tickets"
        match_rules = (MatchRule("subject", "Subject", ("subject",)),)

    class MarkAsUrgent(Action):
        model, label, icon = Ticket, "Mark as urgent", "flag"

        def apply(self, batch: Batch) -> None:
            batch.set(Ticket.priority, "high")

    class ContactTickets(RelatedTab):
        model, screen, by = Contact, TicketView, "contact"

    class TicketsFigure(Figure):
        screen, label, icon = TicketView, "Tickets", "life-preserver"

    class ShowContact(HeaderAction):
        model, label, icon = Ticket, "Show contact", "person"

        @classmethod
        def url(cls, row: Any, screen: Any) -> str:
            return f"/contacts/show/{row.contact_id}" if row.contact_id else ""

    return locals()


@pytest.fixture(scope="module")
def app(database, tmp_path_factory):
    with sample_app(database, tmp_path_factory.mktemp("sample"), declare) as app:
        yield app


def add_ticket(browser, app, **typed: str) -> Any:
    """Create a ticket by its form."""
    form = find_post_form(browser.get("/tickets/add").text)
    north = {"entity": str(the_entity("Norte").id)}
    assert browser.post("/tickets/add", data=form.submitted(**north, **typed)).status_code == 302
    query = select(app.sample.Ticket).order_by(app.sample.Ticket.id.desc()).limit(1)
    return db.session.scalars(query).one()


def test_a_room_with_everything_is_short():
    lines = [line for line in inspect.getsource(declare).splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES


def test_a_row_is_created_listed_found_changed_logged_and_deleted(app, client_as):
    browser = client_as(BRUNO)
    contact = a_contact()
    ticket = add_ticket(
        browser, app, subject="Ñandú lost", priority="low", contact=str(contact.id),
        email="eva@example.org",
    )  # fmt: skip
    row = f"/tickets/show/{ticket.id}"
    assert row in browser.get("/tickets/list/?q=ñandu&priority__is=low&sort=-subject").text
    assert "Ñandú lost" in browser.get("/search?q=ñandu").text
    page = browser.get(row).text
    for link in ("mailto:eva@example.org", f"/contacts/show/{contact.id}"):
        assert f'href="{link}"' in page
    form = find_post_form(browser.get(f"/tickets/edit/{ticket.id}").text)
    browser.post(f"/tickets/edit/{ticket.id}", data=form.submitted(priority="high"))
    assert "High" in browser.get(f"{row}?tab=log").text
    assert row in browser.get(f"/contacts/show/{contact.id}?tab=tickets").text
    browser.post(f"/tickets/delete/{ticket.id}")
    assert browser.get(row).status_code == 404
    assert f"/tickets/trash/show/{ticket.id}" in browser.get("/tickets/trash/list/").text
    browser.post(f"/tickets/restore/{ticket.id}")
    assert browser.get(row).status_code == 200


def test_it_has_its_place_in_the_menus_and_on_the_start_page(app, client_as):
    add_ticket(client_as(BRUNO), app, subject="One")
    page = client_as(BRUNO).get("/").text
    assert 'href="/tickets/add"' in page
    assert re.search(
        r'href="/tickets/list/"[^>]*><span[^>]*>.*?Tickets</span><b>1</b>', page, re.S
    )
    page = client_as(CLARA).get("/").text
    assert 'href="/tickets/list/"' in page
    assert 'href="/tickets/add"' not in page
    spanish = client_as(BRUNO).get("/tickets/list/", headers={"Accept-Language": "es"}).text
    assert 'lang="es"' in spanish


def test_programs_reach_it_by_the_api(app, client_as):
    browser, key = app.test_client(), api_key_header(BRUNO.user.id)
    sent = {"subject": "By a program", "entity": the_entity("Norte").id}
    made = browser.post("/api/v1/tickets/", json=sent, headers=key)
    assert made.status_code == 201
    found = browser.get("/api/v1/tickets/?q=program", headers=key).json["results"]
    assert [row["subject"] for row in found] == ["By a program"]
    paths = client_as(BRUNO).get("/api/v1/openapi.json").json["paths"]
    assert "/api/v1/tickets/{id}" in paths


def test_many_are_changed_at_once_and_exported_and_imported(app, client_as):
    browser = client_as(BRUNO)
    tickets = [add_ticket(browser, app, subject=f"Many {n}").id for n in range(3)]
    ticked = {"action": "mark_as_urgent", "rowid": tickets}
    preview = browser.post("/tickets/action_post", data=ticked, follow_redirects=True)
    action = re.search(r'action="(/operations/\d+/confirm)"', preview.text)[1]
    confirmed = find_post_form(preview.text, action).submitted()
    assert browser.post(action, data=confirmed).status_code == 302
    form = find_post_form(browser.get("/tickets/export").text, "/tickets/export.csv")
    text = browser.post("/tickets/export.csv", data=form.submitted()).get_data(as_text=True)
    assert text.count("High") == 3
    file = {"file": (io.BytesIO(b"Subject;Priority\nMany 1;Low\nNew;High\n"), "t.csv")}
    at = browser.post("/tickets/import", data=file).location
    submit_columns(browser, at, match="subject")
    run_import(browser, at)
    listed = {
        row.subject: row.priority for row in db.session.scalars(select(app.sample.Ticket)).all()
    }
    assert listed == {"Many 0": "high", "Many 1": "low", "Many 2": "high", "New": "high"}
    events = select(LogEntry).where(LogEntry.subject_type == "sample_ticket")
    assert len(db.session.scalars(events).all()) == 8
