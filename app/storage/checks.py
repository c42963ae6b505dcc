"""Check that rows and photos belong together."""

from __future__ import annotations

from itertools import islice

from flask import Flask
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app.checks import ADVICE, WARNING, Check, CheckMessage
from app.storage.files import expired_photos, has_photo
from app.storage.queries import named_photos, some_named_photos

# Rows and files looked at: the check is part of a page.
MAX_CHECKED = 2_000


class PhotosWithoutFile(Check):
    """Photos that rows name exist in the data folder."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        missing = sum(not has_photo(name) for name in some_named_photos(session, MAX_CHECKED))
        if not missing:
            return None
        return CheckMessage(
            WARNING,
            _l("Photos missing from the data folder: %(count)s.", count=missing),
            _l("Restore the “photos” folder from a backup."),
        )


class PhotosWithoutRow(Check):
    """Photos that nothing names are deleted in time."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        names = list(islice(expired_photos(), MAX_CHECKED))
        left = len(set(names) - named_photos(session, names)) if names else 0
        if not left:
            return None
        return CheckMessage(
            ADVICE,
            _l("Unused files in the “photos” folder: %(count)s.", count=left),
            _l(
                "They are deleted every hour while “flask --app run serve” is running, and by “run-periodic”."
            ),
        )
