"""Sample actions: several verbs, plain columns, conditions, and rows changed one by one."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import delete, select

from app.contacts.models import Contact, Status, Tag
from app.extensions import db
from app.jobs import chunk_sizing
from app.log.models import LogEntry
from app.operations.batch import Batch
from app.operations.jobs import OperationRun, OperationUndo
from app.operations.models import OperationItem
from app.operations.serializers import count_reasons
from app.search.queries import search_condition
from app.security.actor import SYSTEM
from tests.contracts.database_contents import compare_contents, read_contents
from tests.factories import a_contact, a_value
from tests.operations.run_actions import do, items_of, preview, undo
from tests.people import ALICIA

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def log_entries(contact: Contact, operation) -> list[LogEntry]:
    """Return the log entries of a contact for an operation."""
    query = select(LogEntry).where(
        LogEntry.operation_id == operation.id,
        LogEntry.subject_type == "contact",
        LogEntry.subject_id == contact.id,
    )
    return list(db.session.scalars(query.order_by(LogEntry.id)))


def find_ids(words: str) -> set[int]:
    return set(
        db.session.scalars(
            select(Contact.id).where(search_condition(db.session(), Contact, words))
        )
    )


def test_several_verbs_change_each_row_where_it_differs_and_are_all_undone(plugs, connection):
    actor, kind = ALICIA.as_actor(), plugs["Welcome"]
    old, new, tag, other = a_value(Status), a_value(Status), a_value(Tag), a_value(Tag)
    rows = [
        a_contact(status=old, position="Vocal", tags=[other]),
        # Empty before: NULL is restored as well.
        a_contact(),
        a_contact(status=new),
        a_contact(status=new, position="Socia"),
        a_contact(tags=[tag]),
        a_contact(status=new, position="Socia", tags=[tag]),
    ]
    before = read_contents(connection)
    answers = {"status": new.id, "position": "Socia", "tag": tag.id}

    seen = preview(kind, actor, rows, **answers)
    operation = do(kind, actor, rows, **answers)

    assert (operation.changed, operation.already) == (seen.will_change, seen.already) == (5, 1)
    assert {(row.status_id, row.position) for row in rows} == {(new.id, "Socia")}
    assert all(tag in row.tags for row in rows)
    assert rows[0].tags == [tag, other]
    assert [sorted(log_entries(row, operation)[0].changes) for row in rows[:5]] == [
        ["position", "status_id", "tags"],
        ["position", "status_id", "tags"],
        ["position", "tags"],
        ["tags"],
        ["position", "status_id"],
    ]
    assert log_entries(rows[1], operation)[0].changes == {
        "status_id": [None, [new.id, str(new)]],
        "position": [None, "Socia"],
        "tags": [[], [[tag.id, str(tag)]]],
    }
    assert log_entries(rows[5], operation) == []

    operation = undo(operation, actor)
    assert (operation.undone, operation.kept) == (5, 0)
    assert compare_contents(before, read_contents(connection)) == {}
    back = log_entries(rows[1], operation)[1].changes
    assert back["position"] == ["Socia", None]
    assert back["status_id"] == [[new.id, str(new)], None]


def test_undo_keeps_a_row_if_the_change_of_one_verb_was_changed_since(plugs):
    actor, kind = ALICIA.as_actor(), plugs["Welcome"]
    new, tag = a_value(Status), a_value(Tag)
    row = a_contact()
    operation = do(kind, actor, [row], status=new.id, position="Socia", tag=tag.id)
    row.position = "Tesorera"
    db.session.commit()

    operation = undo(operation, actor)

    assert (operation.undone, operation.kept) == (0, 1)
    assert (row.status, row.position, row.tags) == (new, "Tesorera", [tag])


def test_many_chunks_have_the_same_result(plugs, connection, monkeypatch):
    """Labels loaded for one chunk are not all that the next one needs."""
    monkeypatch.setattr(chunk_sizing, "MIN_CHUNK_SIZE", 2)
    for job in (OperationRun, OperationUndo):
        monkeypatch.setattr(job, "initial_chunk_sizes", (2, 2))
        monkeypatch.setattr(job, "max_chunk_size", 2)
    actor, kind = ALICIA.as_actor(), plugs["Welcome"]
    new, tag = a_value(Status), a_value(Tag)
    rows = [a_contact(status=a_value(Status), tags=[a_value(Tag)]) for _number in range(5)]
    rows[2].status = None
    db.session.commit()
    olds, before = [(row.status, row.tags[0]) for row in rows], read_contents(connection)

    operation = do(kind, actor, rows, status=new.id, position="Socia", tag=tag.id)

    assert operation.changed == 5
    for row, (status, other) in zip(rows, olds, strict=True):
        (entry,) = log_entries(row, operation)
        assert entry.changes["status_id"][0] == (status and [status.id, str(status)])
        assert entry.changes["tags"][0] == [[other.id, str(other)]]
    operation = undo(operation, actor)
    assert compare_contents(before, read_contents(connection)) == {}
    for row, (status, other) in zip(rows, olds, strict=True):
        back = log_entries(row, operation)[1].changes
        assert back["status_id"][1] == (status and [status.id, str(status)])
        assert back["tags"][1] == [[other.id, str(other)]]


@pytest.mark.parametrize("day", ["2024-02-29", ""])
@pytest.mark.parametrize("text", ["0", 'a "quoted" \\ text', "[1, null]", ""])
def test_plain_columns_are_set_emptied_and_restored(plugs, connection, day, text):
    actor, kind = ALICIA.as_actor(), plugs["ChangePlain"]
    rows = [
        a_contact(birth_date=date(1978, 3, 14), notes="Peña «ñ» 😀\n2"),
        a_contact(birth_date=date(1, 1, 1), notes="null"),
        a_contact(notes='{"a": null}'),
        a_contact(birth_date=date(9999, 12, 31), notes="0.10"),
        a_contact(),
    ]
    before = read_contents(connection)

    operation = do(kind, actor, rows, birth_date=day, notes=text)

    wanted = date.fromisoformat(day) if day else None
    assert {(row.birth_date, row.notes) for row in rows} == {(wanted, text or None)}
    entry = log_entries(rows[0], operation)[0]
    assert entry.changes == {
        "birth_date": ["1978-03-14", day or None],
        "notes": ["Peña «ñ» 😀\n2", text or None],
    }
    undo(operation, actor)
    assert compare_contents(before, read_contents(connection)) == {}


def test_the_search_finds_the_new_text_and_after_undo_the_old_one(plugs, monkeypatch):
    def apply(self, batch: Batch) -> None:
        batch.set(Contact.email, "nueva@example.org")

    kind, actor = plugs["Retire"], ALICIA.as_actor()
    monkeypatch.setattr(kind, "apply", apply)
    row = a_contact(email="antigua@example.org")
    operation = do(kind, actor, [row])
    assert (row.id in find_ids("nueva"), row.id in find_ids("antigua")) == (True, False)

    undo(operation, actor)
    assert (row.id in find_ids("nueva"), row.id in find_ids("antigua")) == (False, True)


def test_a_row_that_is_trashed_and_changed_is_restored_completely(plugs, connection):
    kind, actor = plugs["Retire"], ALICIA.as_actor()
    rows = [a_contact(position="Vocal"), a_contact(), a_contact(position="retired")]
    before = read_contents(connection)

    operation = do(kind, actor, rows)

    assert operation.changed == 3
    assert [log_entries(row, operation)[0].event for row in rows] == ["trashed"] * 3
    assert log_entries(rows[0], operation)[0].changes["position"] == ["Vocal", "retired"]
    operation = undo(operation, actor)
    assert compare_contents(before, read_contents(connection)) == {}
    assert [log_entries(row, operation)[1].event for row in rows] == ["restored"] * 3


def test_undo_keeps_a_row_that_was_restored_since(plugs):
    kind, actor = plugs["Retire"], ALICIA.as_actor()
    row = a_contact()
    operation = do(kind, actor, [row])
    row.trashed_at = row.trashed_by_id = None
    db.session.commit()

    operation = undo(operation, actor)

    assert items_of(operation)[row.id].undone_reason == "since"
    assert len(log_entries(row, operation)) == 1


def test_a_condition_that_is_null_leaves_no_row_out(plugs):
    kind, actor = plugs["Choosy"], ALICIA.as_actor()
    nothing, boss = a_contact(), a_contact(position="boss")
    child, both = a_contact(birth_date=date(2015, 1, 1)), a_contact(position="boss")
    both.birth_date, done = date(2015, 1, 1), a_contact(department="all")
    db.session.commit()
    rows = [nothing, boss, child, both, done]

    seen, operation = preview(kind, actor, rows), do(kind, actor, rows)

    assert (seen.will_change, seen.already, seen.refused, seen.skipped) == (
        1, 1, [("The boss.", 2)], [("Too young.", 1)],
    )  # fmt: skip
    outcomes = {number: (i.outcome, i.reason) for number, i in items_of(operation).items()}
    assert outcomes == {
        nothing.id: ("changed", None),
        boss.id: ("refused", "boss"),
        child.id: ("skipped", "child"),
        both.id: ("refused", "boss"),
        done.id: ("already", None),
    }
    assert [row.department for row in rows] == ["all", None, None, None, "all"]


def test_the_reasons_of_all_chunks_are_counted_once_and_not_from_the_items(plugs, monkeypatch):
    monkeypatch.setattr(chunk_sizing, "MIN_CHUNK_SIZE", 2)
    monkeypatch.setattr(OperationRun, "initial_chunk_sizes", (2, 2))
    monkeypatch.setattr(OperationRun, "max_chunk_size", 2)
    rows = [a_contact(position="boss") for _n in range(3)] + [a_contact()]
    rows += [a_contact(birth_date=date(2015, 1, 1)) for _n in range(3)]

    operation = do(plugs["Choosy"], ALICIA.as_actor(), rows)

    assert (operation.changed, operation.refused, operation.skipped) == (1, 3, 3)
    db.session.execute(delete(OperationItem))
    assert count_reasons(db.session(), operation) == {
        "not_permitted": {"The boss.": 3},
        "skipped": {"Too young.": 3},
    }


def test_rows_changed_one_by_one_obey_the_listeners_and_have_one_log_entry_each(plugs, connection):
    kind, actor = plugs["Rename"], ALICIA.as_actor()
    rows = [a_contact(last_name="Peña"), a_contact(last_name="Ortiz", position="boss")]
    rows += [a_contact(last_name="RUIZ"), a_contact(last_name="Gil")]
    versions = [row.version for row in rows]
    before = read_contents(connection)

    operation = do(kind, actor, rows)

    assert (operation.changed, operation.refused, operation.already) == (2, 1, 1)
    assert [row.last_name for row in rows] == ["RUIZ", "Ortiz", "RUIZ", "RUIZ"]
    assert items_of(operation)[rows[1].id].reason == "Nobody renames the boss."
    assert [len(log_entries(row, operation)) for row in rows] == [1, 0, 0, 1]
    entry = log_entries(rows[0], operation)[0]
    assert entry.changes == {"last_name": ["Peña", "RUIZ"]}
    assert entry.version == rows[0].version == versions[0] + 1
    assert rows[0].id in find_ids("ruiz")

    rows[3].last_name = "Otra"
    db.session.commit()
    operation = undo(operation, actor)
    assert (operation.undone, operation.kept) == (1, 1)
    assert items_of(operation)[rows[3].id].undone_reason == "It has changed since."
    rows[3].last_name = "Gil"
    db.session.commit()
    assert compare_contents(before, read_contents(connection)) == {}


def test_a_batch_rejects_verbs_that_could_not_be_logged_or_undone():
    tags = [a_value(Tag), a_value(Tag)]
    twice, mixed = Batch(Contact, SYSTEM), Batch(Contact, SYSTEM)
    twice.link(Contact.tags, tags[0])
    mixed.set(Contact.position, "x")
    with pytest.raises(ValueError, match="changed twice"):
        twice.unlink(Contact.tags, tags[1])
    with pytest.raises(ValueError, match="only verb"):
        mixed.each(Contact.id > 0, print, print)
    with pytest.raises(ValueError, match="last_name"):
        Batch(Contact, SYSTEM).set(Contact.last_name, "x")
