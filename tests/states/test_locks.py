"""A locked row stays as it is, whatever tries to write it, and everybody is told why."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from app.contacts.models import Contact
from app.crud.actions import get_action
from app.errors import DomainError, Locked
from app.extensions import db
from app.importexport.rows import ImportRow
from app.importexport.rule_checks import reject_states
from app.log.models import LogEntry
from app.security.actor import SYSTEM
from app.states.locks import Lock
from app.trash.services import move_to_trash, purge_all
from tests.contacts.importing import counts, import_file
from tests.factories import a_contact
from tests.operations.run_actions import do, items_of, preview, undo
from tests.people import BRUNO, api_key_header
from tests.sample import declared
from tests.states.sample import CLOSED, a_ticket, set_state

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


@pytest.fixture
def closed(app, session):
    return a_ticket(app, "closed")


@pytest.fixture
def program(client_as):
    """Give Bruno's program: ``program("PATCH", "/api/v1/tickets/1", {…})``."""
    key = api_key_header(BRUNO.user.id)

    def ask(method: str, url: str, json: Any = None):
        return client_as(None).open(url, method=method, json=json, headers=key)

    return ask


def stored(row: Any) -> tuple:
    query = select(type(row)).where(type(row).id == row.id)
    options = {"with_trash": True, "populate_existing": True}
    found = db.session.scalars(query, execution_options=options).one()
    return found.name, found.notes, found.state, found.is_trashed


TRASHED = {"with_trash": True}
AS_IT_WAS = ("Roof", None, "closed", False)


def test_its_page_says_why_and_offers_no_button(app, closed, bruno):
    page = bruno.get(f"/tickets/show/{closed.id}").text
    assert CLOSED in page
    assert f"/tickets/edit/{closed.id}" not in page
    assert f"/tickets/delete/{closed.id}" not in page
    assert closed.why_locked(SYSTEM) == CLOSED
    assert a_ticket(app).why_locked(SYSTEM) == ""


def test_the_form_is_not_opened_and_a_sent_one_keeps_what_was_typed(app, closed, bruno):
    asked = bruno.get(f"/tickets/edit/{closed.id}")
    assert asked.location == f"/tickets/show/{closed.id}"
    # Whoever opened the form before it was closed is told so, not that somebody else saved.
    typed = {"version": 0, "name": "Roof and walls", "entity": closed.entity_id}
    reply = bruno.post(f"/tickets/edit/{closed.id}", data=typed)
    assert reply.status_code == 409
    assert CLOSED in reply.text
    assert "Roof and walls" in reply.text
    assert stored(closed) == AS_IT_WAS


def test_the_api_answers_409_with_the_sentence(closed, program):
    url = f"/api/v1/tickets/{closed.id}"
    changed = program("PATCH", url, {"name": "Wall", "version": 99})
    assert (changed.status_code, changed.get_json()["error"]) == (409, CLOSED)
    removed = program("DELETE", url)
    assert (removed.status_code, removed.get_json()["error"]) == (409, CLOSED)
    assert stored(closed) == AS_IT_WAS


def test_it_is_neither_deleted_nor_restored_nor_purged(app, closed, bruno):
    reply = bruno.post(f"/tickets/delete/{closed.id}")
    assert CLOSED in bruno.get(reply.location).text
    assert stored(closed) == AS_IT_WAS

    lost, other = a_ticket(app), a_ticket(app)
    for row in (lost, other):
        move_to_trash(row, SYSTEM)
    db.session.commit()
    set_state(lost, "closed")
    reply = bruno.post(f"/tickets/restore/{lost.id}")
    assert CLOSED in bruno.get(reply.location).text
    data = {"action": "restore", "rowid": [lost.id, other.id]}
    reply = bruno.post("/tickets/trash/action_post", data=data)
    assert CLOSED in bruno.get(reply.location).text
    reply = bruno.post(f"/tickets/trash/purge/{lost.id}")
    assert CLOSED in bruno.get(reply.location).text
    ids = [lost.id, other.id]
    assert purge_all(db.session(), app.sample.Ticket, SYSTEM) == 1
    found = [db.session.get(app.sample.Ticket, pk, execution_options=TRASHED) for pk in ids]
    assert [row is not None and row.is_trashed for row in found] == [True, False]


def test_a_value_of_the_log_is_not_put_back(app, bruno):
    row = a_ticket(app)
    row.notes = "Leaks"
    db.session.commit()
    set_state(row, "closed")
    query = select(LogEntry.id).where(LogEntry.event == "changed", LogEntry.subject_id == row.id)
    (entry,) = db.session.scalars(query.where(LogEntry.subject_type == "sample_ticket"))
    assert "/putback/" not in bruno.get(f"/tickets/show/{row.id}?tab=log").text
    reply = bruno.post(f"/tickets/putback/{row.id}/{entry}/notes")
    assert CLOSED in bruno.get(reply.location).text
    assert stored(row)[1] == "Leaks"


def test_a_collective_action_skips_it_for_that_reason(app, closed):
    action, actor = app.sample.ChangeNotes, BRUNO.as_actor()
    same = a_ticket(app, "closed", notes="Leaks")
    rows = [closed, same, a_ticket(app)]
    told = preview(action, actor, rows, notes="Leaks")
    assert (told.will_change, told.already, told.skipped) == (1, 1, [(CLOSED, 1)])
    operation = do(action, actor, rows, notes="Leaks")
    assert (operation.changed, operation.already, operation.skipped) == (1, 1, 1)
    assert action.reason_text(items_of(operation)[closed.id].reason) == CLOSED
    operation = do(get_action("delete", app.sample.Ticket), actor, rows)
    assert (operation.changed, operation.skipped) == (1, 2)
    assert stored(closed) == AS_IT_WAS


def test_undoing_leaves_a_row_that_was_locked_since(app):
    action, actor = app.sample.ChangeNotes, BRUNO.as_actor()
    rows = [a_ticket(app), a_ticket(app)]
    operation = do(action, actor, rows, notes="Leaks")
    set_state(rows[0], "closed")
    undone = undo(operation, actor)
    assert (undone.undone, undone.kept) == (1, 1)
    assert action.reason_text(items_of(undone)[rows[0].id].undone_reason) == CLOSED
    assert [stored(row)[1] for row in rows] == ["Leaks", None]


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_import_skips_it_for_that_reason(session, tmp_path, dry_run):
    def declare_lock() -> dict[str, Any]:
        class InAtlantis(Lock):
            model, message = Contact, "Atlantis is closed."

            def locked(self, row):
                return row.city == "Atlantis"

        return locals()

    rows = [
        a_contact(email=f"{city}@example.org".lower(), city=city)
        for city in ("Atlantis", "Bilbao")
    ]
    path = tmp_path / "rows.csv"
    path.write_text("email,notes\natlantis@example.org,Hello\nbilbao@example.org,Hello\n")
    with declared(declare_lock):
        report = import_file(path, dry_run=dry_run)
        rows[0].notes = "Hello"
        with pytest.raises(Locked):
            session.flush()
        session.rollback()
    assert counts(report) == {"updated": 1, "skipped": 1}
    assert [(error["row"], error["reason"]) for error in report.errors] == [
        (2, "Atlantis is closed.")
    ]


@pytest.mark.parametrize("change", ["edit", "trash", "delete"])
def test_a_flush_asks_the_stored_row_once_for_all_rows(app, session, closed, counting, change):
    others = [a_ticket(app) for _number in range(3)]
    rows = [*others, closed]
    for row in rows:
        session.refresh(row)
        if change == "edit":
            row.notes = "Leaks"
        elif change == "trash":
            move_to_trash(row, SYSTEM)
        else:
            session.delete(row)
    with counting() as statements, pytest.raises(Locked, match="closed"):
        session.flush()
    assert len(statements) == 1
    session.rollback()
    assert stored(closed) == AS_IT_WAS


@pytest.mark.parametrize("change", ["add", "edit", "delete"])
def test_its_lines_are_locked_with_it(app, session, change):
    step = app.sample.Step
    row = a_ticket(app, steps=[step(text="Look")])
    (line,) = row.steps
    set_state(row, "closed")
    if change == "add":
        session.add(step(ticket_id=row.id, owner=row, text="Mend"))
    elif change == "edit":
        line.text = "Mend"
    else:
        session.delete(line)
    with pytest.raises(Locked):
        session.flush()
    session.rollback()
    assert [line.text for line in row.steps] == ["Look"]


def test_a_file_may_name_the_state_that_a_row_has(app):
    """Such as one that was exported before."""

    def outcome(outcome: str, state: str, stored: str | None = None) -> str:
        row = ImportRow(source=None, values={"state": state}, outcome=outcome)
        if stored is not None and stored != state:
            row.changes["state"] = (stored, state)
        reject_states(SimpleNamespace(model=app.sample.Ticket, rows=[row]))
        return row.outcome

    assert outcome("updated", "open", "open") == "updated"
    assert outcome("updated", "closed", "open") == "invalid"
    assert outcome("new", "new") == "new"
    assert outcome("new", "closed") == "invalid"


def test_the_state_itself_is_edited_by_nothing(app, session, bruno, program):
    row = a_ticket(app)
    assert 'name="state"' not in bruno.get(f"/tickets/edit/{row.id}").text
    sent = {"state": "closed", "version": row.version}
    reply = program("PATCH", f"/api/v1/tickets/{row.id}", sent)
    assert (reply.status_code, [*reply.get_json()["fields"]]) == (422, ["state"])
    assert program("GET", f"/api/v1/tickets/{row.id}").get_json()["state"] == "new"
    row.state = "closed"
    with pytest.raises(DomainError, match="can’t be edited"):
        session.flush()
    session.rollback()
    assert stored(row)[2] == "new"


def test_the_state_is_shown_filtered_and_sorted_like_a_choice(app, bruno):
    a_ticket(app, "closed", name="Window"), a_ticket(app, name="Door")
    page = bruno.get("/tickets/list/?state__is=closed&sort=-state").text
    assert "Window" in page
    assert "Closed" in page
    assert "Door" not in page
