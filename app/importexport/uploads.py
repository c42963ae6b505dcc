"""Store an uploaded file between the steps of an import, for its owner only, for a day."""

from __future__ import annotations

import fcntl
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from flask_babel import gettext as _

from app.errors import DomainError

MAX_AGE_SECONDS = 24 * 60 * 60
_TOKEN = re.compile(r"^[A-Za-z0-9_-]{32}$")


class NotWritable(DomainError):
    """The data folder cannot be written, perhaps because the disk is full."""

    def __init__(self) -> None:
        super().__init__(
            _("There isn’t enough space on the server for this file. Tell your administrator.")
        )


@dataclass
class Upload:
    """An uploaded file and the choices its owner has made for the import."""

    folder: Path
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """Return the random name of the upload, as in its addresses."""
        return self.folder.name

    @property
    def path(self) -> Path:
        """Return the path of the file while it waits to be imported."""
        return self.folder / "upload.csv"

    @property
    def rejected_path(self) -> Path:
        """Return the path of the file of rejected rows; it exists only if there are any."""
        return self.folder / "failed.csv"

    def save(self) -> None:
        """Write the state atomically: concurrent readers see the old or the new one."""
        _write_json(self.folder / "state.json", self.state)

    def claim(self) -> bool:
        """Reserve the file for the import; return False if another request already has."""
        try:
            self.path.rename(self.claimed_path)
        except FileNotFoundError:
            return False
        return True

    @property
    def claimed_path(self) -> Path:
        """Return the path of the file while it is being imported."""
        return self.folder / "taken.csv"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Mark the import as running inside the block; the mark ends with the process, too."""
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def is_running(self) -> bool:
        """Return True if a process is importing the file now."""
        try:
            with (self.folder / "lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def save_progress(self, progress: dict[str, Any]) -> None:
        """Write how far the import has come, atomically."""
        _write_json(self.folder / "progress.json", progress)

    def load_progress(self) -> dict[str, Any]:
        """Return how far the import came; empty if it did not begin."""
        try:
            return json.loads((self.folder / "progress.json").read_text())
        except (OSError, ValueError):
            return {}

    def remove(self) -> None:
        """Delete the file and everything stored with it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def store_upload(
    stream: IO[bytes], name: str, importer: str, owner_id: int, data_dir: str
) -> Upload:
    """Store a file for the next steps; raise NotWritable, and leave nothing, if that fails."""
    folder = _uploads_folder(data_dir) / secrets.token_urlsafe(24)
    upload = Upload(folder, {"owner": owner_id, "name": name[:200], "importer": importer})
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        with upload.path.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
        upload.save()
    except OSError:
        upload.remove()
        raise NotWritable from None
    return upload


def find_upload(token: str, importer: str, owner_id: int, data_dir: str) -> Upload | None:
    """Return the upload with this token if it is the user's, for this importer; else None."""
    if not _TOKEN.match(token):
        return None
    folder = _uploads_folder(data_dir) / token
    try:
        state = json.loads((folder / "state.json").read_text())
    except (OSError, ValueError):
        return None
    is_found = (state.get("owner"), state.get("importer")) == (owner_id, importer)
    return Upload(folder, state) if is_found else None


def delete_expired(data_dir: str) -> None:
    """Delete uploads older than MAX_AGE_SECONDS."""
    limit = time.time() - MAX_AGE_SECONDS
    for folder in _uploads_folder(data_dir).glob("*"):
        try:
            is_old = folder.is_dir() and folder.stat().st_mtime < limit
            if is_old and not Upload(folder).is_running():
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


def _write_json(path: Path, data: dict[str, Any]) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(json.dumps(data, ensure_ascii=False))
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _uploads_folder(data_dir: str) -> Path:
    return Path(data_dir) / "imports"
