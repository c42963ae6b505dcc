"""Changes of the sealed part of the log are detected."""

from __future__ import annotations

import stat
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from app.extensions import db
from app.log import digests, sealing
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
    falsifications,
    parse_output,
    seal_all,
    seal_file_lines,
    write_history,
)
from tests.sampling import some

pytestmark = pytest.mark.both_databases


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


def problems(folder, **more) -> list[str]:
    return [
        discrepancy.problem for discrepancy in verify(db.session(), folder, **more).discrepancies
    ]


def test_an_unchanged_log_matches_its_seals(sealed):
    result = verify(db.session(), sealed)
    assert result.discrepancies == []
    assert result.notes == []
    assert result.unsealed == 0
    assert result.sealed == len(db.session.scalars(select(LogEntry.id)).all())
    assert result.seals == result.anchored == len(seal_file_lines(sealed)) > 3


def test_each_of_a_hundred_falsifications_is_detected(sealed, database):
    unlock()
    ids = list(db.session.scalars(select(LogEntry.id).order_by(LogEntry.id)))
    seals = [
        (seal.id, seal.first_id, seal.last_id)
        for seal in db.session.scalars(select(LogSeal).order_by(LogSeal.id))
    ]
    connection = db.session().get_bind()
    tried, missed = 0, []
    found = list(falsifications(ids, seals))
    assert len(found) >= 100
    # How a falsified row is read back differs by column, not by the place of the row.
    for name, falsify in found if database == "sqlite" else some(found, 40, "falsifications"):
        db.session.commit()
        attempt = connection.begin_nested()
        falsify(db.session(), sealed)
        tried += 1
        if not problems(sealed):
            missed.append(name)
        db.session.rollback()
        attempt.rollback()
        db.session.expire_all()
    assert missed == []
    assert tried >= (100 if database == "sqlite" else 40)
    assert problems(sealed) == [], "a rolled-back falsification leaves no trace"


def test_every_column_of_an_entry_is_sealed():
    assert set(digests.COLUMNS) == {column.name for column in LogEntry.__table__.columns}


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
def test_a_discrepancy_says_what_was_changed_and_where(sealed, falsify, problem, named):
    unlock()
    third = db.session.scalars(select(LogEntry.id).order_by(LogEntry.id)).all()[2]
    db.session.execute(text(falsify.format(third=third)))
    found = verify(db.session(), sealed).discrepancies
    assert [discrepancy.problem for discrepancy in found] == [problem]
    assert named.format(third=third) in found[0].message


def test_an_entry_inserted_among_sealed_ones_is_reported_as_inserted(sealed):
    unlock()
    first = db.session.scalar(select(LogSeal.first_id).where(LogSeal.id == 1))
    row = {"id": first - 1, "at": now(), "actor_name": "", "channel": "web", "event": "changed"}
    row |= {"subject_type": "contact", "subject_id": 1, "subject_name": ""}
    db.session.execute(insert(LogEntry), [row])
    assert problems(sealed) == ["inserted"]


def test_a_recomputed_chain_is_detected_by_the_file_of_seals(sealed):
    unlock()
    db.session.execute(text("UPDATE log_entry SET actor_name = 'nobody'"))
    db.session.execute(text("DELETE FROM log_seal"))
    sealing.Sealer().run(db.session())
    assert set(problems(sealed)) == {"rewritten"}
    seal_file_path(sealed).unlink()
    result = verify(db.session(), sealed)
    assert result.discrepancies == []
    assert "no file log.seals" in result.notes[0]


def test_changes_nested_too_deeply_to_parse_are_detected(sealed):
    """PostgreSQL would not store it; a value that cannot be parsed must be detected too."""
    unlock()
    deep = "[" * 5_000 + "]" * 5_000
    edit = text("UPDATE log_entry SET changes = :deep WHERE id = (SELECT min(id) FROM log_entry)")
    db.session.execute(edit, {"deep": deep})
    assert problems(sealed) == ["edited"]


@pytest.mark.parametrize("edit", ["at = 'never'", "at = x'ff'", "last_id = 'x'"])
def test_an_unreadable_seal_is_reported(sealed, edit):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("only SQLite takes any value for any column")
    unlock()
    db.session.execute(text(f"UPDATE log_seal SET {edit} WHERE id = 2"))
    db.session.expire_all()
    assert problems(sealed)[-1] == "unreadable"


def test_a_digest_kept_elsewhere_must_be_in_the_chain(sealed):
    head = verify(db.session(), sealed).head
    write_history()
    seal_all(sealed)
    assert problems(sealed, head=head) == []
    assert problems(sealed, head="0" * 64) == ["head"]


def test_the_file_of_seals_is_private_and_has_each_seal_once(sealed):
    before = seal_file_lines(sealed)
    assert append_seals(db.session(), sealed) == 0
    assert seal_file_lines(sealed) == before
    assert stat.S_IMODE(seal_file_path(sealed).stat().st_mode) == 0o600


def test_a_line_cut_short_by_a_crash_is_written_again(sealed):
    whole = seal_file_path(sealed).read_text()
    seal_file_path(sealed).write_text(whole[:-30])
    assert verify(db.session(), sealed).notes != []
    assert append_seals(db.session(), sealed) == 1
    assert problems(sealed) == []
    assert [line.split()[:3] for line in seal_file_lines(sealed)] == [
        line.split()[:3] for line in whole.splitlines()
    ]


def test_seals_made_by_another_host_are_reported_and_then_appended(sealed):
    write_history()
    sealing.Sealer().run(db.session())
    result = verify(db.session(), sealed)
    assert result.discrepancies == []
    assert "lacks" in result.notes[0]
    append_seals(db.session(), sealed)
    assert verify(db.session(), sealed).notes == []


@pytest.mark.parametrize("line", ["nonsense\n", "1 1 x now\n"], ids=["unreadable", "repeated"])
def test_an_edited_file_of_seals_is_detected(sealed, line):
    with seal_file_path(sealed).open("a") as file:
        file.write(line)
    assert problems(sealed) == ["anchor"]


def test_unsealed_entries_are_counted(sealed):
    a_contact()
    result = verify(db.session(), sealed)
    assert (result.discrepancies, result.unsealed) == ([], 1)


def test_the_sealed_range_is_reported(sealed):
    last = db.session.scalars(select(LogEntry).order_by(LogEntry.id.desc()).limit(1)).one()
    assert get_sealed_range(db.session()) == SealedRange(last.id, last.at, 0)
    a_contact()
    a_contact()
    assert get_sealed_range(db.session()) == SealedRange(last.id, last.at, 2)
    data = verify(db.session(), sealed).to_dict()
    assert data["ok"] is True
    assert (data["sealed_upto"], data["sealed_until"]) == (last.id, last.at.isoformat())
    assert "Not sealed yet: 2 of the newest entries" in data["notes"][0]


def test_the_count_of_unsealed_entries_is_capped(sealed, monkeypatch):
    monkeypatch.setattr(sealing, "MAX_UNSEALED_COUNT", 1)
    a_contact()
    a_contact()
    assert get_sealed_range(db.session()).unsealed == 1


def test_an_import_is_sealed_without_discrepancies(session, tmp_path):
    file = tmp_path / "people.csv"
    lines = (f"Ruiz {number},r{number}@example.org" for number in range(60))
    file.write_text("\n".join(("Last name,E-mail", *lines)))
    import_file(file)
    assert seal_all(tmp_path) >= 60
    assert problems(tmp_path) == []


def test_the_periodic_task_seals_and_stops_at_shutdown(app, session, tmp_path, monkeypatch):
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


def test_only_one_of_several_processes_seals_per_period(app, sealed, monkeypatch):
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


def test_an_empty_log_has_no_discrepancies(session, tmp_path):
    unlock()
    db.session.execute(text("DELETE FROM log_entry"))
    assert get_sealed_range(db.session()) == SealedRange(None, None, 0)
    assert seal_all(tmp_path) == 0
    assert verify(db.session(), tmp_path).to_dict()["ok"] is True


@pytest.mark.parametrize("statement", ["UPDATE log_seal SET count = 1", "DELETE FROM log_seal"])
def test_seals_cannot_be_updated_or_deleted(sealed, statement):
    with pytest.raises(DBAPIError, match="only ever added to"), db.session.begin_nested():
        db.session.execute(text(statement))


def test_equal_numbers_in_different_json_notations_are_normalized(sealed):
    assert digests.normalize("changes", '{"a": [1.0, 1e2]}') == {"a": [1, 100]}
    assert digests.normalize("changes", '{"a": [0.1]}') == {"a": [0.1]}


def test_the_commands_seal_and_verify(app, session, tmp_path, monkeypatch):
    monkeypatch.setitem(app.config, "DATA_DIR", str(tmp_path))
    write_history()
    run = app.test_cli_runner()
    done = parse_output(run.invoke(args=["log", "seal"]).output)
    assert done["sealed"] > 30
    assert not done["put_off"]
    invoked = run.invoke(args=["log", "verify"])
    data = parse_output(invoked.output)
    assert (invoked.exit_code, data["ok"], data["unsealed"]) == (0, True, 0)
    assert run.invoke(args=["log", "verify", "--head", data["head"]]).exit_code == 0
    unlock()
    db.session.execute(text("DELETE FROM log_entry WHERE id = (SELECT max(id) FROM log_entry)"))
    result = run.invoke(args=["log", "verify"])
    assert (result.exit_code, parse_output(result.output)["ok"]) == (1, False)
    assert "1 entry was removed between the ids" in result.output
