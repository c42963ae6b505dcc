"""Close the database at the end of a process, so that a copy of SQLite's file lacks nothing."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.logs import describe

logger = logging.getLogger(__name__)


def close_database(app: Flask) -> None:
    """Close the connections of this process; with SQLite write the ``-wal`` into the file.

    SQLite does so by itself when the last connection is closed, but at the end of a process
    connections are dropped rather than closed. If other processes have the file open, their
    ``-wal`` stays, empty.
    """
    with app.app_context():
        db.session.remove()
        engine = db.engine
        engine.dispose()
        if engine.dialect.name != "sqlite" or not Path(f"{engine.url.database}-wal").exists():
            return
        try:
            with closing(engine.raw_connection()) as connection:
                cursor = connection.cursor()
                cursor.execute("PRAGMA busy_timeout=5000")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                cursor.close()
        except (sqlite3.Error, SQLAlchemyError) as error:
            logger.warning("The database could not be closed well: %s", describe(error))
        engine.dispose()
