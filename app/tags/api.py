"""API resource of tags."""

from __future__ import annotations

from app.crud.api import ModelApi
from app.tags.views import TagView


class TagApi(ModelApi):
    """Labels placed on files."""

    view = TagView
