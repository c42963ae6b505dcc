"""The periodic task that seals the log."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from app.database import reading
from app.extensions import db
from app.log.seal_file import append_seals
from app.log.sealing import Sealer, last_seal
from app.periodic import PeriodicTask, is_stopping
from app.types import now


class SealLog(PeriodicTask):
    """Seal the entries written since the last seal; those of open transactions wait for a later run."""

    interval_seconds = 20
    # Shared by all runs: it remembers which open transactions it waits for.
    sealer = Sealer()

    def run(self, app: Flask) -> None:
        session = db.session()
        with reading():
            last = last_seal(session)
            session.commit()
        # Another process has just sealed: more seals would only make the chain longer.
        if last is not None and timedelta() <= now() - last.at < timedelta(
            seconds=self.interval_seconds / 2
        ):
            return
        self.sealer.run(session, should_stop=is_stopping)
        append_seals(session, app.config["DATA_DIR"])
