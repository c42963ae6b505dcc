"""Forget drafts nobody confirmed, and what was kept for undoing once that is over."""

from __future__ import annotations

from flask import Flask

from app.periodic import Chore, is_stopping
from app.extensions import db
from app.operations.services import forget_drafts, forget_items

# Items deleted in one transaction.
CHUNK = 500


class ForgetOperations(Chore):
    """Delete what serves no more."""

    every = 3600

    def run(self, app: Flask) -> None:
        """Delete it, a little at a time."""
        forget_drafts(db.session())
        db.session.commit()
        while not is_stopping() and forget_items(db.session(), CHUNK):
            db.session.commit()
        db.session.rollback()
