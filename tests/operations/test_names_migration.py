"""The migration of the names that operations store: old operations are read, shown and undone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Contact, Status
from app.extensions import db
from app.jobs.runner import run_now
from app.operations.jobs import OperationRun
from app.operations.models import Operation
from app.security.actor import acting_as
from tests.databases import migrated_app
from tests.factories import a_contact, a_value
from tests.operations.run_actions import confirm, create_draft_for, do, undo
from tests.operations.test_undo_again import first_chunk
from tests.people import ALICIA, force_login, seed_people

pytestmark = pytest.mark.both_databases

OLD, NEW = "0004", "0005"
# The last version that froze every row as an item.
BEFORE_LISTS = "0031"


@pytest.fixture
def own_app(database, tmp_path) -> Iterator[Flask]:
    """Give a program over a migrated database of its own, with people in it."""
    with migrated_app(database, tmp_path) as app, app.app_context():
        seed_people(app.appbuilder.grants())
        yield app


def stored(query: str, number: int) -> list[Any]:
    """Return the JSON columns of one row as the database holds them, without the models."""
    row = db.session.execute(text(query), {"id": number}).one()
    db.session.rollback()
    return [json.loads(value) if isinstance(value, str) else value for value in row]


def selection_and_plan(number: int) -> list[Any]:
    return stored("SELECT selection, plan FROM operation WHERE id = :id", number)


def before(row_id: int) -> dict[str, Any]:
    return stored("SELECT before FROM operation_item WHERE row_id = :id", row_id)[0]


def test_an_operation_in_the_old_format_is_migrated_and_undone(own_app, plugs):
    actor = ALICIA.as_actor()
    rows = [a_contact(position="Vocal"), a_contact(position="retired")]
    ids = [row.id for row in rows]
    operation = do(plugs["Retire"], actor, rows)
    number = operation.id
    new_selection, new_plan = selection_and_plan(number)
    moment = new_plan[0]["at"]
    db.session.remove()

    downgrade(revision=OLD)

    selection, plan = selection_and_plan(number)
    assert selection == {"view": "ContactView", "ids": ids, "on": ""}
    assert plan == [
        {"verb": "put_away", "at": moment, "actor_id": ALICIA.user.id},
        {"verb": "set", "column": "position", "value": "retired"},
    ]
    assert [before(row_id) for row_id in ids] == [
        {"put_away": [1], "set.position": ["Vocal"]},
        {"put_away": [1]},
    ]
    db.session.remove()

    upgrade(revision=NEW)

    assert selection_and_plan(number) == [new_selection, new_plan]
    assert new_selection["list"] == "contacts"
    assert new_plan[0]["verb"] == "move_to_trash"
    assert before(ids[1]) == {"move_to_trash": [1]}
    db.session.remove()
    # What the program does next needs the tables of today.
    upgrade()
    operation = db.session.get_one(Operation, number)
    browser = own_app.test_client()
    force_login(browser, ALICIA.user.id)
    page = browser.get(f"/jobs/{operation.job_id}/").text
    assert 'href="/contacts/list/"' in page
    assert f'action="/operations/{number}/undo"' in page
    operation = db.session.get_one(Operation, number)
    operation = undo(operation, ALICIA.as_actor())
    assert (operation.undone, operation.kept) == (2, 0)
    contacts = [db.session.get_one(Contact, row_id) for row_id in ids]
    assert [(c.is_trashed, c.position) for c in contacts] == [(False, "Vocal"), (False, "retired")]


def test_a_draft_and_a_verb_of_another_name_are_migrated_both_ways(own_app):
    actor, status = ALICIA.as_actor(), a_value(Status)
    done = do(ChangeStatus, actor, [a_contact()], status=status.id).id
    with acting_as(actor):
        draft = create_draft_for(ChangeStatus, actor, None)
    draft.selection = {"list": "contacts", "on": "city__contains=C%C3%A1diz Ñ", "except": [3]}
    number = draft.id
    db.session.commit()
    plan = selection_and_plan(done)[1]
    db.session.remove()

    downgrade(revision=OLD)

    assert selection_and_plan(number) == [
        {"view": "ContactView", "on": "city__contains=C%C3%A1diz Ñ", "except": [3]},
        None,
    ]
    assert selection_and_plan(done)[1] == plan
    db.session.remove()

    upgrade(revision=NEW)

    assert selection_and_plan(number)[0] == {
        "list": "contacts", "on": "city__contains=C%C3%A1diz Ñ", "except": [3],
    }  # fmt: skip
    assert selection_and_plan(done)[1] == plan


def test_rows_that_wait_in_items_are_processed_after_the_migration(own_app, monkeypatch):
    """A confirmed operation of the version before, stopped after its first row, goes on."""
    actor, status = ALICIA.as_actor(), a_value(Status)
    rows = [a_contact() for _number in range(4)]
    ids = [row.id for row in rows]
    operation = create_draft_for(ChangeStatus, actor, rows)
    operation = confirm(operation, ChangeStatus, actor, at_once=0, status=status.id)
    number, job_id = operation.id, operation.job_id
    assert operation.job is not None
    first_chunk(operation.job, monkeypatch, 1)
    monkeypatch.undo()
    db.session.remove()

    downgrade(revision=BEFORE_LISTS)

    query = text("SELECT row_id, outcome FROM operation_item ORDER BY row_id")
    assert [tuple(row) for row in db.session.execute(query)] == [
        (ids[0], "changed"), (ids[1], None), (ids[2], None), (ids[3], None)
    ]  # fmt: skip
    db.session.remove()

    upgrade()

    operation = db.session.get_one(Operation, number)
    with acting_as(actor):
        shown = OperationRun.item_rows(db.session(), operation, "", 0, 50)
    assert [row.outcome for row in shown] == ["changed", "left", "left", "left"]
    db.session.rollback()
    assert run_now(job_id) == "done"
    operation = db.session.get_one(Operation, number, populate_existing=True)
    assert (operation.matched, operation.changed) == (4, 4)
    assert undo(operation, actor).undone == 4
