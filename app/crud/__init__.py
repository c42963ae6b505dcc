"""Generated list, show and form pages and the REST API, on Flask-AppBuilder's ModelView."""
