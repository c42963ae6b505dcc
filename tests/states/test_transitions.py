"""One class gives a state its button, its address in the API, its collective action and its log."""

from __future__ import annotations

from datetime import UTC, datetime
from types import new_class
from typing import Any

import pytest
from sqlalchemy import select

from app.crud.actions import get_action
from app.errors import NotPossible
from app.extensions import db
from app.fieldtypes import to_json
from app.log.models import LogEntry
from app.security.actor import SYSTEM
from app.states.moves import apply_transition
from app.states.rules import Rule
from app.states.stateful import Stateful
from app.states.transitions import Transition
from app.trash.services import move_to_trash
from tests.operations.run_actions import do, items_of, preview, undo
from tests.people import BRUNO, CLARA, api_key_header
from tests.sample import declared
from tests.states.sample import BURNING, CLOSED, FINAL, a_ticket

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


@pytest.fixture
def program(client_as):
    """Give Bruno's program: ``program("close", row, reason="…")``."""
    key = api_key_header(BRUNO.user.id)

    def ask(name: str, row: Any, method: str = "POST", **sent: Any):
        url = f"/api/v1/tickets/{row.id}/{name}"
        return client_as(None).open(url, method=method, json=sent, headers=key)

    return ask


def stored(row: Any) -> tuple:
    query = select(type(row)).where(type(row).id == row.id)
    options = {"with_trash": True, "populate_existing": True}
    found = db.session.scalars(query, execution_options=options).one()
    return found.state, found.notes


def me(person: Any) -> list:
    """Return a user as the log stores them."""
    return [person.user.id, str(person.user)]


def moment(row: Any) -> str:
    """Return when a ticket was closed, as the log stores it."""
    return to_json(row.closed_at)


def last_entry(row: Any) -> LogEntry:
    query = select(LogEntry).where(LogEntry.subject_type == "sample_ticket")
    query = query.where(LogEntry.subject_id == row.id).order_by(LogEntry.id.desc())
    return db.session.scalars(query).first()


def press(browser: Any, name: str, row: Any, **data: Any) -> str:
    """Press a button of the row's page; return the text of the page that follows."""
    reply = browser.post(f"/tickets/transition/{row.id}/{name}", data=data)
    return browser.get(reply.location).text if reply.location else reply.text


def test_the_page_has_a_button_for_each_way_out_of_the_state(app, bruno, client_as):
    page = bruno.get(f"/tickets/show/{a_ticket(app).id}").text
    assert "/close" in page
    assert "/open-again" not in page
    closed = a_ticket(app, "closed")
    page = bruno.get(f"/tickets/show/{closed.id}").text
    assert f"/tickets/transition/{closed.id}/open-again" in page
    assert "/close" not in page
    assert "/open-again" not in client_as(CLARA).get(f"/tickets/show/{closed.id}").text


def test_a_button_asks_moves_and_is_logged_in_its_own_words(app, bruno):
    row = a_ticket(app)
    form = bruno.get(f"/tickets/transition/{row.id}/close")
    assert "A closed ticket is locked." in form.text
    assert "required" in press(bruno, "close", row, reason="", version=row.version)
    assert stored(row) == ("new", None)

    assert "Closed" in press(bruno, "close", row, reason="Mended", version=row.version)
    assert stored(row) == ("closed", "Mended")
    entry = last_entry(row)
    assert (entry.event, entry.version) == ("close_sample_ticket", 2)
    closed_at = entry.changes.pop("closed_at")
    assert entry.changes == {
        "state": ["new", "closed"], "notes": [None, "Mended"], "closed_by_id": [None, me(BRUNO)],
    }  # fmt: skip
    assert closed_at == [None, moment(row)]
    log = bruno.get(f"/tickets/show/{row.id}?tab=log").text
    assert "closed this" in log
    # It is locked by now, and still goes back.
    assert CLOSED in bruno.get(f"/tickets/show/{row.id}").text
    press(bruno, "open-again", row, version=row.version)
    assert stored(row) == ("open", "Mended")
    # What else belongs to a transition changes the row after it is locked.
    press(bruno, "finish", row)
    assert stored(row) == ("closed", "Done")


def test_a_version_that_cannot_be_read_is_an_old_one(app, bruno):
    row = a_ticket(app)
    page = press(bruno, "close", row, reason="Mended", version="x")
    assert "Someone else has changed this" in page
    assert stored(row) == ("new", None)


def test_twice_too_late_or_against_a_check_is_a_clear_sentence(app, bruno):
    row = a_ticket(app)
    press(bruno, "close", row, reason="Mended", version=row.version)
    assert "already “Closed”" in press(bruno, "close", row, reason="Again", version=row.version)
    assert stored(row) == ("closed", "Mended")
    other = a_ticket(app)
    assert "can’t be done in the state “New”" in press(bruno, "finish", other)
    assert "Someone else has changed this" in press(bruno, "close", other, reason="x", version=9)
    fire = a_ticket(app, name="Fire")
    assert BURNING in press(bruno, "close", fire, reason="Mended", version=1)
    assert [stored(one) for one in (other, fire)] == [("new", None), ("new", None)]


def test_what_is_out_of_scope_trashed_unknown_or_not_permitted_is_refused(
    app, bruno, program, client_as
):
    own, foreign, trashed = a_ticket(app), a_ticket(app, entity="Sur"), a_ticket(app)
    move_to_trash(trashed, SYSTEM)
    db.session.commit()
    for row, name in ((foreign, "close"), (trashed, "close"), (own, "burn")):
        address = f"/tickets/transition/{row.id}/{name}"
        assert bruno.post(address, data={"reason": "x"}).status_code == 404
        assert program(name, row, reason="x").status_code == 404
    address = f"/tickets/transition/{own.id}/close"
    assert client_as(CLARA).post(address, data={"reason": "x"}).status_code == 403
    # What it asks is read only by those who may do it.
    assert client_as(CLARA).get(address).status_code == 403
    key = api_key_header(CLARA.user.id)
    url = f"/api/v1/tickets/{own.id}/close"
    assert client_as(None).post(url, json={"reason": "x"}, headers=key).status_code == 403
    assert {stored(row) for row in (own, foreign, trashed)} == {("new", None)}


def test_the_state_that_counts_is_the_stored_one(app, session):
    """Somebody else may have moved the row a moment after it was read."""
    row = a_ticket(app)
    table = app.sample.Ticket.__table__
    session.execute(table.update().where(table.c.id == row.id).values(state="closed"))
    assert row.state == "new"
    with pytest.raises(NotPossible, match="already “Closed”"):
        apply_transition(session(), row, app.sample.Finish(SYSTEM))


def test_the_api_moves_a_row_and_says_why_not(app, program):
    row = a_ticket(app)
    told = program("close", row, colour="red")
    assert (told.status_code, sorted(told.get_json()["fields"])) == (422, ["colour", "reason"])
    assert program("close", row, reason="Mended", version=9).get_json()["current"]["id"] == row.id
    done = program("close", row, reason="Mended", version=1)
    assert (done.status_code, done.get_json()["state"]) == (200, "closed")
    again = program("close", row, reason="Mended")
    assert (again.status_code, again.get_json()["error"]) == (
        409, "Its state is already “Closed”."
    )  # fmt: skip
    assert program("close", row, "PUT").status_code == 405
    assert program("open-again", row).get_json()["state"] == "open"


def test_the_api_describes_it(app, client_as):
    document = client_as(BRUNO).get("/api/v1/openapi.json").get_json()
    path = document["paths"]["/api/v1/tickets/{id}/close"]["post"]
    assert path["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/TicketClose"
    }
    assert document["components"]["schemas"]["TicketClose"]["required"] == ["reason"]
    assert document["components"]["schemas"]["Ticket"]["properties"]["state"]["readOnly"]


def test_a_collective_action_moves_those_it_can_and_is_undone(app):
    action, actor = get_action("close_sample_ticket"), BRUNO.as_actor()
    once = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
    again = {"notes": "Once", "closed_at": once, "closed_by": CLARA.user}
    rows = [
        a_ticket(app),
        a_ticket(app, "open", **again),
        a_ticket(app, "closed"),
        a_ticket(app, name="Fire"),
    ]
    told = preview(action, actor, rows, reason="Mended")
    assert (told.will_change, told.already, told.skipped) == (2, 1, [(BURNING, 1)])
    assert told.sample[0].changes == [("State", "New", "Closed")]

    operation = do(action, actor, rows, reason="Mended")
    assert (operation.changed, operation.already, operation.skipped) == (2, 1, 1)
    closed = ("closed", "Mended")
    assert [stored(row) for row in rows] == [closed, closed, ("closed", None), ("new", None)]
    entry = last_entry(rows[1])
    assert (entry.event, entry.operation_id) == ("close_sample_ticket", operation.id)
    said = {
        "state": ["open", "closed"], "notes": ["Once", "Mended"],
        "closed_at": ["2026-01-02T03:04:05+00:00", moment(rows[1])],
        "closed_by_id": [me(CLARA), me(BRUNO)],
    }  # fmt: skip
    assert entry.changes == said

    # Somebody opens one of them again: it stays as it is.
    apply_transition(db.session(), rows[0], app.sample.OpenAgain(SYSTEM))
    db.session.commit()
    undone = undo(operation, actor)
    assert (undone.undone, undone.kept) == (1, 1)
    assert [stored(row) for row in rows[:2]] == [("open", "Mended"), ("open", "Once")]
    assert (rows[1].closed_at, rows[1].closed_by) == (once, CLARA.user)
    entry = last_entry(rows[1])
    assert entry.event == "transition_undone"
    assert entry.changes == {name: pair[::-1] for name, pair in said.items()}


def test_rows_in_another_state_are_skipped_for_that_reason(app):
    action, actor = get_action("finish_sample_ticket"), BRUNO.as_actor()
    rows = [a_ticket(app), a_ticket(app, "open")]
    operation = do(action, actor, rows)
    assert (operation.changed, operation.skipped) == (1, 1)
    assert "in its state" in action.reason_text(items_of(operation)[rows[0].id].reason)
    # What else belongs to it changes a row that is locked by now.
    assert stored(rows[1]) == ("closed", "Done")
    with pytest.raises(Exception, match=FINAL):
        undo(operation, actor)


def test_a_transition_asks_the_rules(app, session):
    def declare_rule() -> dict[str, Any]:
        class NeverClosed(Rule):
            model, message = app.sample.Ticket, "Nothing is closed on a Sunday."

            def broken(self, row):
                return row.state == "closed"

        return locals()

    row = a_ticket(app, "open")
    with declared(declare_rule):
        with pytest.raises(NotPossible, match="Sunday"):
            apply_transition(session(), row, app.sample.Finish(SYSTEM))
        operation = do(get_action("finish_sample_ticket"), BRUNO.as_actor(), [row])
    assert (operation.changed, operation.skipped) == (0, 1)
    assert stored(row) == ("open", None)


@pytest.mark.parametrize(
    "attributes", [{"to": "lost"}, {"from_": ("lost",)}, {"__name": "FinishWhatNobodyEverBegan"}]
)
def test_a_transition_between_states_that_do_not_exist_is_refused_at_start(app, attributes):
    names = {"model": app.sample.Ticket, "from_": ("open",), "to": "closed"} | attributes
    with declared(dict), pytest.raises(TypeError):
        new_class(names.pop("__name", "Lose"), (Transition,), {}, lambda body: body.update(names))


def test_a_new_row_has_a_state_that_exists():
    with pytest.raises(TypeError):
        new_class("Lost", (Stateful,), {}, lambda body: body.update(states={"a": 1}, initial="b"))
