"""The application, for ``flask --app run …`` and for any WSGI server (``run:app``)."""

import atexit

from app import create_app
from app.closing import close_database
from app.customfields.loading import load as load_custom_fields

app = create_app()
load_custom_fields(app)
# Short commands and other WSGI servers too leave nothing in SQLite's -wal.
atexit.register(close_database, app)
