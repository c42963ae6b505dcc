"""A collective action may insert a row of another model for each row, and undo that."""

from __future__ import annotations

from typing import Any

import pytest
from flask_appbuilder import Model
from sqlalchemy import ForeignKey, String, exists, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.contacts.models import Contact
from app.extensions import db
from app.log.models import LogEntry, Logged
from app.log.reactions import Reaction
from app.models import VersionedRow
from app.operations.actions import Action, ActionForm, ReasonField
from app.operations.batch import Batch
from app.security.scope import OpenToStaff
from app.states.locks import Guarded
from app.states.rules import Rule
from app.trash.models import Trashable
from tests.factories import a_contact
from tests.operations.run_actions import do, items_of, preview, undo
from tests.people import ALICIA, BRUNO
from tests.sample import sample_app

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]
LOCKED, NO_LETTERS = "This call is confirmed.", "Nobody calls Atlantis."


def declare() -> dict[str, Any]:
    heard: list[tuple] = []

    class Call(Model, VersionedRow, OpenToStaff, Logged, Guarded):
        __tablename__ = "sample_call"
        contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"))
        contact: Mapped[Contact] = relationship()
        text: Mapped[str] = mapped_column(String(40))
        city: Mapped[str | None] = mapped_column(String(40))
        done: Mapped[bool] = mapped_column(default=False)

        def __str__(self) -> str:
            return self.text

        @classmethod
        def locks(cls, row):
            return [(row.text == "locked", LOCKED)]

    class Answer(Model, VersionedRow, OpenToStaff):
        __tablename__ = "sample_answer"
        call_id: Mapped[int] = mapped_column(ForeignKey("sample_call.id"))

    class Task(Model, VersionedRow, OpenToStaff, Logged, Trashable):
        __tablename__ = "sample_task"
        name: Mapped[str] = mapped_column(String(40))
        contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"))

    class NoAtlantis(Rule):
        model, message = Call, NO_LETTERS

        def broken(self, row):
            return row.city == "Atlantis"

    class Hears(Reaction):
        model = Call

        def react(self, session, ids, fields, actor):
            heard.append((self.event, len(ids)))

    class AddCall(Action):
        model, label = Contact, "Add call"

        class Form(ActionForm):
            text = ReasonField("Text")

        def apply(self, batch: Batch) -> None:
            values = {"contact_id": Contact.id, "city": Contact.city, "text": self.answers.text}
            has_one = exists().where(Call.contact_id == Contact.id)
            batch.insert(Call, values, unless=has_one, shown=self.answers.text)

    class AddTask(Action):
        model, label = Contact, "Add task"

        def apply(self, batch: Batch) -> None:
            batch.set(Contact.position, "Vocal")
            batch.insert(Task, {"contact_id": Contact.id, "name": "Ring"})

    return {
        "Call": Call, "Answer": Answer, "Task": Task, "AddCall": AddCall, "AddTask": AddTask,
        "heard": heard,
    }  # fmt: skip


@pytest.fixture(scope="module")
def app(database, tmp_path_factory):
    with sample_app(database, tmp_path_factory.mktemp("sample"), declare) as app:
        yield app


def calls(app, *rows: Contact) -> list[Any]:
    call = app.sample.Call
    query = select(call).where(call.contact_id.in_([row.id for row in rows]))
    return list(db.session.scalars(query.order_by(call.id)))


def test_each_row_gets_one_unless_it_has_one(app):
    action, actor = app.sample.AddCall, BRUNO.as_actor()
    rows = [a_contact(city="Bilbao"), a_contact(), a_contact(), a_contact(city="Atlantis")]
    db.session.add(app.sample.Call(contact=rows[2], text="Earlier"))
    db.session.commit()
    app.sample.heard.clear()

    told = preview(action, actor, rows, text="Ring")
    assert (told.will_change, told.already, told.skipped) == (2, 1, [(NO_LETTERS, 1)])
    assert told.sample[0].changes == [("Call", "", "Ring")]
    assert len(calls(app, *rows)) == 1

    operation = do(action, actor, rows, text="Ring")
    assert (operation.changed, operation.already, operation.skipped) == (2, 1, 1)
    first, second = calls(app, *rows[:2])
    assert [(c.contact_id, c.city, c.text, c.version, c.done) for c in (first, second)] == [
        (rows[0].id, "Bilbao", "Ring", 1, False),
        (rows[1].id, None, "Ring", 1, False),
    ]
    assert items_of(operation)[rows[0].id].before == {"insert.sample_call": [first.id]}
    assert app.sample.heard == [("created", 2)]
    # The rows themselves do not change.
    assert [row.version for row in rows] == [1, 1, 1, 1]

    entries = select(LogEntry).where(LogEntry.subject_type == "sample_call")
    entry = db.session.scalars(entries.where(LogEntry.subject_id == first.id)).one()
    assert (entry.event, entry.operation_id, entry.subject_name) == (
        "created", operation.id, "Ring"
    )  # fmt: skip
    assert entry.changes["contact_id"] == [None, [rows[0].id, str(rows[0])]]


def test_undoing_deletes_what_was_not_changed_locked_or_used_since(app, session):
    action, actor = app.sample.AddCall, ALICIA.as_actor()
    rows = [a_contact() for _number in range(5)]
    operation = do(action, actor, rows, text="Ring")
    _untouched, changed, locked, used, gone = calls(app, *rows)
    changed.text = "Rang twice"
    session.delete(gone)
    session.add(app.sample.Answer(call_id=used.id))
    session.commit()
    table = app.sample.Call.__table__
    session.execute(table.update().where(table.c.id == locked.id).values(text="locked"))
    session.commit()
    session.expire_all()

    undone = undo(operation, actor)
    assert (undone.undone, undone.kept) == (1, 4)
    reasons = [
        action.reason_text(item.undone_reason) for _id, item in sorted(items_of(undone).items())
    ]
    since = "It has changed since."
    assert reasons == ["", since, LOCKED, "It is in use.", since]
    assert calls(app, *rows) == [changed, locked, used]
    query = select(LogEntry.event, LogEntry.operation_id)
    query = query.where(LogEntry.subject_type == "sample_call").order_by(LogEntry.id.desc())
    assert session.execute(query).first() == ("purged", operation.id)


def test_what_has_a_trash_is_moved_there_and_other_verbs_are_undone_too(app, session):
    actor, rows = ALICIA.as_actor(), [a_contact(), a_contact(position="Vocal")]
    operation = do(app.sample.AddTask, actor, rows)
    task = app.sample.Task
    assert session.scalars(select(task.contact_id).order_by(task.id)).all() == [
        row.id for row in rows
    ]
    assert [row.position for row in rows] == ["Vocal", "Vocal"]
    assert undo(operation, actor).undone == 2
    assert session.scalars(select(task.id)).all() == []
    trashed = session.scalars(select(task).execution_options(with_trash=True)).all()
    assert [(row.trashed_by_id, row.version) for row in trashed] == [(actor.id, 2)] * 2
    assert [row.position for row in rows] == [None, "Vocal"]


def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(app, counting):
    action, actor = app.sample.AddCall, ALICIA.as_actor()
    counts = []
    # The first time reads what the process then keeps.
    for number in (1, 2, 12):
        rows = [a_contact() for _number in range(number)]
        for row in rows:
            db.session.refresh(row)
        with counting() as statements:
            operation = do(action, actor, rows, text="Ring")
        with counting() as more:
            undo(operation, actor)
        counts.append((len(statements), len(more)))
    assert counts[1] == counts[2]


@pytest.mark.parametrize(
    "values",
    [{"text": "Ring"}, {"contact_id": Contact.id, "colour": "red"}],
    ids=["no link", "no column"],
)
def test_rows_that_could_not_be_found_again_are_refused(app, values):
    with pytest.raises(ValueError, match=r"is the id of|has no columns"):
        Batch(Contact, ALICIA.as_actor()).insert(app.sample.Call, values)
