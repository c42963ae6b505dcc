"""View of entities, in Settings."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.entities.models import Entity
from app.i18n.counted import Counted
from app.security.areas import Area


class EntityView(ModelView):
    """Regions, departments, branches."""

    datamodel = ScopedInterface(Entity)
    route_base = "/entities"
    hint_columns = ("parent",)
    label = _l("Entities")
    singular = _l("Entity")
    counted = Counted("%(num)s entity", "%(num)s entities")
    add_title = _l("New entity")
    all_label = _l("All entities")
    per_page_label = _l("Entities per page")
    icon = "diagram-3"
    category = "Settings"
    order = 10
    area = Area.SETTINGS
    is_personal = False
    label_columns: ClassVar[dict[str, Any]] = {"path": _l("Full path")}
    list_columns: ClassVar[Any] = ["name", "parent"]
    order_by: ClassVar[dict[str, str]] = {"path": "path"}
    base_sort = "path"
    search_columns: ClassVar[Any] = ["name", "parent"]
    edit_columns: ClassVar[Any] = ["name", "parent"]
    show_columns: ClassVar[Any] = ["name", "parent"]
    description_columns: ClassVar[dict[str, Any]] = {
        "parent": _l("Staff in the parent entity can see everything in this one.")
    }
