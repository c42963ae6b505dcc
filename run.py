"""The application, for ``flask --app run …`` and for any WSGI server (``run:app``)."""

import atexit

from app import create_app
from app.closing import close_database

app = create_app()
# Short commands and other WSGI servers too leave nothing in SQLite's -wal.
atexit.register(close_database, app)
