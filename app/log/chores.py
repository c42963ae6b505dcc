"""Seal the log, every minute, while the program is served."""

from __future__ import annotations

from flask import Flask

from app.chores import Chore, is_stopping
from app.extensions import db
from app.log.anchor import note_seals
from app.log.sealing import Sealer


class SealLog(Chore):
    """Seal what was written since; what a slow writer holds back is sealed by a later run."""

    every = 60
    # One for all runs: it remembers whom it waits for.
    sealer = Sealer()

    def run(self, app: Flask) -> None:
        session = db.session()
        self.sealer.run(session, stops=is_stopping)
        note_seals(session, app.config["DATA_DIR"])
