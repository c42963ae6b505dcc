"""What was sealed cannot be edited, removed, moved or added to without being found."""

from __future__ import annotations

import stat
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from app.extensions import db
from app.log import sealing
from app.log.models import LogEntry, LogSeal
from app.log.periodic import SealLog
from app.log.seal_file import append_seals, seal_file_path
from app.log.sealing import SealedRange, get_sealed_range, last_seal
from app.log.verification import verify
from app.types import now
from tests.contacts.importing import import_file
from tests.factories import a_contact
from tests.log.falsifications import (
    UNLOCK,
    anchor_lines,
    falsifications,
    seal_all,
    told,
    write_history,
)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(sealing, "CHUNK_SIZE", 11)


@pytest.fixture
def sealed(session, tmp_path):
    write_history()
    seal_all(tmp_path)
    return tmp_path


def unlock() -> None:
    for statement in UNLOCK[db.engine.dialect.name]:
        db.session.execute(text(statement))


def findings(folder, **more) -> list[str]:
    return [
        discrepancy.problem for discrepancy in verify(db.session(), folder, **more).discrepancies
    ]


def test_an_honest_history_is_sound(sealed):
    result = verify(db.session(), sealed)
    assert result.discrepancies == []
    assert result.notes == []
    assert result.unsealed == 0
    assert result.sealed == len(db.session.scalars(select(LogEntry.id)).all())
    assert result.seals == result.anchored == len(anchor_lines(sealed)) > 3


def test_every_one_of_a_hundred_falsifications_is_found(sealed):
    unlock()
    ids = list(db.session.scalars(select(LogEntry.id).order_by(LogEntry.id)))
    seals = [
        (seal.id, seal.first_id, seal.last_id)
        for seal in db.session.scalars(select(LogSeal).order_by(LogSeal.id))
    ]
    connection = db.session().get_bind()
    tried, missed = 0, []
    for name, falsify in falsifications(ids, seals):
        db.session.commit()
        attempt = connection.begin_nested()
        falsify(db.session(), sealed)
        tried += 1
        if not findings(sealed):
            missed.append(name)
        db.session.rollback()
        attempt.rollback()
        db.session.expire_all()
    assert missed == []
    assert tried >= 100
    assert findings(sealed) == [], "what was undone leaves no trace"


def test_every_column_of_an_entry_is_sealed():
    assert set(sealing.COLUMNS) == {column.name for column in LogEntry.__table__.columns}


@pytest.mark.parametrize(
    ("falsify", "problem", "named"),
    [
        ("UPDATE log_entry SET actor_name = 'x' WHERE id = {third}", "edited", "ids"),
        ("DELETE FROM log_entry WHERE id = {third}", "removed", "not there: {third}"),
        ("UPDATE log_seal SET digest = 'x' WHERE id = 1", "seal_edited", "digest"),
        ("UPDATE log_seal SET count = 99 WHERE id = 1", "seal_edited", "bounds"),
        ("DELETE FROM log_seal WHERE id = 1", "seal_removed", "Seal 1"),
        ("DELETE FROM log_seal WHERE id > 1", "tail_removed", "Seals 2 to"),
    ],
    ids=["edited", "removed", "digest", "bounds", "seal", "tail"],
)
def test_the_finding_says_what_was_done_and_where(sealed, falsify, problem, named):
    unlock()
    third = db.session.scalars(select(LogEntry.id).order_by(LogEntry.id)).all()[2]
    db.session.execute(text(falsify.format(third=third)))
    found = verify(db.session(), sealed).discrepancies
    assert [discrepancy.problem for discrepancy in found] == [problem]
    assert named.format(third=third) in found[0].message


def test_an_entry_put_into_a_sealed_stretch_is_told_as_such(sealed):
    unlock()
    first = db.session.scalar(select(LogSeal.first_id).where(LogSeal.id == 1))
    row = {"id": first - 1, "at": now(), "actor_name": "", "channel": "web", "event": "changed"}
    row |= {"subject_type": "contact", "subject_id": 1, "subject_name": ""}
    db.session.execute(insert(LogEntry), [row])
    assert findings(sealed) == ["inserted"]


def test_a_chain_made_anew_is_found_by_the_file_outside_the_database(sealed):
    unlock()
    db.session.execute(text("UPDATE log_entry SET actor_name = 'nobody'"))
    db.session.execute(text("DELETE FROM log_seal"))
    sealing.Sealer().run(db.session())
    assert set(findings(sealed)) == {"rewritten"}
    seal_file_path(sealed).unlink()
    result = verify(db.session(), sealed)
    assert result.discrepancies == []
    assert "no file log.seals" in result.notes[0]


def test_changes_nested_so_deeply_that_nothing_reads_them_are_found(sealed):
    """PostgreSQL would not store such a thing; a reader that gives up must find it all the same."""
    unlock()
    deep = "[" * 5_000 + "]" * 5_000
    edit = text("UPDATE log_entry SET changes = :deep WHERE id = (SELECT min(id) FROM log_entry)")
    db.session.execute(edit, {"deep": deep})
    assert findings(sealed) == ["edited"]


@pytest.mark.parametrize("edit", ["at = 'never'", "at = x'ff'", "last_id = 'x'"])
def test_a_seal_that_cannot_be_read_is_told_of_and_not_stumbled_over(sealed, edit):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("only SQLite takes any value for any column")
    unlock()
    db.session.execute(text(f"UPDATE log_seal SET {edit} WHERE id = 2"))
    db.session.expire_all()
    assert findings(sealed)[-1] == "unreadable"


def test_a_digest_noted_elsewhere_must_be_in_the_chain(sealed):
    head = verify(db.session(), sealed).head
    write_history()
    seal_all(sealed)
    assert findings(sealed, head=head) == []
    assert findings(sealed, head="0" * 64) == ["head"]


def test_the_file_is_ours_alone_and_each_seal_is_noted_once(sealed):
    before = anchor_lines(sealed)
    assert append_seals(db.session(), sealed) == 0
    assert anchor_lines(sealed) == before
    assert stat.S_IMODE(seal_file_path(sealed).stat().st_mode) == 0o600


def test_a_line_cut_short_by_a_crash_is_written_again(sealed):
    whole = seal_file_path(sealed).read_text()
    seal_file_path(sealed).write_text(whole[:-30])
    assert verify(db.session(), sealed).notes != []
    assert append_seals(db.session(), sealed) == 1
    assert findings(sealed) == []
    assert [line.split()[:3] for line in anchor_lines(sealed)] == [
        line.split()[:3] for line in whole.splitlines()
    ]


def test_seals_made_by_another_host_are_said_and_then_noted(sealed):
    write_history()
    sealing.Sealer().run(db.session())
    result = verify(db.session(), sealed)
    assert result.discrepancies == []
    assert "lacks" in result.notes[0]
    append_seals(db.session(), sealed)
    assert verify(db.session(), sealed).notes == []


@pytest.mark.parametrize("line", ["nonsense\n", "1 1 x now\n"], ids=["unreadable", "repeated"])
def test_a_file_that_was_written_to_is_found(sealed, line):
    with seal_file_path(sealed).open("a") as file:
        file.write(line)
    assert findings(sealed) == ["anchor"]


def test_what_is_not_sealed_yet_is_counted(sealed):
    a_contact()
    result = verify(db.session(), sealed)
    assert (result.discrepancies, result.unsealed) == ([], 1)


def test_it_is_told_how_far_the_seals_reach(sealed):
    last = db.session.scalars(select(LogEntry).order_by(LogEntry.id.desc()).limit(1)).one()
    assert get_sealed_range(db.session()) == SealedRange(last.id, last.at, 0)
    a_contact()
    a_contact()
    assert get_sealed_range(db.session()) == SealedRange(last.id, last.at, 2)
    told = verify(db.session(), sealed).to_dict()
    assert told["ok"] is True
    assert (told["sealed_upto"], told["sealed_until"]) == (last.id, last.at.isoformat())
    assert "Not sealed yet: 2 of the newest entries" in told["notes"][0]


def test_what_is_not_sealed_is_not_counted_without_end(sealed, monkeypatch):
    monkeypatch.setattr(sealing, "MAX_UNSEALED_COUNT", 1)
    a_contact()
    a_contact()
    assert get_sealed_range(db.session()).unsealed == 1


def test_an_import_is_sealed_without_a_false_alarm(session, tmp_path):
    file = tmp_path / "people.csv"
    lines = (f"Ruiz {number},r{number}@example.org" for number in range(60))
    file.write_text("\n".join(("Last name,E-mail", *lines)))
    import_file(file)
    assert seal_all(tmp_path) >= 60
    assert findings(tmp_path) == []


def test_the_chore_seals_and_notes_and_stops_when_told(app, session, tmp_path, monkeypatch):
    monkeypatch.setitem(app.config, "DATA_DIR", str(tmp_path))
    write_history()
    monkeypatch.setattr("app.log.periodic.is_stopping", lambda: True)
    SealLog().run(app)
    assert last_seal(db.session()) is None
    monkeypatch.setattr("app.log.periodic.is_stopping", lambda: False)
    SealLog().run(app)
    result = verify(db.session(), tmp_path)
    assert result.discrepancies == []
    assert (result.unsealed, result.anchored) == (0, result.seals)


def test_of_several_processes_one_seals_at_a_time(app, sealed, monkeypatch):
    monkeypatch.setitem(app.config, "DATA_DIR", str(sealed))
    a_contact()
    sealed_at = last_seal(db.session()).at
    monkeypatch.setattr("app.log.periodic.now", lambda: sealed_at + timedelta(seconds=1))
    SealLog().run(app)
    assert get_sealed_range(db.session()).unsealed == 1, "another process sealed just now"
    later = sealed_at + timedelta(seconds=SealLog.interval_seconds)
    monkeypatch.setattr("app.log.periodic.now", lambda: later)
    SealLog().run(app)
    assert get_sealed_range(db.session()).unsealed == 0


def test_an_empty_log_is_sound(session, tmp_path):
    unlock()
    db.session.execute(text("DELETE FROM log_entry"))
    assert get_sealed_range(db.session()) == SealedRange(None, None, 0)
    assert seal_all(tmp_path) == 0
    assert verify(db.session(), tmp_path).to_dict()["ok"] is True


@pytest.mark.parametrize("statement", ["UPDATE log_seal SET count = 1", "DELETE FROM log_seal"])
def test_seals_can_only_be_added(sealed, statement):
    with pytest.raises(DBAPIError, match="only ever added to"), db.session.begin_nested():
        db.session.execute(text(statement))


def test_numbers_that_json_writes_in_two_ways_are_one(sealed):
    assert sealing._normalize("changes", '{"a": [1.0, 1e2]}') == {"a": [1, 100]}
    assert sealing._normalize("changes", '{"a": [0.1]}') == {"a": [0.1]}


def test_the_commands_seal_and_verify(app, session, tmp_path, monkeypatch):
    monkeypatch.setitem(app.config, "DATA_DIR", str(tmp_path))
    write_history()
    run = app.test_cli_runner()
    done = told(run.invoke(args=["log", "seal"]).output)
    assert done["sealed"] > 30
    assert not done["put_off"]
    invoked = run.invoke(args=["log", "verify"])
    data = told(invoked.output)
    assert (invoked.exit_code, data["ok"], data["unsealed"]) == (0, True, 0)
    assert run.invoke(args=["log", "verify", "--head", data["head"]]).exit_code == 0
    unlock()
    db.session.execute(text("DELETE FROM log_entry WHERE id = (SELECT max(id) FROM log_entry)"))
    result = run.invoke(args=["log", "verify"])
    assert (result.exit_code, told(result.output)["ok"]) == (1, False)
    assert "1 entry was removed between the ids" in result.output
