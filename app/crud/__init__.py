"""The house's list, file and form pages: Flask-AppBuilder's, with our manners."""
