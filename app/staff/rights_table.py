"""The rights of a role as people read them: by page, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

VERBS = {
    "menu_access": _l("find it in the menu"),
    "can_list": _l("see the list"),
    "can_show": _l("open files"),
    "can_add": _l("add"),
    "can_edit": _l("change"),
    "can_delete": _l("delete"),
    "restore": _l("restore"),
    "can_empty": _l("empty the trash"),
    "can_import": _l("import files"),
    "can_export": _l("export files"),
    "can_this_form_get": _l("open"),
    "can_this_form_post": _l("change"),
}


@dataclass(frozen=True)
class Right:
    """One right: what it allows, its number, and whether the role has it."""

    label: Any
    id: int
    is_held: bool


@dataclass
class PageRights:
    """The rights on one page."""

    label: Any
    rights: list[Right] = field(default_factory=list)

    @property
    def held(self) -> list[Right]:
        """Return the rights that the role has."""
        return [right for right in self.rights if right.is_held]


def rights_table(
    places: Iterable[Any], rights: Iterable[Any], held: set[int]
) -> list[tuple[Any, list[PageRights]]]:
    """Return (group of the menu, pages) of all ``rights``; ``held`` names the role's own."""
    pages = {place.class_permission_name: place for place in places}
    pages |= {type(place).__name__: place for place in list(pages.values())}
    order = {verb: number for number, verb in enumerate(VERBS)}
    groups: dict[str, dict[str, PageRights]] = {}
    for right in sorted(
        rights, key=lambda r: (_place(pages, r), order.get(r.permission.name, 99))
    ):
        place = pages.get(right.view_menu.name)
        group = getattr(place, "category", "") or ""
        row = groups.setdefault(group, {}).setdefault(
            type(place).__name__, PageRights(_name(place, right))
        )
        verb = right.permission.name
        label = VERBS.get(verb) or verb.removeprefix("can_").replace("_", " ")
        row.rights.append(Right(label, right.id, right.id in held))
    return [
        (_(group) if group else _("Other pages"), list(rows.values()))
        for group, rows in groups.items()
    ]


def _place(pages: dict[str, Any], right: Any) -> tuple[bool, str, int, str]:
    place = pages.get(right.view_menu.name)
    category = getattr(place, "category", "")
    return not category, category, getattr(place, "order", 999), right.view_menu.name


def _name(place: Any, right: Any) -> Any:
    names = (getattr(place, name, None) for name in ("list_title", "label", "form_title"))
    return next((name for name in names if name), right.view_menu.name)
