"""The photos of a form: stored before the transaction, assigned to the row within it."""

from __future__ import annotations

from typing import Any

from flask import Response, after_this_request, g, request
from werkzeug.datastructures import FileStorage

from app.crud.fields import PhotoField
from app.crud.forms import RowForm
from app.errors import DomainError
from app.extensions import db
from app.storage.files import delete_from_disk
from app.storage.models import StoredFile, photo_fields
from app.storage.services import store_photo


def store_uploads(model: Any) -> bool:
    """Store the photos of the request; return True if there were any.

    The transaction so far, which only read, is ended: decoding takes time, and on SQLite nobody
    else could write. Rows must be loaded again. Photos that are not saved with a row are deleted
    after the request.
    """
    uploads = {
        name: upload
        for name in photo_fields(model)
        if (upload := request.files.get(name)) is not None and upload.filename
    }
    if not uploads:
        return False
    db.session.rollback()
    g.photos = {name: _store(upload, name) for name, upload in uploads.items()}
    g.unsaved_keys = [file.key for file in g.photos.values() if isinstance(file, StoredFile)]
    after_this_request(_delete_unsaved)
    return True


def _store(upload: FileStorage, field: str) -> StoredFile | DomainError:
    try:
        return store_photo(upload.stream, field)
    except DomainError as error:
        return error


def assign_photos(form: RowForm, row: Any) -> None:
    """Set the stored photos of a row, or remove those that were to be removed.

    Raise DomainError if a file could not be stored.
    """
    stored = g.get("photos", {})
    for field in form:
        if not isinstance(field, PhotoField):
            continue
        if field.name in stored:
            file = stored[field.name]
            if isinstance(file, DomainError):
                raise file
            db.session.add(file)
            setattr(row, field.name, file.key)
        elif request.form.get(f"{field.name}_remove"):
            setattr(row, field.name, None)


def mark_saved() -> None:
    """Keep the photos of the request: their row is committed."""
    g.pop("unsaved_keys", None)


def _delete_unsaved(response: Response) -> Response:
    delete_from_disk(g.pop("unsaved_keys", ()))
    return response
