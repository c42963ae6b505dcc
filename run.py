"""The application, for ``flask --app run …`` and for any WSGI server (``run:app``)."""

from app import create_app

app = create_app()
