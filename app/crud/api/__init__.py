"""The API: each screen's rows for programs, by the same rights, filters, forms and log."""

from app.crud.api.base import Api
from app.crud.api.resource import ModelApi

__all__ = ["Api", "ModelApi"]
