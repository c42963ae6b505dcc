"""Pages of a list from which its rows are imported and exported."""

from app.imports.views.importing import ImportExportPages

__all__ = ["ImportExportPages"]
