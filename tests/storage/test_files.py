"""Files are stored before the transaction that names them, and go when nothing does."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import select, text, update

from app.contacts.models import Contact
from app.errors import DomainError
from app.extensions import db
from app.storage import files, queries, services
from app.storage.checks import UnusedFiles
from app.storage.files import file_folders, find_file, write_file
from app.storage.kinds import DOCUMENTS, PDF, FileRules
from app.storage.models import StoredFile
from app.storage.services import (
    RETENTION,
    collect_unused_files,
    forget_files,
    open_file,
    store_file,
)
from app.types import now
from tests.databases import migrated_app
from tests.factories import a_contact
from tests.people import seed_people

CONTENTS = b"%PDF-1.7 " + b"x" * 100_000


@pytest.fixture
def later(monkeypatch):
    """Let so much time pass: ``later(timedelta(days=2))``."""

    def pass_time(delta: timedelta) -> None:
        moment = now() + delta
        for module in (files, queries, services):
            monkeypatch.setattr(module, "now", lambda: moment)

    return pass_time


@pytest.fixture
def folder(app, session, tmp_path, monkeypatch):
    monkeypatch.setitem(app.config, "DATA_DIR", str(tmp_path))
    return file_folders(str(tmp_path))[0]


def store(contents: bytes = CONTENTS, name: str = "Acta  2026.pdf", **more) -> StoredFile:
    rules = more.pop("rules", DOCUMENTS)
    return store_file(io.BytesIO(contents), name, rules, "file")


def test_a_file_is_stored_opened_and_forgotten(folder):
    file = store()
    db.session.add(file)
    db.session.commit()
    assert (file.name, file.type, file.size) == ("Acta 2026.pdf", "application/pdf", len(CONTENTS))
    assert file.digest == hashlib.sha256(CONTENTS).hexdigest()
    assert file.key.endswith(".pdf")
    with open_file(file.key) as stream:
        assert stream.read() == CONTENTS
    assert (folder / file.key).stat().st_nlink == 1

    key = file.key
    forget_files(db.session(), [key])
    assert find_file(key), "until the transaction is committed"
    db.session.rollback()
    a_contact()
    assert find_file(key), "and it was not: another one was"
    forget_files(db.session(), [key])
    db.session.commit()
    assert list(folder.iterdir()) == []
    assert db.session.scalars(select(StoredFile)).all() == []
    with pytest.raises(FileNotFoundError):
        open_file(key)


@pytest.mark.parametrize(
    ("contents", "name", "sentence"),
    [
        (b"", "a.pdf", "This file is empty."),
        (b"<script>", "a.html", "Files of this type can’t be stored. Possible: PDF."),
        (b"<script>", "a.pdf", "The contents of this file are not PDF, as its name says."),
        (CONTENTS, "no suffix", "Files of this type can’t be stored. Possible: PDF."),
        (CONTENTS * 11, "a.PDF", "This file is too large (1 MB at most)."),
    ],
)
def test_a_file_that_is_not_taken_is_refused_with_a_sentence(folder, contents, name, sentence):
    with pytest.raises(DomainError) as refused:
        store(contents, name, rules=FileRules((PDF,), 1_000_000))
    assert (str(refused.value), refused.value.field) == (sentence, "file")
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["a.docx", "a.png", "a.webp", "a.gif", "a.jpg", "a.csv", "a.txt"])
def test_contents_must_be_of_the_type_that_the_name_says(folder, name):
    with pytest.raises(DomainError, match="as its name says"):
        store(b"RIFF\0\0\0\0WAVE", name)


@pytest.mark.parametrize(
    "key", ["", ".", "..", "../padron.sqlite3", "a/b.pdf", "/etc/passwd", "\0"]
)
def test_a_key_leads_to_no_other_file(folder, key):
    folder.mkdir()
    (folder.parent / "padron.sqlite3").touch()
    assert find_file(key) is None


def test_a_full_disk_is_a_sentence_and_leaves_nothing(folder, monkeypatch):
    def fail(_handle):
        raise OSError("No space left on device")

    monkeypatch.setattr("app.storage.files.os.fsync", fail)
    with pytest.raises(DomainError, match="could not be stored"):
        store()
    assert list(folder.iterdir()) == []


def test_a_file_without_a_row_is_deleted_after_a_day(app, folder, later):
    key = write_file([CONTENTS], ".pdf").key
    part = folder / "half.pdf.part"
    part.write_bytes(b"cut short by a crash")
    later(timedelta(hours=23))
    assert collect_unused_files(db.session()) == 0
    later(timedelta(hours=25))
    assert UnusedFiles().problem(app, db.session()) is not None
    assert collect_unused_files(db.session()) == 2
    assert find_file(key) is None
    assert not part.exists()
    assert UnusedFiles().problem(app, db.session()) is None


@pytest.mark.both_databases
def test_what_set_based_statements_leave_behind_is_found(folder, later):
    """And a file that somebody names again is kept, whatever its row says."""
    kept, lost = store(), store()
    db.session.add_all([kept, lost])
    contacts = [a_contact(photo=file.key) for file in (kept, lost)]
    keys = kept.key, lost.key
    query = update(Contact).where(Contact.id == contacts[1].id)
    db.session.execute(query.values(photo=None))
    db.session.execute(
        update(StoredFile).where(StoredFile.key == keys[0]).values(expires_at=now())
    )
    db.session.commit()
    later(timedelta(hours=25))
    assert collect_unused_files(db.session()) == 0
    later(timedelta(hours=26) + RETENTION)
    assert collect_unused_files(db.session()) == 1
    assert [find_file(key) is not None for key in keys] == [True, False]


SCRIPT = """
import io, os, signal, sys
from tests.databases import make_app
from app.extensions import db
from app.storage.kinds import DOCUMENTS
from app.storage.services import store_file
from pathlib import Path
app = make_app(sys.argv[1], Path(sys.argv[2]))
with app.app_context():
    db.session.add(store_file(io.BytesIO(b"%PDF-1.7"), "a.pdf", DOCUMENTS, "file"))
    db.session.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_before_the_commit_leaves_what_is_collected(tmp_path, later):
    with migrated_app("sqlite", tmp_path) as app, app.app_context():
        url, data_dir = app.config["SQLALCHEMY_DATABASE_URI"], app.config["DATA_DIR"]
        killed = subprocess.run(
            [sys.executable, "-c", SCRIPT, url, str(tmp_path)], check=False, env=os.environ
        )
        assert killed.returncode == -signal.SIGKILL
        folder = file_folders(data_dir)[0]
        assert len(list(folder.iterdir())) == 1
        assert db.session.scalars(select(StoredFile)).all() == []
        db.session.remove()
        assert collect_unused_files(db.session()) == 0
        later(timedelta(hours=25))
        assert collect_unused_files(db.session()) == 1
        assert list(folder.iterdir()) == []


@pytest.mark.both_databases
def test_the_migration_takes_over_the_photos_of_before(database, tmp_path, later):
    with migrated_app(database, tmp_path) as app, app.app_context():
        seed_people(app.appbuilder.grants())
        contact = a_contact(photo="first.jpg")
        contact.photo = "second.jpg"
        db.session.commit()
        contact_id = contact.id
        folder = file_folders(app.config["DATA_DIR"])[1]
        folder.mkdir()
        for name in ("first.jpg", "second.jpg"):
            (folder / name).write_bytes(b"jpeg")
            os.utime(folder / name, (0, 0))
        db.session.remove()
        downgrade(revision="0030")
        upgrade()
        query = text("SELECT key, owner_id, expires_at IS NULL FROM stored_file ORDER BY key")
        assert [tuple(row) for row in db.session.execute(query)] == [
            ("first.jpg", contact_id, False), ("second.jpg", contact_id, True),
        ]  # fmt: skip
        db.session.remove()
        assert collect_unused_files(db.session()) == 0
        later(RETENTION + timedelta(hours=1))
        assert collect_unused_files(db.session()) == 1
        assert [path.name for path in folder.iterdir()] == ["second.jpg"]
        db.session.remove()
