"""Imports that end before their last row: what the pages then say, and what is in."""

from __future__ import annotations

import errno
import io
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app.contacts.models import Contact
from app.extensions import db
from app.importexport import running, slots, uploads
from app.importexport.periodic import DeleteExpiredUploads
from app.importexport.uploads import MAX_AGE_SECONDS, find_upload, store_upload
from app.importexport.writing import ChunkWriter
from app.security.actor import SYSTEM, acting_as
from tests.contacts.test_import_pages import submit_columns, upload
from tests.people import BRUNO

ROWS = 10
FILE = "Apellidos;Nombre;Número\n" + "".join(f"Peña;Ana {n};I{n:03d}\n" for n in range(ROWS))
NOTHING = "Nothing was changed"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(running, "CHUNK_SIZES", {"sqlite": 3, "postgresql": 3})


@pytest.fixture
def browser(client_as):
    return client_as(BRUNO)


@pytest.fixture
def at(browser) -> str:
    """Return the address of an import that was tried out."""
    at = upload(browser, FILE).location
    assert submit_columns(browser, at).location == f"{at}/check"
    return at


def imported() -> int:
    return db.session.scalar(select(func.count(Contact.id)).where(Contact.number.like("I%"))) or 0


def the_upload(at: str):
    found = find_upload(
        at.rpartition("/")[2], "contacts", BRUNO.user.id, current_app.config["DATA_DIR"]
    )
    assert found is not None
    return found


def before_chunk(monkeypatch, number: int, act) -> None:
    """Call ``act`` before the chunk of this number, counted from 1, is written."""
    write, count = ChunkWriter.write, 0

    def interfere(self):
        nonlocal count
        count += 1
        if count == number:
            act()
        write(self)

    monkeypatch.setattr(ChunkWriter, "write", interfere)


def fail_with(error: BaseException):
    def fail():
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("secret"), "Something went wrong"),
        (OSError(errno.ENOSPC, "No space left on device"), "enough space on the server"),
        (OperationalError("", {}, Exception()), "database is not responding"),
    ],
)
def test_an_error_in_the_middle_is_reported_with_the_rows_that_are_in(
    browser, at, monkeypatch, error, reason
):
    before_chunk(monkeypatch, 3, fail_with(error))

    page = browser.post(f"{at}/run", follow_redirects=True).text

    assert imported() == 6
    assert "Import interrupted" in page
    # The first row of the file holds the headers.
    assert "The file was imported up to row 7." in page
    assert reason in page
    assert "secret" not in page
    assert NOTHING not in page
    may_be_in = isinstance(error, OperationalError)
    assert ("Rows up to 10 may also have been imported." in page) is may_be_in


def test_the_end_of_the_process_is_reported_too(browser, at, monkeypatch):
    before_chunk(monkeypatch, 3, fail_with(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        browser.post(f"{at}/run")
    page = browser.get(f"{at}/result").text
    assert "The file was imported up to row 7." in page
    assert "The program was stopped." in page


def test_an_import_whose_process_was_killed_says_where_it_was(browser, at):
    """Nothing could be written any more: the last progress and no result are left."""
    found = the_upload(at)
    assert found.claim()
    found.save_progress({"row": 7, "until": 10, "counts": {"new": 6}})

    page = browser.get(f"{at}/result").text
    assert "Import interrupted" in page
    assert "The file was imported up to row 7. Rows up to 10 may also have been imported." in page
    assert browser.post(f"{at}/run").location == f"{at}/result"
    assert imported() == 0


def test_the_progress_is_on_disk_before_the_next_chunk(browser, at, monkeypatch):
    seen = []
    before_chunk(monkeypatch, 3, lambda: seen.append(the_upload(at).load_progress()))
    browser.post(f"{at}/run")
    assert [(found["row"], found["until"], found["counts"]["new"]) for found in seen] == [
        (7, 10, 6)
    ]


def test_an_import_that_runs_can_be_neither_cancelled_nor_called_interrupted(
    browser, at, monkeypatch
):
    pages = []

    def look():
        found = the_upload(at)
        pages.append(found.is_running())
        # A second tab.
        other = current_app.test_client()
        with other.session_transaction() as cookie, browser.session_transaction() as own:
            cookie.update(own)
        pages.append(other.post(f"{at}/cancel", follow_redirects=True).text)

    before_chunk(monkeypatch, 2, look)
    browser.post(f"{at}/run")
    is_running, page = pages
    assert is_running
    assert "can’t be cancelled" in page
    assert "still running" in page
    assert NOTHING not in page
    assert "Import finished" in browser.get(f"{at}/result").text
    assert imported() == ROWS


def test_an_import_that_ended_cannot_be_cancelled(browser, at):
    browser.post(f"{at}/run")
    page = browser.post(f"{at}/cancel", follow_redirects=True).text
    assert "can’t be cancelled" in page
    assert NOTHING not in page


def test_an_import_that_has_not_begun_is_cancelled(browser, at):
    page = browser.post(f"{at}/cancel", follow_redirects=True).text
    assert NOTHING in page
    assert browser.get(f"{at}/result").status_code == 404


@pytest.mark.parametrize("what", ["locked", "roles"])
def test_whoever_is_locked_does_not_go_on_importing(browser, at, monkeypatch, what):
    def lock():
        with acting_as(SYSTEM):
            if what == "locked":
                BRUNO.user.active = False
            else:
                BRUNO.user.roles = []
            db.session.flush()

    # Before the second chunk is written; it is still done, as it was begun with the rights.
    before_chunk(monkeypatch, 2, lock)
    found = the_upload(at)
    browser.post(f"{at}/run")
    assert imported() == 6
    result = find_upload(found.token, "contacts", BRUNO.user.id, current_app.config["DATA_DIR"])
    assert result is not None
    assert result.state["result"]["interrupted"]["row"] == 7
    assert "rights" in result.state["result"]["interrupted"]["reason"]


def test_only_so_many_imports_are_worked_on_at_once(browser, at):
    with ExitStack() as others:
        for _n in range(slots.MAX_AT_ONCE):
            others.enter_context(slots.import_slot())
        page = submit_columns(browser, at)
        assert page.status_code == 422
        assert "Try again in a moment" in page.text
        page = browser.post(f"{at}/run", follow_redirects=True).text
        assert "Try again in a moment" in page
    assert browser.post(f"{at}/run").location == f"{at}/result"
    assert imported() == ROWS


def test_a_full_disk_is_said_at_the_upload_and_leaves_no_folder(app, browser, monkeypatch):
    folder = Path(uploads._uploads_folder(app.config["DATA_DIR"]))
    before = set(folder.glob("*"))

    def fail(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads.shutil, "copyfileobj", fail)
    reply = upload(browser, FILE)
    assert reply.status_code == 507
    assert "enough space on the server" in reply.text
    assert set(folder.glob("*")) == before


def test_a_full_disk_is_said_when_the_choices_are_stored(browser, at, monkeypatch):
    def fail(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "_write_json", fail)
    reply = submit_columns(browser, at)
    assert reply.status_code == 507
    assert "enough space on the server" in reply.text


def test_uploads_are_forgotten_after_a_day_unless_they_are_being_imported(app, session):

    folder = app.config["DATA_DIR"]
    old, busy, new = (
        store_upload(io.BytesIO(b"a;b\n"), "a.csv", "contacts", 1, folder) for _n in range(3)
    )
    for one in (old, busy):
        moment = one.folder.stat().st_mtime - MAX_AGE_SECONDS - 1
        (one.folder / "lock").touch()
        os.utime(one.folder, (moment, moment))
    with busy.running():
        DeleteExpiredUploads().run(app)
    assert [one.folder.exists() for one in (old, busy, new)] == [False, True, True]
