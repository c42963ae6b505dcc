"""The REST API over the views: same permissions, scope, filters, forms and log."""

from app.crud.api.base import Api
from app.crud.api.resource import ModelApi

__all__ = ["Api", "ModelApi"]
