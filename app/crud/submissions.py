"""Recognise a form that is sent twice: every form that creates a row carries a random key."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from typing import Any

from flask import abort, current_app, has_request_context, request
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from app.crud.models import FormSubmission
from app.errors import DomainError
from app.request import is_api_request
from app.security.actor import current_actor
from app.types import now

FIELD = "_key"
HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 200
# Not part of the content: new in every page, or of no importance to what is created.
_NOT_CONTENT = frozenset({"csrf_token", FIELD, "_next"})


class AlreadySubmitted(Exception):
    """The same form was sent before; ``row_id`` is the row it created."""

    def __init__(self, row_id: int | None) -> None:
        super().__init__(row_id)
        self.row_id = row_id


def form_key() -> Markup:
    """Return the hidden field with the key of a form; a form that is shown again keeps it."""
    sent = request.form.get(FIELD, "") if request.method == "POST" else ""
    key = sent if 0 < len(sent) <= MAX_KEY_LENGTH else secrets.token_urlsafe(16)
    return Markup('<input type="hidden" name="%s" value="%s">') % (FIELD, key)


def claim_submission(session: Session) -> None:
    """Record that the form of this request is being saved, in the transaction that saves it.

    Raise AlreadySubmitted if it was saved before. If it is being saved at this moment, wait for
    the end of that transaction. A request without a key is not recognised.
    """
    digests = _digests()
    if digests is None:
        return
    key, content = digests
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = insert(FormSubmission).values(
        key=key, content=content, user_id=current_actor().id, created_at=now()
    )
    statement = statement.on_conflict_do_nothing(index_elements=["key"])
    # The number of rows is unknown to some drivers.
    if session.execute(statement.returning(FormSubmission.key)).first() is not None:
        return
    earlier = session.execute(
        select(FormSubmission.row_id, FormSubmission.content).where(FormSubmission.key == key)
    ).one_or_none()
    if earlier is not None and earlier.content != content:
        raise DomainError(_("This Idempotency-Key has already been used for a different request."))
    raise AlreadySubmitted(None if earlier is None else earlier.row_id)


def record_created_row(session: Session, row_id: int) -> None:
    """Record which row the form of this request has created, in the same transaction."""
    digests = _digests()
    if digests is not None:
        session.execute(
            update(FormSubmission).where(FormSubmission.key == digests[0]).values(row_id=row_id)
        )


def _digests() -> tuple[str, str] | None:
    """Return the digests of the key and of the content; None for a request without a key.

    The key of a page counts together with what was typed: who goes back, changes the form and
    sends it again wants another row. The key of an API request stands alone.
    """
    if not has_request_context():
        return None
    if is_api_request():
        sent = request.headers.get(HEADER)
        if sent is None:
            return None
        if not 0 < len(sent) <= MAX_KEY_LENGTH:
            abort(
                400,
                _(
                    "Idempotency-Key must have between 1 and %(number)s characters.",
                    number=MAX_KEY_LENGTH,
                ),
            )
        content = _digest(request.get_json(silent=True))
        return _digest([current_actor().id, request.path, sent]), content
    sent = request.form.get(FIELD, "")
    if not 0 < len(sent) <= MAX_KEY_LENGTH:
        return None
    typed = [pair for pair in request.form.items(multi=True) if pair[0] not in _NOT_CONTENT]
    files = [(name, file.filename) for name, file in request.files.items(multi=True)]
    content = _digest([sorted(typed), sorted(files, key=str)])
    return _digest([current_actor().id, request.path, sent, content]), content


def _digest(value: Any) -> str:
    # Keyed, so that what was typed (a password) cannot be guessed from the digest.
    secret = current_app.config["SECRET_KEY"].encode()
    text = json.dumps(value, sort_keys=True).encode()
    return hmac.new(secret, text, hashlib.sha256).hexdigest()
