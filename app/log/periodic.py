"""Seal the log, again and again, while the program is served."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from app.periodic import Chore, is_stopping
from app.extensions import db, reading
from app.log.seal_file import note_seals
from app.log.sealing import Sealer, last_seal
from app.types import now


class SealLog(Chore):
    """Seal what was written since; what a slow writer holds back is sealed by a later run."""

    every = 20
    # One for all runs: it remembers whom it waits for.
    sealer = Sealer()

    def run(self, app: Flask) -> None:
        session = db.session()
        with reading():
            last = last_seal(session)
            session.commit()
        # Of several processes one does it; more seals than that would only make the chain longer.
        if last is not None and timedelta() <= now() - last.at < timedelta(seconds=self.every / 2):
            return
        self.sealer.run(session, stops=is_stopping)
        note_seals(session, app.config["DATA_DIR"])
