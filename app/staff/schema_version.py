"""Compare the database's schema version with the newest migration."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session


def is_current(session: Session) -> bool:
    """Return True if the newest migration has run; faster than starting Alembic."""
    connection = session.connection()
    if not inspect(connection).has_table("alembic_version"):
        return False
    current = session.scalar(text("SELECT version_num FROM alembic_version"))
    return current == _newest(str(Path(current_app.root_path).parent / "migrations"))


@lru_cache(maxsize=1)
def _newest(folder: str) -> str | None:
    config = Config()
    config.set_main_option("script_location", folder)
    return ScriptDirectory.from_config(config).get_current_head()
