"""A damaged queue file does not keep the program from starting; a sound one is left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from app.jobs.queue import JobQueue
from app.jobs.queue_file import set_aside_if_damaged


@pytest.fixture
def file(tmp_path) -> Path:
    """Give a queue file with a thousand messages."""
    file = tmp_path / "jobs.sqlite3"
    with opened(file) as queue:
        for number in range(1_000):
            queue.notify_workers([number])
    return file


def opened(file: Path):
    """Open the queue as the program does."""
    app = Flask("queue")
    app.config.update(REDIS_URL=None, DATA_DIR=str(file.parent))
    return Opened(app)


class Opened:
    """A queue that is closed at the end of the block."""

    def __init__(self, app: Flask) -> None:
        self.queue = JobQueue(app)

    def __enter__(self) -> JobQueue:
        return self.queue

    def __exit__(self, *_error) -> None:
        self.queue.huey.storage.close()


def write_text(file: Path) -> None:
    file.write_text("this is not a database, this is a letter\n" * 100)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5_000])


def overwrite_pages(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4_096:16_384] = b"\xff" * (16_384 - 4_096)
    file.write_bytes(content)


def become_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def hold_other_tables(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE task (what TEXT)")
        connection.commit()


@pytest.mark.parametrize(
    "damage", [write_text, cut, overwrite_pages, become_a_folder, hold_other_tables]
)
def test_a_damaged_file_is_set_aside_and_made_anew(damage, file, caplog):
    damage(file)
    with opened(file) as queue:
        queue.notify_workers([7])
        assert queue.count_pending() == 1
    [aside] = file.parent.glob("jobs.sqlite3.damaged-*")
    assert caplog.text.count("cannot be used") == 1
    assert aside.name in caplog.text
    with opened(file) as queue:
        assert queue.count_pending() == 1, "only once"
    assert caplog.text.count("cannot be used") == 1


@pytest.mark.parametrize("content", [b"", b"\x00" * 4_096, b"garbage " * 5_000])
def test_garbage_in_the_wal_does_no_harm(content, file, caplog):
    file.with_name("jobs.sqlite3-wal").write_bytes(content)
    file.with_name("jobs.sqlite3-shm").write_bytes(content)
    with opened(file) as queue:
        assert queue.count_pending() == 1_000
        queue.notify_workers([7])
        assert queue.count_pending() == 1_001
    assert "cannot be used" not in caplog.text


def test_a_locked_file_is_not_damaged(file, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr(
        "app.jobs.queue_file.sqlite3.connect",
        lambda path, **more: connect(path, **more | {"timeout": 0}),
    )
    with closing(connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        set_aside_if_damaged(file)
    with opened(file) as queue:
        assert queue.count_pending() == 1_000
    assert list(file.parent.glob("*damaged*")) == []
