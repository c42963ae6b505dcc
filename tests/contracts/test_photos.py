"""The life of a photo, for every screen whose model has one: from its form to the purge."""

from __future__ import annotations

import io
import sqlite3
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import inspect, select

from app.crud.modelview import ModelView
from app.crud.trashview import TrashView
from app.extensions import db
from app.log.models import LogEntry
from app.storage import files, queries, services
from app.storage.checks import MissingFiles
from app.storage.files import file_folders, find_file
from app.storage.models import StoredFile, models_with_photos, photo_fields
from app.storage.periodic import DeleteUnusedFiles
from app.storage.services import RETENTION, collect_unused_files
from app.trash.models import Trashable
from app.trash.services import move_to_trash, purge_all
from app.types import now
from tests.databases import migrated_app
from tests.factories import a_row
from tests.people import ALICIA, force_login

SCREENS = [
    (view, field)
    for view in ModelView.all()
    if not issubclass(view, TrashView)
    for field in photo_fields(view.datamodel.obj)
]
every_photo = pytest.mark.parametrize(
    ("view", "field"), SCREENS, ids=[f"{view.__name__}.{field}" for view, field in SCREENS]
)


def picture() -> tuple[io.BytesIO, str]:
    """Return a picture as a form sends it."""
    stream = io.BytesIO()
    Image.new("RGB", (30, 20), "teal").save(stream, "PNG")
    stream.seek(0)
    return stream, "face.png"


def stored(app) -> set[str]:
    return {
        path.name for folder in file_folders(app.config["DATA_DIR"]) for path in folder.glob("*")
    }


@pytest.fixture
def later(monkeypatch):
    """Let so much time pass for the files: ``later(timedelta(days=2))``."""

    def pass_time(delta: timedelta) -> None:
        moment = now() + delta
        for module in (files, queries, services):
            monkeypatch.setattr(module, "now", lambda: moment)

    return pass_time


class Editor:
    """Edits the photo of a row through its form."""

    def __init__(self, browser, view, field: str) -> None:
        self.browser, self.view, self.field = browser, view, field
        self.row = a_row(view.datamodel.obj)

    def save(self, **more):
        data = {"version": self.row.version} | more
        reply = self.browser.post(f"{self.view.route_base}/edit/{self.row.id}", data=data)
        db.session.refresh(self.row)
        return reply

    def save_photo(self) -> str:
        assert self.save(**{self.field: picture()}).status_code == 302
        return getattr(self.row, self.field)

    def put_back(self, old: str, new: str) -> str:
        """Restore a photo from the log entry that replaced it; return the page after it."""
        entries = db.session.scalars(
            select(LogEntry).where(LogEntry.subject_id == self.row.id, LogEntry.event == "changed")
        )
        [entry] = [e for e in entries if (e.changes or {}).get(self.field) == [old, new]]
        address = f"{self.view.route_base}/putback/{self.row.id}/{entry.id}/{self.field}"
        page = self.browser.post(address, follow_redirects=True).text
        db.session.refresh(self.row)
        return page


@pytest.fixture
def editor(view, field, client_as) -> Editor:
    return Editor(client_as(ALICIA), view, field)


@every_photo
def test_a_refused_form_leaves_no_file(app, editor, field):
    before = stored(app)
    reply = editor.save(version="0", **{field: picture()})
    assert reply.status_code == 409
    assert stored(app) == before


@every_photo
def test_a_replaced_photo_can_be_restored_for_a_month(app, editor, field, later):
    first = editor.save_photo()
    second = editor.save_photo()
    later(RETENTION - timedelta(hours=1))
    DeleteUnusedFiles().run(app)
    assert {first, second} <= stored(app)

    editor.put_back(first, second)
    assert getattr(editor.row, field) == first
    expiring = select(StoredFile.key).where(StoredFile.expires_at.is_not(None))
    assert second in (keys := db.session.scalars(expiring).all())
    assert first not in keys

    later(RETENTION * 3)
    DeleteUnusedFiles().run(app)
    assert first in stored(app)
    assert second not in stored(app)
    assert "no longer exists" in editor.put_back(second, first)
    assert getattr(editor.row, field) == first


@every_photo
def test_a_removed_photo_is_deleted_after_a_month(app, editor, field, later):
    name = editor.save_photo()
    editor.save(**{f"{field}_remove": "1"})
    later(RETENTION - timedelta(hours=1))
    collect_unused_files(db.session())
    assert name in stored(app)
    later(RETENTION + timedelta(hours=1))
    collect_unused_files(db.session())
    assert name not in stored(app)


@every_photo
def test_the_photos_of_a_purged_row_are_deleted_with_it(app, editor, view, field):
    model = view.datamodel.obj
    names = {editor.save_photo(), editor.save_photo()}
    assert names <= stored(app)
    rows = select(StoredFile).where(StoredFile.key.in_(names))
    assert len(db.session.scalars(rows).all()) == 2
    if issubclass(model, Trashable):
        move_to_trash(editor.row, ALICIA.as_actor())
        db.session.commit()
        assert names <= stored(app)
        purge_all(db.session(), model, ALICIA.as_actor())
    else:
        db.session.delete(editor.row)
        db.session.commit()
    assert not names & stored(app)
    assert db.session.scalars(rows).all() == []


@every_photo
def test_a_rollback_deletes_no_photo(app, editor):
    name = editor.save_photo()
    db.session.delete(editor.row)
    db.session.flush()
    db.session.rollback()
    db.session.commit()
    assert name in stored(app)


@every_photo
def test_the_photo_of_a_row_in_the_trash_is_kept(app, editor, view, later):
    if not issubclass(view.datamodel.obj, Trashable):
        pytest.skip("has no trash")
    name = editor.save_photo()
    move_to_trash(editor.row, ALICIA.as_actor())
    db.session.commit()
    later(RETENTION * 12)
    collect_unused_files(db.session())
    assert name in stored(app)


@every_photo
def test_a_picture_is_decoded_outside_of_the_transaction(tmp_path, monkeypatch, view, field):
    """While it is decoded, somebody else can write."""
    with migrated_app("sqlite", tmp_path, with_people=True) as app, app.app_context():
        path = app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
        decoded = []

        def decode(_stream, _field):
            with sqlite3.connect(path, timeout=0, isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
            other.close()
            decoded.append(True)
            return b"\xff\xd8\xff"

        monkeypatch.setattr("app.storage.services.to_jpeg", decode)
        browser = app.test_client()
        force_login(browser, ALICIA.user.id)
        editor = Editor(browser, view, field)
        editor.save_photo()
        # Whatever becomes of the form that adds a row: it is decoded first, too.
        browser.post(f"{view.route_base}/add", data={field: picture()})
        assert decoded == [True, True]


@every_photo
def test_the_doctor_finds_rows_whose_photo_is_missing(app, editor):
    name = editor.save_photo()
    assert MissingFiles().problem(app, db.session()) is None
    find_file(name).unlink()
    message = MissingFiles().problem(app, db.session())
    assert message is not None
    assert "data folder: 1." in str(message.sentence)


@pytest.mark.parametrize("model", models_with_photos(), ids=lambda model: model.__tablename__)
def test_the_names_of_photos_are_indexed(connection, model):
    """The files without a row are looked for among all rows."""
    indexes = inspect(connection).get_indexes(model.__tablename__)
    leading = {index["column_names"][0] for index in indexes}
    assert set(photo_fields(model)) <= leading
