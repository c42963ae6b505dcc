"""Check that rows and files belong together."""

from __future__ import annotations

from itertools import islice

from flask import Flask
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app.checks import ADVICE, WARNING, Check, CheckMessage
from app.storage.files import find_file, old_files
from app.storage.queries import newest_keys, stored_keys

# Rows and files looked at: the check is part of a page.
MAX_CHECKED = 2_000


class MissingFiles(Check):
    """Files that rows name exist in the data folder."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        missing = sum(find_file(key) is None for key in newest_keys(session, MAX_CHECKED))
        if not missing:
            return None
        return CheckMessage(
            WARNING,
            _l("Files missing from the data folder: %(count)s.", count=missing),
            _l("Restore the folders “files” and “photos” from a backup."),
        )


class UnusedFiles(Check):
    """Files that nothing names are deleted in time."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        keys = list(islice(old_files(), MAX_CHECKED))
        left = len(set(keys) - stored_keys(session, keys)) if keys else 0
        if not left:
            return None
        return CheckMessage(
            ADVICE,
            _l("Unused files in the data folder: %(count)s.", count=left),
            _l(
                "They are deleted every hour while “flask --app run serve” is running, and by “run-periodic”."
            ),
        )
