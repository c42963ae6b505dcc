"""Store an uploaded file between the steps of an import, for its owner only, for a day."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

MAX_AGE_SECONDS = 24 * 60 * 60
_TOKEN = re.compile(r"^[A-Za-z0-9_-]{32}$")


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
        part = self.folder / "state.json.part"
        part.write_text(json.dumps(self.state, ensure_ascii=False))
        part.replace(self.folder / "state.json")

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

    def remove(self) -> None:
        """Delete the file and everything stored with it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def store_upload(stream: IO[bytes], name: str, owner_id: int, data_dir: str) -> Upload:
    """Store a file for the next steps, and delete uploads that have expired."""
    base = _uploads_folder(data_dir)
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    delete_expired(data_dir)
    folder = base / secrets.token_urlsafe(24)
    folder.mkdir(mode=0o700)
    upload = Upload(folder, {"owner": owner_id, "name": name[:200]})
    with upload.path.open("wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
    upload.save()
    return upload


def find_upload(token: str, owner_id: int, data_dir: str) -> Upload | None:
    """Return the upload with this token if it belongs to the user, else None."""
    if not _TOKEN.match(token):
        return None
    folder = _uploads_folder(data_dir) / token
    try:
        state = json.loads((folder / "state.json").read_text())
    except (OSError, ValueError):
        return None
    return Upload(folder, state) if state.get("owner") == owner_id else None


def delete_expired(data_dir: str) -> None:
    """Delete uploads older than MAX_AGE_SECONDS."""
    limit = time.time() - MAX_AGE_SECONDS
    for folder in _uploads_folder(data_dir).glob("*"):
        try:
            if folder.is_dir() and folder.stat().st_mtime < limit:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


def _uploads_folder(data_dir: str) -> Path:
    return Path(data_dir) / "imports"
