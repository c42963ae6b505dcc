"""The photos and files of a form: stored before the transaction, assigned to the row within it."""

from __future__ import annotations

from typing import Any

from flask import Response, after_this_request, g, request
from werkzeug.datastructures import FileStorage

from app.crud.fields import PhotoField, UploadField
from app.crud.forms import RowForm
from app.errors import DomainError
from app.extensions import db
from app.fieldtypes import get_field_type
from app.storage.files import delete_from_disk
from app.storage.models import StoredFile, file_fields, key_of, name_file, photo_fields
from app.storage.services import store_copy, store_file, store_photo


def store_uploads(model: Any) -> bool:
    """Store the photos and files of the request; return True if there were any.

    The transaction so far, which only read, is ended: decoding takes time, and on SQLite nobody
    else could write. Rows must be loaded again. Files that are not saved with a row are deleted
    after the request.
    """
    uploads = {
        name: upload
        for name in file_fields(model)
        if (upload := request.files.get(name)) is not None and upload.filename
    }
    if not uploads:
        return False
    db.session.rollback()
    for name, upload in uploads.items():
        _keep(name, _store(model, upload, name))
    return True


def store_copies(model: Any, source: Any) -> None:
    """Store again, for a duplicate, the files of the row that it copies; see ``store_uploads``."""
    copied = {
        name: key_of(value)
        for name in file_fields(model)
        if request.form.get(f"{name}_copy") and name not in g.get("uploads", {})
        if name not in photo_fields(model) and (value := getattr(source, name))
    }
    if not copied:
        return
    files = {name: store_copy(db.session(), key) for name, key in copied.items()}
    db.session.rollback()
    for name, file in files.items():
        if file is not None:
            _keep(name, file)


def store_sent(model: Any, upload: FileStorage, name: str) -> None:
    """Store a file that is sent for a field of the row that is saved in this request."""
    db.session.rollback()
    _keep(name, _store(model, upload, name))


def remove_file(name: str) -> None:
    """Let the row that is saved in this request lose a file."""
    _keep(name, None)


def _keep(name: str, file: StoredFile | DomainError | None) -> None:
    """Note a file of the request, to be deleted unless it is saved; None removes one."""
    if "uploads" not in g:
        g.uploads, g.unsaved_keys = {}, []
        after_this_request(_delete_unsaved)
    g.uploads[name] = file
    if isinstance(file, StoredFile):
        g.unsaved_keys.append(file.key)


def _store(model: Any, upload: FileStorage, field: str) -> StoredFile | DomainError:
    try:
        if field in photo_fields(model):
            return store_photo(upload.stream, field)
        rules = get_field_type(getattr(model, field).property.columns[0]).info["file_rules"]()
        return store_file(upload.stream, upload.filename or "", rules, field, has_suffix=False)
    except DomainError as error:
        return error
    finally:
        upload.close()


def assign_uploads(form: RowForm, row: Any) -> None:
    """Set the stored photos and files of a row, or remove those that were to be removed.

    Raise DomainError if a file could not be stored.
    """
    stored = g.get("uploads", {})
    for field in form:
        if not isinstance(field, PhotoField):
            continue
        if field.name in stored:
            file = stored[field.name]
            if isinstance(file, DomainError):
                raise file
            if file is None:
                setattr(row, field.name, None)
                continue
            db.session.add(file)
            is_file = isinstance(field, UploadField)
            setattr(row, field.name, name_file(file) if is_file else file.key)
        elif request.form.get(f"{field.name}_remove"):
            setattr(row, field.name, None)


def mark_saved() -> None:
    """Keep the files of the request: their row is committed."""
    g.pop("unsaved_keys", None)


def _delete_unsaved(response: Response) -> Response:
    delete_from_disk(g.pop("unsaved_keys", ()))
    return response
