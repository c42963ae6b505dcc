"""Settings → Repositories → Tags."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.crud.interface import ScopedInterface
from app.crud.repositoryview import RepositoryView
from app.security.areas import Area
from app.tags.models import Tag


class TagView(RepositoryView):
    """Labels placed on files."""

    datamodel = ScopedInterface(Tag)
    route_base = "/tags"
    label = _l("Tags")
    singular = _l("Tag")
    add_title = _l("New tag")
    icon = "tags"
    order = 40
    area = Area.SETTINGS
