"""Keep an uploaded file between the steps of an import: private, and not for long."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

KEPT_FOR = 24 * 60 * 60
_TOKEN = re.compile(r"^[A-Za-z0-9_-]{32}$")


@dataclass
class Upload:
    """A file somebody sent, and what they have decided about it so far."""

    folder: Path
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """Return the random name the upload goes by."""
        return self.folder.name

    @property
    def path(self) -> Path:
        """Return where the file is."""
        return self.folder / "upload.csv"

    @property
    def failed(self) -> Path:
        """Return where the rows that were refused are kept, if there are any."""
        return self.folder / "failed.csv"

    def save(self) -> None:
        """Write down what was decided; whoever reads meanwhile sees the old or the new."""
        part = self.folder / "state.json.part"
        part.write_text(json.dumps(self.state, ensure_ascii=False))
        part.replace(self.folder / "state.json")

    def claim(self) -> bool:
        """Take the file for the import; False when another request already has."""
        try:
            self.path.rename(self.folder / "taken.csv")
        except FileNotFoundError:
            return False
        return True

    @property
    def taken(self) -> Path:
        """Return where the file is while it is being imported."""
        return self.folder / "taken.csv"

    def remove(self) -> None:
        """Delete everything that was kept."""
        shutil.rmtree(self.folder, ignore_errors=True)


def keep_upload(stream: IO[bytes], name: str, owner_id: int, data_dir: str) -> Upload:
    """Keep a file for the steps to come, and throw away what has been kept for too long."""
    base = _base(data_dir)
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    forget_old(data_dir)
    folder = base / secrets.token_urlsafe(24)
    folder.mkdir(mode=0o700)
    upload = Upload(folder, {"owner": owner_id, "name": name[:200]})
    with upload.path.open("wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
    upload.save()
    return upload


def find_upload(token: str, owner_id: int, data_dir: str) -> Upload | None:
    """Return an upload of one's own; None for any other."""
    if not _TOKEN.match(token):
        return None
    folder = _base(data_dir) / token
    try:
        state = json.loads((folder / "state.json").read_text())
    except (OSError, ValueError):
        return None
    return Upload(folder, state) if state.get("owner") == owner_id else None


def forget_old(data_dir: str) -> None:
    """Delete what was uploaded more than a day ago."""
    limit = time.time() - KEPT_FOR
    for folder in _base(data_dir).glob("*"):
        try:
            if folder.is_dir() and folder.stat().st_mtime < limit:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


def _base(data_dir: str) -> Path:
    return Path(data_dir) / "imports"
