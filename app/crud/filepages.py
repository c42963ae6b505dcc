"""The page that sends a file of a row, for screens whose models have such fields."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, send_file
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name

from app.extensions import db
from app.storage.files import find_file
from app.storage.models import file_fields, key_of, photo_fields
from app.storage.queries import find_stored


class FilePages:
    """Mixin of a screen; it comes before ``ModelView``."""

    find: Any

    @expose("/file/<pk>/<string:field>")
    @has_access
    @permission_name("show")
    def file(self, pk: str, field: str) -> Response:
        """Send a file of a row in the user's scope."""
        return send_row_file(self.find(pk), field)


def has_file(row: Any, field: str) -> bool:
    """Return True if a field of a row is one for files."""
    return field in file_fields(type(row)) and field not in photo_fields(type(row))


def send_row_file(row: Any, field: str) -> Response:
    """Send the file of a field as a download that no browser opens as a page; 404 without one."""
    value = getattr(row, field) if has_file(row, field) else None
    if not value:
        abort(404)
    stored, path = find_stored(db.session(), key_of(value)), find_file(key_of(value))
    if stored is None or path is None:
        abort(404)
    name = value.partition("/")[2].replace("\\", "_").rpartition("/")[2] or "file"
    response = send_file(path, mimetype=stored.type, as_attachment=True, download_name=name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-cache"
    return response
